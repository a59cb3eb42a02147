//! Workspaces as administrators make, change and delete them.

use gatewright_core::SessionId;
use serde_json::{Value, json};

use crate::fixture::{Browser, fixture, problem};

const ALL: &str = "/api/v1/workspaces/settings";

fn writer() -> Value {
    json!({
        "name": "Writer", "description": "A text editor.", "icon": "desktop", "image": "gatewright/desktop:dev",
        "cpu_millicores": 1500, "memory_bytes": 1_u64 << 30, "pids": 256, "shm_bytes": 64_u64 << 20, "network": "none", "enabled": true,
    })
}

fn at(id: &str) -> String {
    format!("/api/v1/workspaces/{id}")
}

async fn made(admin: &Browser) -> String {
    let answer = admin.post_json("/api/v1/workspaces", &writer()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_workspace_is_made_changed_launched_and_deleted() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    let demo = fixture.log_in("demo").await;
    let id = made(&admin).await;

    let shown = admin.get(&at(&id)).await.json();
    for (name, value) in writer().as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
    assert_eq!(shown["example"], false);
    assert_eq!(
        shown["nodes"],
        json!([{ "id": fixture.desk.node, "name": "desk", "alive": true, "has_image": true }])
    );
    let last = admin.get(ALL).await.json()["items"].as_array().unwrap().last().cloned().unwrap();
    assert_eq!(last, shown, "a new workspace is the last one");
    let cards = demo.get("/api/v1/workspaces").await.json();
    assert!(cards["items"].as_array().unwrap().iter().any(|card| card["name"] == "Writer"));

    let mut other = writer();
    other["name"] = json!("  Author ");
    other["image"] = json!("registry.example.org/author:2");
    let changed = admin.put_json(&at(&id), &other).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let changed = changed.json();
    assert_eq!(changed["name"], "Author");
    assert_eq!(changed["nodes"][0]["has_image"], false);
    assert_eq!(admin.get(&at(&id)).await.json(), changed);

    let launched = demo.post_json("/api/v1/sessions", &json!({ "workspace_id": id })).await;
    assert_eq!(launched.status, 202, "{}", launched.text);
    let refused = admin.delete(&at(&id)).await;
    assert_eq!(refused.json()["detail"], "One session of it is open. End it first.");
    assert_eq!(refused.problem(), problem(409, "in-use"));
    assert_eq!(admin.delete(&format!("{}?end_sessions=true", at(&id))).await.status, 204);
    let session: SessionId = launched.json()["id"].as_str().unwrap().parse().unwrap();
    let mut following = fixture.control.subscribe(session).await.unwrap().unwrap();
    let over = following.wait_for(|view| view.state.is_final());
    tokio::time::timeout(crate::fixture::PATIENCE, over).await.unwrap().unwrap();
    assert_eq!(admin.get(&at(&id)).await.problem(), problem(404, "not-found"));
    assert_eq!(admin.put_json(&at(&id), &other).await.problem(), problem(404, "not-found"));
    assert_eq!(admin.delete(&at(&id)).await.problem(), problem(404, "not-found"));

    let actions = admin.actions().await;
    for action in ["workspace.created", "workspace.changed", "workspace.deleted"] {
        assert_eq!(actions.iter().filter(|one| *one == action).count(), 1, "{action} of {actions:?}");
    }
}

#[tokio::test]
async fn each_wrong_field_is_named() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    let id = made(&admin).await;
    let mut bad = writer();
    bad["name"] = json!("");
    bad["image"] = json!("http://evil/../x");
    bad["memory_bytes"] = json!(1);
    for answer in [
        admin.post_json("/api/v1/workspaces", &bad).await,
        admin.put_json(&at(&id), &bad).await,
    ] {
        assert_eq!(answer.problem(), problem(422, "invalid-fields"));
        let fields = answer.json()["fields"].as_array().unwrap().clone();
        let names: Vec<_> = fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["name", "image", "memory_bytes", "shm_bytes"]);
        assert!(fields.iter().all(|field| !field["detail"].as_str().unwrap().is_empty()));
    }
    let mut taken = writer();
    taken["name"] = json!("Terminal");
    for answer in [
        admin.post_json("/api/v1/workspaces", &taken).await,
        admin.put_json(&at(&id), &taken).await,
    ] {
        assert_eq!(answer.problem(), problem(422, "invalid-fields"));
        assert_eq!(
            answer.json()["fields"],
            json!([{ "name": "name", "detail": "Another workspace has this name." }])
        );
    }
    for (name, value) in [
        ("network", json!("host")),
        ("cpu_millicores", json!(-1)),
        ("privileged", json!(true)),
    ] {
        let mut odd = writer();
        odd[name] = value;
        assert_eq!(
            admin.post_json("/api/v1/workspaces", &odd).await.problem(),
            problem(422, "invalid-body"),
            "{name}"
        );
    }
    assert_eq!(admin.get(&at(&id)).await.json()["name"], "Writer", "nothing was changed");
}

