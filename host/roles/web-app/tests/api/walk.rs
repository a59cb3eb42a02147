//! Every endpoint of the document: who is let in, and that the document says so.

use axum::Router;
use axum::body::Body;
use gatewright_policy::Permission;
use http::{Method, Request};
use serde_json::Value;

use crate::fixture::{Answer, Browser, fixture, problem, send};

/// Endpoints without a login. May only shrink.
const OPEN: [(&str, &str); 3] = [
    ("GET", "/api/v1/health"),
    ("POST", "/api/v1/login"),
    ("POST", "/api/v1/handover/enter"),
];

/// Endpoints for everybody with a login, which show a person nothing but what is theirs. May only shrink.
const ANY_LOGIN: [(&str, &str); 15] = [
    ("DELETE", "/api/v1/homes/{id}"),
    ("DELETE", "/api/v1/sessions/{id}"),
    ("GET", "/api/v1/edges"),
    ("GET", "/api/v1/home"),
    ("GET", "/api/v1/homes"),
    ("GET", "/api/v1/me"),
    ("GET", "/api/v1/sessions"),
    ("GET", "/api/v1/sessions/{id}"),
    ("GET", "/api/v1/sessions/{id}/events"),
    ("GET", "/api/v1/workspaces"),
    ("POST", "/api/v1/handover"),
    ("POST", "/api/v1/logout"),
    ("POST", "/api/v1/sessions/{id}/ticket"),
    ("POST", "/api/v1/sessions/{id}/pause"),
    ("POST", "/api/v1/sessions/{id}/resume"),
];

struct Endpoint {
    method: Method,
    template: String,
    needs: Option<Permission>,
}

impl Endpoint {
    fn path(&self) -> String {
        self.template
            .replace("{id}", "0190163d-8694-739b-aea5-966c26f8ad91")
            .replace("{node}", "0190163d-8694-739b-aea5-966c26f8ad92")
            .replace("{name}", "no-such-plugin")
            .replace("{version}", "0.0.0")
    }

    fn is_in(&self, list: &[(&str, &str)]) -> bool {
        list.contains(&(self.method.as_str(), &self.template))
    }
}

fn endpoints() -> Vec<Endpoint> {
    let document: Value = serde_json::to_value(gatewright_web_app::openapi()).unwrap();
    let mut found = Vec::new();
    for (template, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push(Endpoint {
                method: method.to_uppercase().parse().unwrap(),
                template: template.clone(),
                needs: operation
                    .get("x-permission")
                    .map(|name| Permission::parse(name.as_str().unwrap()).unwrap()),
            });
        }
    }
    assert!(found.len() >= 20, "the document is not whole");
    found
}

async fn ask(app: &Router, browser: &Browser, endpoint: &Endpoint) -> Answer {
    let request = browser.request(&endpoint.method, &endpoint.path()).body(Body::empty()).unwrap();
    send(app, request).await
}

#[tokio::test]
async fn strangers_get_nothing() {
    let fixture = fixture().await;
    for endpoint in endpoints() {
        let at = format!("{} {}", endpoint.method, endpoint.template);
        for cookie in [
            "",
            "__Host-gatewright=",
            "__Host-gatewright=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let request = Request::builder()
                .method(&endpoint.method)
                .uri(endpoint.path())
                .header("cookie", cookie)
                .body(Body::empty())
                .unwrap();
            let answer = send(&fixture.app, request).await;
            if endpoint.is_in(&OPEN) {
                assert_ne!(answer.status, 401, "{at}");
            } else {
                assert_eq!(answer.problem(), problem(401, "login-required"), "{at}");
            }
            assert_eq!(answer.header("cache-control"), "no-store", "{at}");
            assert_eq!(
                answer.header("content-security-policy"),
                "default-src 'none'; frame-ancestors 'none'",
                "{at}"
            );
        }
    }
}

