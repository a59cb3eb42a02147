//! Hostile plugins: each gets a clear error, the gate that it sat on is closed with a message, and a session beside it
//! notices nothing.

use std::time::Duration;

use gatewright_hostile_guests::{Fate, WAKES_AT_BYTES, hostile, sleepers};
use gatewright_suite::Product;
use http::StatusCode;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_upload_says_what_is_wrong_and_changes_nothing() {
    let product = Product::start().await.unwrap();
    let admin = product.login("admin").await.unwrap();
    let before = admin.get("/api/v1/plugins").await.unwrap();
    for plugin in hostile().unwrap() {
        let (status, answer) = admin.upload(plugin.bytes).await.unwrap();
        if status == StatusCode::CREATED {
            // It wants an endpoint of its own: nothing of it runs before the operator grants that.
            assert_eq!(
                answer["plugin"]["versions"][0]["state"], "needs-approval",
                "{}: {answer}",
                plugin.name
            );
            continue;
        }
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{}: {answer}", plugin.name);
        let (stage, detail) = (answer["stage"].as_str(), answer["detail"].as_str().unwrap_or_default());
        match plugin.fate {
            Fate::NotLoaded { stage: wanted, says } => {
                assert_eq!(stage, Some(wanted), "{}: {answer}", plugin.name);
                assert!(detail.contains(says), "{}: {answer}", plugin.name);
            }
            Fate::CallFails { .. } => {
                assert_eq!(stage, Some("self-test"), "{}: {answer}", plugin.name);
                assert!(!detail.is_empty(), "{}: {answer}", plugin.name);
            }
        }
    }
    let after = admin.get("/api/v1/plugins").await.unwrap();
    let names = |page: &serde_json::Value| -> Vec<_> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|plugin| (plugin["name"].clone(), plugin["active"].clone()))
            .collect()
    };
    let active_after: Vec<_> = names(&after).into_iter().filter(|(_, active)| !active.is_null()).collect();
    let active_before: Vec<_> = names(&before).into_iter().filter(|(_, active)| !active.is_null()).collect();
    assert_eq!(active_before, active_after);
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_turns_hostile_closes_its_gate_and_nothing_else() {
    let product = Product::start().await.unwrap();
    let admin = product.login("admin").await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let mut desktop = demo.connect(&product, &session).await.unwrap();
    let beside = admin.launch("Terminal").await.unwrap();
    let mut witness = admin.connect(&product, &beside).await.unwrap();
    let copy = ["sh", "-c", "xclip -selection clipboard -i >/dev/null 2>&1"];

    for (name, version, bytes) in sleepers("dlp-clipboard").unwrap() {
        let (status, answer) = admin.upload(bytes).await.unwrap();
        assert!(status.is_success(), "{name}: {answer}");
        admin.activate("dlp-clipboard", &version).await.unwrap();
        let mut attempt = 0;
        let event = loop {
            attempt += 1;
            assert!(attempt < 60, "{name}: the gate stays open");
            let text = format!("{attempt} {}", "x".repeat(WAKES_AT_BYTES));
            product.engine().exec(&session, &copy, text.as_bytes()).await.unwrap();
            let _ = tokio::time::timeout(Duration::from_millis(500), desktop.next_clipboard()).await;
            // The session beside goes on while the rule misbehaves.
            witness.request_update(false).await.unwrap();
            witness.next().await.unwrap();
            let event = admin.activity("kind=verdict&gate=copy-out&limit=1").await.unwrap().remove(0);
            if event["rules"][0]["version"] == version.as_str() {
                break event;
            }
        };
        assert_eq!(event["outcome"], "failed", "{name}: {event}");
        let message = event["message"].as_str().unwrap();
        assert!(
            message.starts_with("Copy blocked: text could not be checked just now. "),
            "{name}: {message}"
        );
        assert!(
            !event["rules"][0]["failure"].as_str().unwrap_or_default().is_empty(),
            "{name}: {event}"
        );
        admin.post("/api/v1/plugins/dlp-clipboard/rollback", &json!({})).await.unwrap();
    }
    demo.end(&session).await.unwrap();
    admin.end(&beside).await.unwrap();
    product.engine().gone(&session).await.unwrap();
    product.engine().gone(&beside).await.unwrap();
    product.stop().await.unwrap();
}
