//! The edges that people can come in by, and going on at another one without the password.

use axum::body::Body;
use gatewright_control::OwnNode;
use gatewright_core::{NodeId, NodeRole};
use http::{Method, Request};
use serde_json::json;
use uuid::Uuid;

use crate::fixture::{Answer, Browser, Fixture, ORIGIN, fixture, problem, send};

const OTHER: &str = "https://south.example.org";

/// An edge with a public address.
async fn with_an_edge() -> Fixture {
    let fixture = fixture().await;
    let own = OwnNode {
        node: NodeId::from_uuid(Uuid::now_v7()),
        roles: [NodeRole::WebApp, NodeRole::DedicatedProxy].into(),
        name: "front".into(),
        address: Some("192.0.2.1:7443".into()),
        public_url: Some(OTHER.into()),
        ticket_key: [1; 32],
    };
    fixture.control.note_own_node(&own).await.unwrap();
    fixture
}

async fn code(browser: &Browser) -> String {
    let answer = browser.post_json("/api/v1/handover", &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["lifetime_secs"], 300);
    answer.json()["code"].as_str().unwrap().to_owned()
}

/// What a browser sends when the page at `origin` submits its form.
async fn enter(fixture: &Fixture, origin: Option<&str>, form: &str) -> Answer {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/handover/enter")
        .header("host", "here.example.org")
        .header("content-type", "application/x-www-form-urlencoded");
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    send(&fixture.app, request.body(Body::from(form.to_owned())).unwrap()).await
}

fn leads_to(answer: &Answer) -> (u16, String, bool) {
    let cookie = answer.header("set-cookie");
    (
        answer.status,
        answer.header("location").to_owned(),
        cookie.starts_with("__Host-gatewright="),
    )
}

#[tokio::test]
async fn pages_know_the_other_edges_and_may_reach_them() {
    let fixture = with_an_edge().await;
    let demo = fixture.log_in("demo").await;
    let listed = demo.get("/api/v1/edges").await.json();
    assert_eq!(listed["items"], json!([{ "zone": "default", "origin": OTHER }]));
    let page = demo.get("/").await;
    let policy = page.header("content-security-policy").to_owned();
    for directive in ["connect-src", "form-action"] {
        assert!(policy.contains(&format!("{directive} 'self' {OTHER}")), "{policy}");
    }
    let admin = fixture.log_in("admin").await;
    let nodes = admin.get("/api/v1/nodes").await.json();
    assert!(nodes["items"].as_array().unwrap().iter().any(|node| node["public_url"] == OTHER));
}

#[tokio::test]
async fn a_code_is_a_login_once() {
    let fixture = with_an_edge().await;
    let demo = fixture.log_in("demo").await;
    let given = code(&demo).await;
    let form = format!("code={given}&next=%2Fsessions%2Fx%3Fa%3Db");
    let entered = enter(&fixture, Some(OTHER), &form).await;
    assert_eq!(leads_to(&entered), (303, "/sessions/x?a=b".into(), true));
    let cookie = entered.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly; Secure; SameSite=Strict"), "{cookie}");
    let there = |cookie: &str| {
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let request = Request::builder().uri("/api/v1/me").header("cookie", cookie);
        request.body(Body::empty()).unwrap()
    };
    let me = send(&fixture.app, there(&cookie)).await;
    assert_eq!(me.json()["user"]["name"], "demo");

    // It was good once, and what leads away leads nowhere.
    let again = enter(&fixture, Some(OTHER), &form).await;
    assert_eq!(leads_to(&again), (303, "/login?next=/sessions/x%3Fa%3Db".into(), false));
    let away = format!("code={}&next=%2F%2Fevil.example", code(&demo).await);
    assert_eq!(leads_to(&enter(&fixture, Some(OTHER), &away).await), (303, "/".into(), true));

    // Logged out here is logged out there.
    assert_eq!(demo.post_json("/api/v1/logout", &json!({})).await.status, 204);
    let gone = send(&fixture.app, there(&cookie)).await;
    assert_eq!(gone.problem(), problem(401, "login-required"));
}

#[tokio::test]
async fn a_page_that_is_no_edges_hands_nobody_over() {
    let fixture = with_an_edge().await;
    let demo = fixture.log_in("demo").await;
    let form = format!("code={}", code(&demo).await);
    for origin in [
        None,
        Some("null"),
        Some("https://evil.example"),
        Some("https://south.example.org.evil.example"),
    ] {
        let answer = enter(&fixture, origin, &form).await;
        assert_eq!(leads_to(&answer), (303, "/login?next=/".into(), false), "{origin:?}");
    }
    // None of them used the code up.
    assert_eq!(
        leads_to(&enter(&fixture, Some("https://here.example.org"), &form).await),
        (303, "/".into(), true)
    );
    for form in ["", "next=/", "code=", "code=%ff", "{}"] {
        let answer = enter(&fixture, Some(ORIGIN), form).await;
        assert_eq!(
            (answer.status, answer.header("location").starts_with("/login")),
            (303, true),
            "{form}"
        );
    }
    let ended = code(&demo).await;
    assert_eq!(demo.post_json("/api/v1/logout", &json!({})).await.status, 204);
    let late = enter(&fixture, Some(OTHER), &format!("code={ended}")).await;
    assert_eq!(
        leads_to(&late),
        (303, "/login?next=/".into(), false),
        "the login has ended, and its codes with it"
    );
}
