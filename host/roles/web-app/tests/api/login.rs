//! Logging in and out.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use gatewright_control::Actor;
use gatewright_identity::ClientAddr;
use gatewright_web_app::{Quota, RateLimits, WebAppConf};
use http::Request;
use serde_json::json;

use crate::fixture::{PASSWORD, credentials, fixture, fixture_with, json_request, problem, send};

#[tokio::test]
async fn a_login_begins_and_ends() {
    let fixture = fixture().await;
    let answer = send(&fixture.app, credentials("demo", PASSWORD)).await;
    assert_eq!(answer.status, 200);
    let cookie = answer.header("set-cookie");
    let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
    assert!(cookie.starts_with("__Host-gatewright="), "{cookie}");
    assert_eq!(attributes[..4], ["Path=/", "HttpOnly", "Secure", "SameSite=Strict"]);
    assert!(!answer.text.contains(cookie.split(['=', ';']).nth(1).unwrap()));

    let demo = fixture.log_in("DEMO").await;
    let me = demo.get("/api/v1/me").await.json();
    assert_eq!(me["user"]["name"], "demo");
    assert_eq!(me["user"]["role"], "user");
    assert_eq!(me["permissions"], json!(["sessions.launch"]));
    assert_eq!(me["groups"][0]["name"], "Sales");
    assert_eq!(me["csrf_token"], demo.csrf.as_str());

    let out = demo.post("/api/v1/logout").await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").ends_with("Max-Age=0"));
    assert_eq!(demo.get("/api/v1/me").await.problem(), problem(401, "login-required"));

    let admin = fixture.log_in("admin").await;
    let me = admin.get("/api/v1/me").await.json();
    assert!(me["permissions"].as_array().unwrap().contains(&json!("plugins.activate")));
    let actions = admin.actions().await;
    for action in ["logout", "login.succeeded"] {
        assert!(actions.contains(&action.to_owned()), "{actions:?}");
    }
}

#[tokio::test]
async fn a_wrong_name_reads_like_a_wrong_password() {
    let fixture = fixture().await;
    let wrong = send(&fixture.app, credentials("demo", "wrong password")).await;
    let unknown = send(&fixture.app, credentials("nobody", PASSWORD)).await;
    assert_eq!(wrong.problem(), problem(401, "bad-credentials"));
    assert_eq!(wrong.text, unknown.text);
    assert_eq!(wrong.header("set-cookie"), "");
    let admin = fixture.log_in("admin").await;
    let failed = admin.actions().await.iter().filter(|action| *action == "login.failed").count();
    assert_eq!(failed, 2);
}

#[tokio::test]
async fn a_disabled_person_is_out_at_once() {
    let fixture = fixture().await;
    let demo = fixture.log_in("demo").await;
    let id = demo.get("/api/v1/me").await.json()["user"]["id"].as_str().unwrap().parse().unwrap();
    fixture.control.disable_user(id, &Actor::system()).await.unwrap();
    assert_eq!(demo.get("/api/v1/me").await.problem(), problem(401, "login-required"));
    let again = send(&fixture.app, credentials("demo", PASSWORD)).await;
    assert_eq!(again.problem(), problem(401, "bad-credentials"));
}

#[tokio::test]
async fn a_login_is_read_strictly() {
    let fixture = fixture().await;
    let good = json!({ "username": "demo", "password": PASSWORD });
    let post = || Request::post("/api/v1/login");
    let extra = json!({ "username": "demo", "password": PASSWORD, "remember": true });
    let huge = json!({ "username": "demo", "password": "x".repeat(70_000) });
    for (request, expected) in [
        (
            json_request(post().header("origin", "https://evil.example"), &good),
            problem(403, "csrf"),
        ),
        (json_request(post().header("origin", "null"), &good), problem(403, "csrf")),
        (json_request(post(), &extra), problem(422, "invalid-body")),
        (json_request(post(), &json!({ "username": "demo" })), problem(422, "invalid-body")),
        (json_request(post(), &json!([])), problem(422, "invalid-body")),
        (json_request(post(), &huge), problem(413, "too-large")),
        (post().body(Body::from(good.to_string())).unwrap(), problem(415, "media-type")),
        (
            post().header("content-type", "application/json").body(Body::from("{")).unwrap(),
            problem(422, "invalid-body"),
        ),
    ] {
        let answer = send(&fixture.app, request).await;
        assert_eq!(answer.problem(), expected);
        assert!(!answer.text.contains(PASSWORD));
    }
    assert_eq!(send(&fixture.app, json_request(post(), &good)).await.status, 200);
}