#[tokio::test]
async fn another_sites_page_does_nothing() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    let unsafe_ones = endpoints().into_iter().filter(|one| !one.method.is_safe() && !one.is_in(&OPEN));
    for endpoint in unsafe_ones {
        let at = format!("{} {}", endpoint.method, endpoint.template);
        let plain = || {
            Request::builder()
                .method(&endpoint.method)
                .uri(endpoint.path())
                .header("cookie", &admin.cookie)
        };
        let own = crate::fixture::ORIGIN;
        for request in [
            plain(),
            plain().header("origin", own),
            plain().header("x-csrf-token", &admin.csrf),
            plain().header("x-csrf-token", "x").header("origin", own),
            plain().header("x-csrf-token", "").header("origin", own),
            plain().header("x-csrf-token", &admin.csrf).header("origin", "https://evil.example"),
            plain().header("x-csrf-token", &admin.csrf).header("origin", "null"),
            plain()
                .header("x-csrf-token", &admin.csrf)
                .header("origin", own)
                .header("origin", "https://evil.example"),
        ] {
            let answer = send(&fixture.app, request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.problem(), problem(403, "csrf"), "{at}");
        }
    }
    // Still logged in: nothing of it was done.
    assert_eq!(admin.get("/api/v1/me").await.status, 200);
}

/// Each endpoint with a permission is tried by who has every permission but this one, and by who has this one alone.
#[tokio::test]
async fn each_endpoint_needs_the_permission_that_the_document_names() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    let lines = |wanted: &dyn Fn(Permission) -> bool| -> String {
        let held = Permission::ALL.iter().filter(|one| wanted(**one));
        held.map(|one| format!("p, admin, {one}\n")).collect()
    };
    let nobody = fixture.with_roles("p, other, sessions.launch").await;
    for endpoint in endpoints() {
        let at = format!("{} {}", endpoint.method, endpoint.template);
        if endpoint.is_in(&OPEN) {
            continue;
        }
        let Some(needed) = endpoint.needs else {
            assert!(endpoint.is_in(&ANY_LOGIN), "{at} names no permission");
            if endpoint.template != "/api/v1/logout" {
                assert_ne!(ask(&nobody, &admin, &endpoint).await.status, 403, "{at}");
            }
            continue;
        };
        let others = fixture.with_roles(&lines(&|one| one != needed)).await;
        assert_eq!(ask(&others, &admin, &endpoint).await.problem(), problem(403, "forbidden"), "{at}");
        let alone = fixture.with_roles(&lines(&|one| one == needed)).await;
        let answer = ask(&alone, &admin, &endpoint).await;
        assert!(![401, 403, 500].contains(&answer.status), "{at}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_user_is_no_administrator() {
    let fixture = fixture().await;
    let demo = fixture.log_in("demo").await;
    let mut refused = Vec::new();
    for endpoint in endpoints().into_iter().filter(|one| one.needs.is_some()) {
        if ask(&fixture.app, &demo, &endpoint).await.status == 403 {
            refused.push(format!("{} {}", endpoint.method, endpoint.template));
        }
    }
    refused.sort();
    assert_eq!(
        refused,
        [
            "DELETE /api/v1/examples",
            "DELETE /api/v1/nodes/{id}",
            "DELETE /api/v1/plugins/{name}/versions/{version}",
            "DELETE /api/v1/workspaces/{id}",
            "DELETE /api/v1/workspaces/{id}/nodes/{node}/pull",
            "GET /api/v1/activity",
            "GET /api/v1/nodes",
            "GET /api/v1/plugins",
            "GET /api/v1/plugins/{name}/versions/{version}/impact",
            "GET /api/v1/running-sessions",
            "GET /api/v1/sessions/{id}/logs",
            "GET /api/v1/sessions/{id}/stats",
            "GET /api/v1/workspaces/settings",
            "GET /api/v1/workspaces/{id}",
            "GET /api/v1/workspaces/{id}/check",
            "GET /api/v1/workspaces/{id}/nodes",
            "POST /api/v1/nodes",
            "POST /api/v1/plugins",
            "POST /api/v1/plugins/{name}/rollback",
            "POST /api/v1/plugins/{name}/versions/{version}/activate",
            "POST /api/v1/workspaces",
            "POST /api/v1/workspaces/{id}/check",
            "POST /api/v1/workspaces/{id}/nodes/{node}/pull",
            "PUT /api/v1/workspaces/{id}",
        ]
    );
}

#[tokio::test]
async fn what_is_no_endpoint_is_not_there() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    assert_eq!(admin.get("/api/v1/nothing").await.problem(), problem(404, "not-found"));
    assert_eq!(admin.get("/api/").await.problem(), problem(404, "not-found"));
    assert_eq!(admin.delete("/api/v1/me").await.problem(), problem(405, "method"));
}
