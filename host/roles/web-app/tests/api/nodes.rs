//! Machines are seen, added and removed.

use std::collections::BTreeSet;

use gatewright_control::OwnNode;
use gatewright_core::{NodeId, NodeRole};
use gatewright_identity::{JoinToken, NodeKey};
use gatewright_ports::Control as _;
use gatewright_ports::control::{Der, JoinRequest, SecretText};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{Fixture, fixture, problem};

const NODES: &str = "/api/v1/nodes";

/// The control plane's own process, as others reach it.
async fn listening(fixture: &Fixture) -> NodeId {
    let node = NodeId::from_uuid(Uuid::now_v7());
    let own = OwnNode {
        node,
        roles: [NodeRole::WebApp].into(),
        name: "front".into(),
        address: Some("192.0.2.1:7443".into()),
        public_url: None,
        ticket_key: [1; 32],
    };
    fixture.control.note_own_node(&own).await.unwrap();
    node
}

fn edge() -> Value {
    json!({ "roles": ["dedicated-proxy"], "zone": "south", "hours": 2 })
}

#[tokio::test]
async fn the_one_process_of_a_small_deployment_is_a_node_too() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    let listed = admin.get(NODES).await.json();
    let node = &listed["items"][0];
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(node["id"], json!(fixture.desk.node));
    assert_eq!(
        (&node["state"], &node["own"], &node["zone"]),
        (&json!("ready"), &json!(true), &json!("default"))
    );
    assert_eq!((&node["engine"], &node["runtime"]), (&json!("test 1"), &json!("runtime-test")));
    assert_eq!(node["capacity"]["sessions"], 32);
    assert_eq!(node["capacity"]["sessions_used"], 0);
    // Nobody can join it: that is said, and no token is made.
    let refused = admin.post_json(NODES, &edge()).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("rpc.listen"));
    assert_eq!(refused.problem(), problem(409, "no-listener"));
}

#[tokio::test]
async fn a_machine_is_added_and_removed() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    let own = listening(&fixture).await;
    let made = admin.post_json(NODES, &edge()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let commands: Vec<&str> = made["commands"].as_str().unwrap().lines().collect();
    let token = commands[0]
        .strip_prefix("gatewright join --web-app 192.0.2.1:7443 --token ")
        .unwrap();
    assert_eq!(commands[1..], ["gatewright serve"]);

    // The token is one.
    let token = JoinToken::parse(token).unwrap();
    let request = JoinRequest {
        token: SecretText(token.text().into()),
        request: Der(NodeKey::generate().unwrap().request().unwrap()),
        name: "edge-2".into(),
        address: None,
    };
    fixture.control.join(request).await.unwrap();
    let listed = admin.get(NODES).await.json();
    let items = listed["items"].as_array().unwrap();
    let names: BTreeSet<&str> = items.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["desk", "edge-2", "front"].into());
    let joined = items.iter().find(|one| one["name"] == "edge-2").unwrap();
    assert_eq!((&joined["roles"], &joined["zone"]), (&json!(["dedicated-proxy"]), &json!("south")));

    let at = format!("{NODES}/{}", joined["id"].as_str().unwrap());
    assert_eq!(admin.delete(&at).await.status, 204);
    assert_eq!(admin.delete(&at).await.problem(), problem(404, "not-found"));
    let listed = admin.get(NODES).await.json();
    let last = listed["items"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["name"], &last["state"]), (&json!("edge-2"), &json!("removed")));
    // Who answers does not cut itself off.
    assert_eq!(admin.delete(&format!("{NODES}/{own}")).await.problem(), problem(409, "own-node"));

    let actions = admin.actions().await;
    for action in ["node.token", "node.joined", "node.removed"] {
        assert_eq!(actions.iter().filter(|one| *one == action).count(), 1, "{action} of {actions:?}");
    }
}

#[tokio::test]
async fn what_can_not_be_is_named_and_makes_no_token() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    listening(&fixture).await;
    for (bad, field) in [
        (json!({ "roles": [], "zone": "south", "hours": 2 }), "roles"),
        (json!({ "roles": ["agent", "web-app"], "zone": "south", "hours": 2 }), "roles"),
        (json!({ "roles": ["agent"], "zone": "  ", "hours": 2 }), "zone"),
        (json!({ "roles": ["agent"], "zone": "south", "hours": 0 }), "hours"),
        (json!({ "roles": ["agent"], "zone": "south", "hours": 169 }), "hours"),
    ] {
        let answer = admin.post_json(NODES, &bad).await;
        assert_eq!(answer.json()["fields"][0]["name"], field, "{bad}");
        assert_eq!(answer.problem(), problem(422, "invalid-fields"));
    }
    assert!(!admin.actions().await.contains(&"node.token".into()));
}
