//! Nodes join with a token, renew, and are removed.

use std::time::{Duration, SystemTime};

use gatewright_control::{JoinTokenWish, NodeError, NodeStateView, RemoveNodeError, remove_node};
use gatewright_core::NodeRole;
use gatewright_core::session::SessionState;
use gatewright_database::Store;
use gatewright_identity::{JoinToken, NodeCredentials, NodeKey};
use gatewright_ports::control::{Der, JoinRequest, Joined, RenewRequest, SecretText};
use gatewright_ports::{Control, ControlError};

use crate::agent::FakeAgent;
use crate::support::{HandClock, Plane, Site, admin, eventually};

fn wish(roles: &[NodeRole]) -> JoinTokenWish {
    JoinTokenWish {
        roles: roles.iter().copied().collect(),
        zone: "south".into(),
        uses: 1,
        lifetime: Duration::from_hours(1),
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
    assert_eq!(control.node_views().await.unwrap().len(), 1);

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
        public_url: None,
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

    control.remove_node(node, &admin()).await.unwrap();
    let again = control.remove_node(node, &admin()).await;
    assert!(matches!(again, Err(RemoveNodeError::NotFound)), "it is removed once");
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
        public_url: None,
    };
    let renewed = credentials(&next, one.control.renew(joined.identity().node, request).await.unwrap());
    assert_eq!(renewed.authority(), joined.authority());
    one.control.shutdown().await;
    other.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sessions_of_a_removed_node_end_though_nobody_reaches_it() {
    let site = Site::new();
    let plane = site.open().await;
    let control = &plane.control;
    let token = control.add_node(&wish(&[NodeRole::Agent]), &admin()).await.unwrap();
    let key = NodeKey::generate().unwrap();
    let joined = credentials(&key, control.join(joining(&token, &key)).await.unwrap());
    let agent = FakeAgent::new(1, 4).of(joined.identity().node).share();
    plane.add(&agent).await;
    let views = control.node_views().await.unwrap();
    assert_eq!(
        views.iter().map(|one| (one.zone.as_str(), one.state)).collect::<Vec<_>>(),
        [("south", NodeStateView::Ready)]
    );
    let session = plane.launch().await;
    plane.wait_state(session, SessionState::Ready).await;
    let used = control.node_views().await.unwrap().remove(0).capacity.unwrap();
    assert_eq!(used.left.sessions, used.total.sessions - 1);

    // It answers nobody any more, as a machine that burnt down.
    control.unregister_agent(agent.node);
    control.remove_node(agent.node, &admin()).await.unwrap();
    let view = plane.wait_final(session).await;
    assert_eq!(view.state, SessionState::Ended);
    assert_eq!(
        view.end.unwrap().text,
        "The machine that ran this session was removed. Launch it again."
    );
    assert_eq!(control.node_views().await.unwrap().remove(0).state, NodeStateView::Removed);
    let actions = plane.actions().await;
    for action in ["node.removed", "session.ending", "session.ended"] {
        assert_eq!(actions.iter().filter(|one| *one == action).count(), 1, "{action} of {actions:?}");
    }
    control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_from_beside_a_running_web_app_is_carried_through() {
    let site = Site::new();
    let plane = site.open().await;
    let control = &plane.control;
    control.recover().await.unwrap();
    let token = control.add_node(&wish(&[NodeRole::Agent]), &admin()).await.unwrap();
    let key = NodeKey::generate().unwrap();
    let joined = credentials(&key, control.join(joining(&token, &key)).await.unwrap());
    let agent = FakeAgent::new(1, 4).of(joined.identity().node).share();
    plane.add(&agent).await;
    let session = plane.launch().await;
    plane.wait_state(session, SessionState::Ready).await;

    // As the command line does it, which has the database alone.
    let beside = Store::connect(&site.config().database).await.unwrap();
    let ending = remove_node(&beside, agent.node, &admin(), SystemTime::now()).await.unwrap();
    assert_eq!(ending, Some(vec![session]));
    beside.close().await;
    let over = async || control.session(session).await.unwrap().unwrap().state == SessionState::Ended;
    eventually("the session ends", over).await;
    control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edges_alone_say_where_people_reach_them() {
    let site = Site::new();
    let Plane { control, .. } = site.open().await;
    let mut joined = Vec::new();
    for role in [NodeRole::DedicatedProxy, NodeRole::ConnectionProxy] {
        let token = control.add_node(&wish(&[role]), &admin()).await.unwrap();
        let key = NodeKey::generate().unwrap();
        let credentials = credentials(&key, control.join(joining(&token, &key)).await.unwrap());
        joined.push(credentials.identity().node);
    }
    let renewing = |url: &str| {
        let key = NodeKey::generate().unwrap();
        RenewRequest {
            request: Der(key.request().unwrap()),
            address: None,
            public_url: Some(url.into()),
        }
    };
    assert!(control.edges().await.unwrap().is_empty());
    // People would be led there with their logins: nobody else's word is taken, and nothing that is no origin.
    let other = control.renew(joined[1], renewing("https://evil.example")).await;
    assert_eq!(other.unwrap_err(), ControlError::NotFound);
    for bad in [
        "http://desk.example.org",
        "https://desk.example.org/x",
        "https://a b",
        "https://x; script-src *",
    ] {
        assert_eq!(
            control.renew(joined[0], renewing(bad)).await.unwrap_err(),
            ControlError::NotFound,
            "{bad}"
        );
    }
    control.renew(joined[0], renewing("https://South.example.org:443/")).await.unwrap();
    let shown = async || control.node_views().await.unwrap().into_iter().find_map(|node| node.public_url);
    assert_eq!(shown().await.as_deref(), Some("https://south.example.org"));
    let said = control.activity(&gatewright_control::ActivityQuery::default()).await.unwrap();
    assert!(
        said.items.iter().any(|item| item.action.as_deref() == Some("node.public-url")),
        "it can be looked up since when"
    );
    control.shutdown().await;
}