#[tokio::test]
async fn a_cookie_that_comes_twice_is_none() {
    let fixture = fixture().await;
    let demo = fixture.log_in("demo").await;
    let ask = |cookie: String| Request::get("/api/v1/me").header("cookie", cookie).body(Body::empty()).unwrap();
    assert_eq!(send(&fixture.app, ask(format!("a=b; {}", demo.cookie))).await.status, 200);
    let planted = format!("__Host-gatewright=x; {}", demo.cookie);
    assert_eq!(send(&fixture.app, ask(planted)).await.status, 401);
}

fn from(address: [u8; 4], name: &str) -> Request<Body> {
    let mut request = credentials(name, "wrong password");
    request.extensions_mut().insert(ClientAddr(SocketAddr::from((address, 1))));
    request
}

#[tokio::test]
async fn guessing_is_slow() {
    let hour = Duration::from_secs(3600);
    let fixture = fixture_with(WebAppConf {
        rate_limits: RateLimits {
            logins_per_client: Quota::new(3, hour),
            logins_per_name: Quota::new(4, hour),
            ..RateLimits::default()
        },
        ..WebAppConf::default()
    })
    .await;
    // Many names from one address.
    for name in ["a", "b", "c"] {
        assert_eq!(send(&fixture.app, from([192, 0, 2, 1], name)).await.status, 401);
    }
    let refused = send(&fixture.app, from([192, 0, 2, 1], "d")).await;
    assert_eq!(refused.problem(), problem(429, "too-many-requests"));
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((3000..=3600).contains(&wait), "{wait}");
    // One name from many addresses, however it is written.
    for (last, name) in [(2, "admin"), (3, "ADMIN"), (4, " admin"), (5, "Admin")] {
        assert_eq!(send(&fixture.app, from([192, 0, 2, last], name)).await.status, 401);
    }
    let mut right = credentials("admin", PASSWORD);
    right.extensions_mut().insert(ClientAddr(SocketAddr::from(([192, 0, 2, 6], 1))));
    assert_eq!(send(&fixture.app, right).await.status, 429);
    // Others are not concerned.
    let mut other = credentials("demo", PASSWORD);
    other.extensions_mut().insert(ClientAddr(SocketAddr::from(([192, 0, 2, 6], 1))));
    assert_eq!(send(&fixture.app, other).await.status, 200);
}

#[tokio::test]
async fn what_went_wrong_inside_stays_inside() {
    let fixture = fixture().await;
    let demo = fixture.log_in("demo").await;
    let ready = async || send(&fixture.app, Request::get("/readyz").body(Body::empty()).unwrap()).await;
    assert_eq!((ready().await.status, ready().await.text.as_str()), (200, ""));
    fixture.control.shutdown().await;
    assert_eq!((ready().await.status, ready().await.text.as_str()), (503, ""));
    let answer = demo.get("/api/v1/me").await;
    assert_eq!(answer.problem(), problem(503, "unavailable"));
    let reference = answer.json()["reference"].as_str().unwrap().to_owned();
    assert!(answer.json()["detail"].as_str().unwrap().ends_with(&format!("Ref {reference}")));
    for word in ["sql", "pool", "store", "closed"] {
        assert!(!answer.text.to_lowercase().contains(word), "{}", answer.text);
    }
    assert_eq!(demo.get("/api/v1/health").await.json()["status"], "ok");
}
