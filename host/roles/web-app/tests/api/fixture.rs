//! The application with two people in it, and what a browser does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use gatewright_control::{ControlConfig, ControlPlane, SeedPasswords};
use gatewright_identity::{ClientAddr, TicketSigner};
use gatewright_policy::Authorizer;
use gatewright_ports::Control as _;
use gatewright_web_app::{WebApp, WebAppConf, app};
use http::request::Builder;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::desk::Desk;
use crate::engine::JsonEngine;

/// Long enough for a loaded machine; nothing waits for it unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const HOST: &str = "desk.example.org:8443";
pub(crate) const ORIGIN: &str = "https://desk.example.org:8443";

pub(crate) struct Fixture {
    pub(crate) app: Router,
    pub(crate) control: ControlPlane,
    pub(crate) desk: Arc<Desk>,
    pub(crate) signer: Arc<TicketSigner>,
    _folder: tempfile::TempDir,
}

pub(crate) async fn fixture() -> Fixture {
    fixture_with(WebAppConf::default()).await
}

pub(crate) async fn fixture_with(conf: WebAppConf) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let mut config = ControlConfig::in_folder(folder.path());
    config.passwords = SeedPasswords {
        admin: Some(PASSWORD.into()),
        demo: Some(PASSWORD.into()),
    };
    let (control, _) = ControlPlane::open(config, Arc::new(JsonEngine::default())).await.unwrap();
    let desk = Desk::new();
    control.heartbeat(desk.status_now()).await.unwrap();
    control.register_agent(desk.node, desk.clone());
    let signer = Arc::new(TicketSigner::open(folder.path()).unwrap());
    let web_app = WebApp::new(control.clone(), Arc::clone(&signer), conf).await.unwrap();
    Fixture {
        app: app(web_app),
        control,
        desk,
        signer,
        _folder: folder,
    }
}

impl Fixture {
    /// The same control plane under other roles.
    pub(crate) async fn with_roles(&self, policy: &str) -> Router {
        let roles = Authorizer::from_policy(policy).await.unwrap();
        app(WebApp::with_roles(
            self.control.clone(),
            Arc::clone(&self.signer),
            WebAppConf::default(),
            roles,
        ))
    }

    pub(crate) async fn log_in(&self, name: &str) -> Browser {
        let answer = send(&self.app, credentials(name, PASSWORD)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let cookie = answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Browser {
            app: self.app.clone(),
            cookie,
            csrf: answer.json()["csrf_token"].as_str().unwrap().into(),
        }
    }
}

pub(crate) fn credentials(name: &str, password: &str) -> Request<Body> {
    let body = json!({ "username": name, "password": password });
    json_request(Request::post("/api/v1/login").header("origin", ORIGIN), &body)
}

pub(crate) fn json_request(request: Builder, body: &Value) -> Request<Body> {
    request
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

pub(crate) async fn raw(app: &Router, mut request: Request<Body>) -> Response<Body> {
    if !request.headers().contains_key("host") {
        request.headers_mut().insert("host", HOST.parse().unwrap());
    }
    if request.extensions().get::<ClientAddr>().is_none() {
        request
            .extensions_mut()
            .insert(ClientAddr(SocketAddr::from(([192, 0, 2, 7], 4000))));
    }
    app.clone().oneshot(request).await.unwrap()
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Answer {
    let (parts, body) = raw(app, request).await.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// A person's browser: cookie, token and origin as the page would send them.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) app: Router,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Browser {
    /// A request with the cookie; an unsafe one also with token and origin.
    pub(crate) fn request(&self, method: &Method, path: &str) -> Builder {
        let request = Request::builder().method(method).uri(path).header("cookie", &self.cookie);
        if method.is_safe() {
            request
        } else {
            request.header("x-csrf-token", &self.csrf).header("origin", ORIGIN)
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(&self.app, self.request(&Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        send(&self.app, self.request(&Method::POST, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        send(&self.app, json_request(self.request(&Method::POST, path), body)).await
    }

    pub(crate) async fn put_json(&self, path: &str, body: &Value) -> Answer {
        send(&self.app, json_request(self.request(&Method::PUT, path), body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        send(&self.app, self.request(&Method::DELETE, path).body(Body::empty()).unwrap()).await
    }

    /// As `curl --data-binary` sends it.
    pub(crate) async fn upload(&self, bytes: impl Into<Body>) -> Answer {
        let request = self
            .request(&Method::POST, "/api/v1/plugins")
            .header("content-type", "application/x-www-form-urlencoded");
        send(&self.app, request.body(bytes.into()).unwrap()).await
    }

    /// The actions on the record, newest first.
    pub(crate) async fn actions(&self) -> Vec<String> {
        let page = self.get("/api/v1/activity?kind=audit&limit=200").await;
        assert_eq!(page.status, 200, "{}", page.text);
        let items = page.json()["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["action"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{} is not JSON: {}", self.status, self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of an error that is one.
    pub(crate) fn problem(&self) -> (u16, String) {
        let problem = self.json();
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        assert_eq!(problem["status"], self.status);
        assert!(!problem["title"].as_str().unwrap().is_empty());
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        (self.status, problem["code"].as_str().unwrap().into())
    }
}

pub(crate) fn problem(status: u16, code: &str) -> (u16, String) {
    (status, code.into())
}
