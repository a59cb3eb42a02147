//! Uploading, activating, rolling back.

use std::time::Duration;

use gatewright_web_app::{Quota, RateLimits, WebAppConf};
use serde_json::{Value, json};

use crate::fixture::{Browser, fixture, fixture_with, problem};

fn file(version: &str) -> Value {
    json!({ "name": "dlp-test", "kind": "dlp", "version": version })
}

async fn uploaded(admin: &Browser, version: &str) -> Value {
    let answer = admin.upload(file(version).to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

fn at(version: &str, rest: &str) -> String {
    format!("/api/v1/plugins/dlp-test/versions/{version}{rest}")
}

#[tokio::test]
async fn a_version_is_uploaded_activated_and_rolled_back() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    let first = uploaded(&admin, "1.0.0").await;
    assert_eq!(first["version"], "1.0.0");
    assert_eq!(first["warnings"], json!(["it is a test's"]));
    assert_eq!(first["plugin"]["versions"][0]["state"], "ready");
    assert_eq!(first["plugin"]["versions"][0]["uploaded_by"], "admin");
    assert_eq!(first["plugin"].get("active"), None, "an upload activates nothing");
    assert_eq!(first["plugin"]["versions"][0]["digest"].as_str().unwrap().len(), 64);

    let impact = admin.get(&at("1.0.0", "/impact")).await;
    assert_eq!(impact.status, 200, "{}", impact.text);
    assert_eq!(impact.json()["rules"], json!([]));
    let active = admin.post(&at("1.0.0", "/activate")).await;
    assert_eq!(active.json()["active"]["version"], "1.0.0", "{}", active.text);
    let early = admin.post("/api/v1/plugins/dlp-test/rollback").await;
    assert_eq!(early.problem(), problem(409, "nothing-to-roll-back"));

    uploaded(&admin, "1.1.0").await;
    let impact = admin.get(&at("1.1.0", "/impact")).await.json();
    assert_eq!(impact["replaces"], "1.0.0");
    let active = admin.post(&at("1.1.0", "/activate")).await.json();
    assert_eq!(active["active"]["version"], "1.1.0");
    assert_eq!(active["previous"]["version"], "1.0.0");
    assert_eq!(admin.delete(&at("1.1.0", "")).await.problem(), problem(409, "active"));
    let back = admin.post("/api/v1/plugins/dlp-test/rollback").await.json();
    assert_eq!(back["active"]["version"], "1.0.0");
    assert_eq!(admin.delete(&at("1.1.0", "")).await.status, 204);
    let list = admin.get("/api/v1/plugins").await.json();
    let names: Vec<_> = list["items"][0]["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["version"].clone())
        .collect();
    assert_eq!(names, ["1.0.0"]);

    let actions = admin.actions().await;
    for action in ["plugin.uploaded", "plugin.activated", "plugin.rolled-back", "plugin.deleted"] {
        assert!(actions.contains(&action.to_owned()), "{action} of {actions:?}");
    }
}

#[tokio::test]
async fn a_bad_file_says_where_it_is_bad() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    let with = |key: &str, value: &str| {
        let mut file = file("2.0.0");
        file[key] = json!(value);
        file.to_string()
    };
    for (bytes, stage) in [
        (String::new(), "manifest"),
        ("\0asm".into(), "manifest"),
        (with("kind", "other"), "manifest"),
        (with("fails", "compile"), "compile"),
    ] {
        let answer = admin.upload(bytes).await;
        assert_eq!(answer.problem(), problem(422, "bad-plugin"));
        assert_eq!(answer.json()["stage"], stage);
    }
    let mut trapping = file("2.0.1");
    trapping["fails"] = json!("self-test");
    let answer = admin.upload(trapping.to_string()).await;
    assert_eq!(answer.json()["stage"], "self-test");
    assert_eq!(answer.json()["detail"], "it trapped");
    assert_eq!(admin.post(&at("2.0.1", "/activate")).await.problem(), problem(409, "not-ready"));

    uploaded(&admin, "1.0.0").await;
    let mut other_bytes = file("1.0.0");
    other_bytes["more"] = json!(1);
    assert_eq!(admin.upload(other_bytes.to_string()).await.problem(), problem(409, "version-taken"));
    uploaded(&admin, "1.0.0").await;
    let mut other_kind = file("3.0.0");
    other_kind["kind"] = json!("placement");
    assert_eq!(admin.upload(other_kind.to_string()).await.problem(), problem(409, "kind-taken"));
    for (path, method) in [
        (at("9.9.9", "/activate"), "POST"),
        ("/api/v1/plugins/none/rollback".into(), "POST"),
        (at("9.9.9", ""), "DELETE"),
    ] {
        let answer = if method == "POST" {
            admin.post(&path).await
        } else {
            admin.delete(&path).await
        };
        assert_eq!(answer.problem(), problem(404, "not-found"), "{path}");
    }
    assert_eq!(admin.get(&at("9.9.9", "/impact")).await.problem(), problem(404, "not-found"));
    assert_eq!(
        admin.get("/api/v1/plugins/No%20Name/versions/1/impact").await.problem(),
        problem(404, "not-found")
    );
}

#[tokio::test]
async fn uploads_have_a_size_and_a_pace() {
    let hour = Duration::from_secs(3600);
    let fixture = fixture_with(WebAppConf {
        rate_limits: RateLimits {
            uploads_per_user: Quota::new(2, hour),
            ..RateLimits::default()
        },
        ..WebAppConf::default()
    })
    .await;
    let admin = fixture.log_in("admin").await;
    let largest = 32 * 1024 * 1024;
    assert_eq!(admin.upload(vec![b' '; largest + 1]).await.problem(), problem(413, "too-large"));
    assert_eq!(admin.upload(vec![b' '; largest]).await.problem(), problem(422, "bad-plugin"));
    uploaded(&admin, "1.0.0").await;
    let third = admin.upload(file("1.0.1").to_string()).await;
    assert_eq!(third.problem(), problem(429, "too-many-requests"));
    assert!(!third.header("retry-after").is_empty());
}
