//! Nodes join with a token, renew, and are removed.

use std::time::{Duration, SystemTime};

use gatewright_control::{JoinTokenWish, NodeError};
use gatewright_core::NodeRole;
use gatewright_identity::{JoinToken, NodeCredentials, NodeKey};
use gatewright_ports::control::{Der, JoinRequest, Joined, RenewRequest, SecretText};
use gatewright_ports::{Control, ControlError};

use crate::support::{HandClock, Plane, Site, admin};

fn wish(roles: &[NodeRole]) -> JoinTokenWish {
    JoinTokenWish {
        roles: roles.iter().copied().collect(),
        zone: "south".into(),
        uses: 1,
        lifetime: Duration::from_hours(1),
        created_by: "admin".into(),
    }
}

fn joining(token: &JoinToken, key: &NodeKey) -> JoinRequest {
    JoinRequest {
        token: SecretText(token.text().into()),
        request: Der(key.request().unwrap()),
        name: "rack 7".into(),
        address: None,
    }
}

fn credentials(key: &NodeKey, joined: Joined) -> NodeCredentials {
    NodeCredentials::new(key, joined.certificate.0.into(), joined.authority.0.into()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_brings_one_node_with_its_roles_and_zone() {
    let site = Site::new();
    let Plane { control, .. } = site.open().await;
    let token = control.add_node(&wish(&[NodeRole::Agent]), &admin()).await.unwrap();
    let key = NodeKey::generate().unwrap();
    let joined = credentials(&key, control.join(joining(&token, &key)).await.unwrap());
    let identity = joined.identity();
    assert_eq!(identity.roles, [NodeRole::Agent].into());
    assert_ne!(identity.zone, control.own_zone(), "zone south was made");

    assert_eq!(gatewright_identity::Fingerprint::of(joined.authority()), token.authority());

    // The token was for one machine; another token is none at all.
    let other = NodeKey::generate().unwrap();
    assert_eq!(control.join(joining(&token, &other)).await.unwrap_err(), ControlError::NotFound);
    let forged = JoinToken::generate(token.authority()).unwrap();
    assert_eq!(control.join(joining(&forged, &other)).await.unwrap_err(), ControlError::NotFound);
    assert_eq!(control.members().await.unwrap().len(), 1);

    let plane = Plane {
        control,
        seeded: Default::default(),
    };
    let actions = plane.actions().await;
    let told: Vec<&str> = actions
        .iter()
        .map(String::as_str)
        .filter(|action| action.starts_with("node."))
        .collect();
    assert_eq!(told, ["node.token", "node.joined"]);
    plane.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_over_in_time_and_needs_a_role() {
    let site = Site::new();
    let clock = HandClock::new();
    let mut config = site.config();
    config.clock = clock.clone();
    let Plane { control, .. } = site.open_with(config).await;
    let token = control.add_node(&wish(&[NodeRole::Agent]), &admin()).await.unwrap();
    clock.advance(Duration::from_secs(3601));
    let key = NodeKey::generate().unwrap();
    assert_eq!(control.join(joining(&token, &key)).await.unwrap_err(), ControlError::NotFound);
    for bad in [
        wish(&[]),
        JoinTokenWish {
            uses: 0,
            ..wish(&[NodeRole::Agent])
        },
        JoinTokenWish {
            lifetime: Duration::from_hours(24 * 8),
            ..wish(&[NodeRole::Agent])
        },
    ] {
        assert!(matches!(control.add_node(&bad, &admin()).await, Err(NodeError::Wish)), "{bad:?}");
    }
    control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_renews_until_it_is_removed() {
    let site = Site::new();
    let Plane { control, .. } = site.open().await;
    let token = control.add_node(&wish(&[NodeRole::ConnectionProxy]), &admin()).await.unwrap();
    let key = NodeKey::generate().unwrap();
    let joined = credentials(&key, control.join(joining(&token, &key)).await.unwrap());
    let node = joined.identity().node;

    let renewing = |key: &NodeKey, address: &str| RenewRequest {
        request: Der(key.request().unwrap()),
        address: Some(address.into()),
    };
    let next = NodeKey::generate().unwrap();
    let renewed = credentials(&next, control.renew(node, renewing(&next, "192.0.2.4:7443")).await.unwrap());
    assert_eq!(renewed.identity(), joined.identity());
    assert!(!renewed.needs_renewal(SystemTime::now()));
    let deployment = control.deployment().await.unwrap();
    assert_eq!(
        deployment
            .peers
            .iter()
            .filter_map(|peer| peer.address.as_deref())
            .collect::<Vec<_>>(),
        ["192.0.2.4:7443"]
    );
    // What others are to dial is an address and nothing else.
    for bad in ["192.0.2.4", "host:0", ":7443", "a b:7443", "http://host:7443/x"] {
        assert_eq!(
            control.renew(node, renewing(&next, bad)).await.unwrap_err(),
            ControlError::NotFound,
            "{bad}"
        );
    }

    assert!(control.remove_node(node, &admin()).await.unwrap());
    assert!(!control.remove_node(node, &admin()).await.unwrap(), "it is removed once");
    let deployment = control.deployment().await.unwrap();
    assert!(deployment.removed.contains(&node) && deployment.peers.is_empty());
    assert_eq!(
        control.renew(node, renewing(&next, "192.0.2.4:7443")).await.unwrap_err(),
        ControlError::NotFound
    );
    control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_apps_over_one_database_have_one_authority() {
    let site = Site::shared();
    let (one, other) = tokio::join!(site.open(), site.open());
    let token = one.control.add_node(&wish(&[NodeRole::Agent]), &admin()).await.unwrap();
    let key = NodeKey::generate().unwrap();
    let joined = credentials(&key, other.control.join(joining(&token, &key)).await.unwrap());
    let next = NodeKey::generate().unwrap();
    let request = RenewRequest {
        request: Der(next.request().unwrap()),
        address: None,
    };
    let renewed = credentials(&next, one.control.renew(joined.identity().node, request).await.unwrap());
    assert_eq!(renewed.authority(), joined.authority());
    one.control.shutdown().await;
    other.control.shutdown().await;
}