#[tokio::test]
async fn a_workspace_that_is_switched_off_is_not_launched() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    let id = made(&admin).await;
    let mut off = writer();
    off["enabled"] = json!(false);
    assert_eq!(admin.put_json(&at(&id), &off).await.status, 200);
    let refused = admin.post_json("/api/v1/sessions", &json!({ "workspace_id": id })).await;
    assert_eq!(refused.problem(), problem(409, "unavailable"));
}

/// Waits until the last check of a workspace is over.
async fn checked(admin: &Browser, id: &str) -> Value {
    for _ in 0..600 {
        let last = admin.get(&format!("{}/check", at(id))).await.json();
        if last["check"].get("finished_at").is_some() {
            return last["check"].clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the check does not end");
}

#[tokio::test]
async fn an_image_is_checked_on_a_node() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    let id = made(&admin).await;
    let check = format!("{}/check", at(&id));
    assert_eq!(admin.get(&check).await.json(), json!({}), "there was none yet");

    let here = json!({ "node_id": fixture.desk.node });
    let begun = admin.post_json(&check, &here).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    assert_eq!(admin.post_json(&check, &here).await.problem(), problem(409, "check-running"));
    assert_eq!(
        admin.get("/api/v1/sessions").await.json()["items"],
        json!([]),
        "no session of a person's"
    );
    fixture.desk.answers.add_permits(1);
    let done = checked(&admin, &id).await;
    assert_eq!(done["passed"], true, "{done}");
    assert_eq!(done["node_name"], "desk");
    let steps: Vec<_> = done["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    assert_eq!(
        steps,
        [
            "image", "create", "start", "desktop", "password", "user", "transfer", "stop", "clean"
        ]
    );
    assert!(fixture.desk.is_empty(), "nothing of it is left");
    assert_eq!(admin.get("/api/v1/sessions").await.json()["items"], json!([]));

    let mut other = writer();
    other["image"] = json!("registry.example.org/none:1");
    assert_eq!(admin.put_json(&at(&id), &other).await.status, 200);
    assert_eq!(admin.post_json(&check, &here).await.status, 202);
    let done = checked(&admin, &id).await;
    assert_eq!(done["passed"], false);
    assert_eq!(done["steps"][0]["why"], "the node has no image registry.example.org/none:1");
    assert!(done["steps"][0]["advice"].as_str().unwrap().starts_with("Pull the image"));
    assert_eq!(done["steps"][1]["state"], "skipped");

    let nowhere = json!({ "node_id": "0190163d-8694-739b-aea5-966c26f8ad92" });
    assert_eq!(admin.post_json(&check, &nowhere).await.problem(), problem(404, "not-found"));
    fixture.control.unregister_agent(fixture.desk.node);
    assert_eq!(admin.post_json(&check, &here).await.problem(), problem(409, "node-away"));
    let actions = admin.actions().await;
    assert_eq!(actions.iter().filter(|one| *one == "workspace.checked").count(), 2, "{actions:?}");
}

#[tokio::test]
async fn an_image_is_pulled_to_a_node_and_the_pull_broken_off() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    let id = made(&admin).await;
    let nodes = format!("{}/nodes", at(&id));
    let one = async || admin.get(&nodes).await.json()["items"][0].clone();
    assert_eq!(one().await["state"], "present");
    assert_eq!(one().await["size_bytes"], 34 << 20);

    let mut other = writer();
    other["image"] = json!("registry.example.org/new:1");
    assert_eq!(admin.put_json(&at(&id), &other).await.status, 200);
    assert_eq!(one().await["state"], "absent");
    let pull = format!("{nodes}/{}/pull", fixture.desk.node);
    assert_eq!(admin.post(&pull).await.status, 202);
    let pulling = one().await;
    assert_eq!(
        (&pulling["state"], &pulling["done_bytes"], &pulling["total_bytes"]),
        (&json!("pulling"), &json!(1), &json!(4))
    );
    assert_eq!(admin.delete(&pull).await.status, 204);
    assert_eq!(one().await["state"], "absent");

    fixture.control.unregister_agent(fixture.desk.node);
    assert_eq!(one().await["state"], "unknown");
    assert_eq!(admin.post(&pull).await.problem(), problem(409, "node-away"));
    let other = format!("{nodes}/0190163d-8694-739b-aea5-966c26f8ad92/pull");
    assert_eq!(admin.post(&other).await.problem(), problem(404, "not-found"));
    let actions = admin.actions().await;
    assert!(actions.contains(&"workspace.image-pulled".to_owned()), "{actions:?}");
}
