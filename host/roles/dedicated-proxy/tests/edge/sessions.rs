//! Who gets into a session, and who does not.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
use futures_util::{SinkExt as _, StreamExt as _};
use gatewright_dedicated_proxy::EdgeLimits;
use http::Request;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::fixture::{Answer, Fixture, edge, session};

fn post(path: &str, origin: &str) -> http::request::Builder {
    Request::post(path)
        .header("content-type", "application/json")
        .header("origin", origin)
}

async fn enter(edge: &Fixture, ticket: &str) -> Answer {
    let path = format!("/session/{}/enter", session(1));
    edge.send(post(&path, &edge.origin()), json!({ "ticket": ticket }).to_string())
        .await
}

/// Opens the desktop's WebSocket; the answer's status and code where that is refused.
async fn open(edge: &Fixture, cookie: Option<&str>, origin: Option<&str>) -> Result<String, (u16, String)> {
    let stream = edge.tls(b"http/1.1").await;
    let url = format!("wss://{}/session/{}/vnc", edge.host(), session(1));
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", "binary".parse().unwrap());
    if let Some(cookie) = cookie {
        headers.insert("cookie", format!("gatewright-ticket={cookie}").parse().unwrap());
    }
    if let Some(origin) = origin {
        headers.insert("origin", origin.parse().unwrap());
    }
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((mut socket, response)) => {
            assert_eq!(response.headers().get("sec-websocket-protocol").unwrap(), "binary");
            let hello = socket.next().await.unwrap().unwrap().into_text().unwrap();
            let bytes = vec![7; 100_000];
            socket.send(Message::Binary(bytes.clone().into())).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), Message::Binary(bytes.into()));
            Ok(hello.to_string())
        }
        Err(tungstenite::Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            let problem: Value = serde_json::from_slice(body).unwrap();
            Err((response.status().as_u16(), problem.get("code").unwrap().as_str().unwrap().into()))
        }
        Err(other) => panic!("{other}"),
    }
}

fn refused(status: u16, code: &str) -> Result<String, (u16, String)> {
    Err((status, code.into()))
}

/// `(ticket, status, code)` of everything that is no good ticket for session 1.
fn bad_tickets(edge: &Fixture) -> Vec<(String, u16, &'static str)> {
    let good = edge.ticket(session(1));
    let mut parts = good.split('.');
    let (head, payload, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let claims: Value = serde_json::from_slice(&B64.decode(payload).unwrap()).unwrap();
    let mut other = claims.clone();
    other.as_object_mut().unwrap().insert("sid".into(), json!(session(2)));
    let none = |alg: &str| B64.encode(json!({"alg": alg, "typ": "gatewright-ticket+jwt"}).to_string());
    let mut hs256 = Header::new(Algorithm::HS256);
    hs256.typ = Some("gatewright-ticket+jwt".into());
    let key = EncodingKey::from_secret(edge.signer.public_key());
    let ago = SystemTime::now() - Duration::from_secs(120);
    let ahead = SystemTime::now() + Duration::from_secs(120);
    vec![
        (edge.ticket(session(2)), 403, "ticket-session"),
        (edge.ticket_at(session(1), ago), 401, "ticket-expired"),
        (edge.ticket_at(session(1), ahead), 401, "ticket-invalid"),
        (format!("{}.{payload}.", none("none")), 401, "ticket-invalid"),
        (format!("{}.{payload}.{signature}", none("HS256")), 401, "ticket-invalid"),
        (jsonwebtoken::encode(&hs256, &claims, &key).unwrap(), 401, "ticket-invalid"),
        // Session 2's claims under session 1's signature, and the other way round.
        (
            format!("{head}.{}.{signature}", B64.encode(other.to_string())),
            401,
            "ticket-invalid",
        ),
        ("x".into(), 401, "ticket-invalid"),
    ]
}

#[tokio::test]
async fn a_ticket_becomes_a_cookie_and_opens_the_desktop() {
    let edge = edge(EdgeLimits::default()).await;
    let ticket = edge.ticket(session(1));
    let answer = enter(&edge, &ticket).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert_eq!(
        answer.header("set-cookie"),
        format!(
            "gatewright-ticket={ticket}; Path=/session/{}/; HttpOnly; Secure; SameSite=Strict; Max-Age=60",
            session(1)
        )
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    let hello = open(&edge, Some(&ticket), Some(&edge.origin())).await;
    assert_eq!(hello, Ok(format!("127.0.0.1 {}", session(1))));
    // Behind the public name too.
    let hello = open(&edge, Some(&ticket), Some("https://desk.example.org")).await;
    assert!(hello.is_ok());
}

#[tokio::test]
async fn a_bad_ticket_opens_nothing() {
    let edge = edge(EdgeLimits::default()).await;
    let own = edge.origin();
    assert_eq!(open(&edge, None, Some(&own)).await, refused(401, "ticket-required"));
    for (ticket, status, code) in bad_tickets(&edge) {
        assert_eq!(open(&edge, Some(&ticket), Some(&own)).await, refused(status, code), "{ticket}");
        let answer = enter(&edge, &ticket).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{ticket}");
        assert_eq!(answer.header("set-cookie"), "");
        assert!(!answer.body.contains(&ticket) || ticket == "x");
    }
    let twice = format!("{0}; gatewright-ticket={0}", edge.ticket(session(1)));
    assert_eq!(open(&edge, Some(&twice), Some(&own)).await, refused(401, "ticket-required"));
}

#[tokio::test]
async fn another_sites_page_opens_nothing() {
    let edge = edge(EdgeLimits::default()).await;
    let ticket = edge.ticket(session(1));
    let path = format!("/session/{}/enter", session(1));
    for origin in [
        "https://evil.example",
        "null",
        "https://localhost",
        &edge.origin().replace("https", "http"),
    ] {
        assert_eq!(open(&edge, Some(&ticket), Some(origin)).await, refused(403, "origin"), "{origin}");
        let answer = edge.send(post(&path, origin), json!({ "ticket": ticket }).to_string()).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "origin"), "{origin}");
    }
    assert_eq!(open(&edge, Some(&ticket), None).await, refused(403, "origin"));
    let notices = format!("/session/{}/notices", session(1));
    let get = Request::get(&notices)
        .header("cookie", format!("gatewright-ticket={ticket}"))
        .header("origin", "https://evil.example");
    assert_eq!(edge.send(get, "").await.code(), "origin");
}

#[tokio::test]
async fn enter_reads_nothing_else() {
    let edge = edge(EdgeLimits::default()).await;
    let path = format!("/session/{}/enter", session(1));
    let ticket = edge.ticket(session(1));
    let own = edge.origin();
    let json = json!({ "ticket": ticket }).to_string();
    let typed = |kind: &str| Request::post(&path).header("content-type", kind).header("origin", &own);
    for (request, body, status, code) in [
        (typed("text/plain"), json.clone(), 415, "media-type"),
        (Request::post(&path).header("origin", &own), json.clone(), 415, "media-type"),
        (typed("application/json"), "{".into(), 422, "invalid-body"),
        (
            typed("application/json"),
            json!({"ticket": ticket, "more": 1}).to_string(),
            422,
            "invalid-body",
        ),
        (
            typed("application/json"),
            json!({"ticket": "x".repeat(9_000)}).to_string(),
            413,
            "too-large",
        ),
        (Request::get(&path), String::new(), 405, "method"),
    ] {
        let answer = edge.send(request, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    assert_eq!(edge.send(typed("Application/JSON; charset=utf-8"), json).await.status, 204);
}

#[tokio::test]
async fn a_connection_proxy_sees_the_ticket_and_not_the_login() {
    let edge = edge(EdgeLimits::default()).await;
    let ticket = edge.ticket(session(1));
    let get = || {
        Request::get(format!("https://{}/session/{}/notices", edge.host(), session(1)))
            .header("cookie", "__Host-gatewright=login")
            .header("cookie", format!("gatewright-ticket={ticket}"))
            .header("authorization", "Basic x")
            .header("x-forwarded-for", "192.0.2.1")
    };
    let answer = edge.send2(get()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("client=true ticket=true"), "{}", answer.body);
    assert!(
        answer.body.contains(&format!("cookie: gatewright-ticket={ticket}\n")),
        "{}",
        answer.body
    );
    for gone in ["login", "authorization", "x-forwarded-for"] {
        assert!(!answer.body.contains(gone), "{}", answer.body);
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_there() {
    let edge = edge(EdgeLimits::default()).await;
    for path in [
        "/session/x/vnc",
        "/session/",
        "/session//vnc",
        &format!("/session/{}/printer", session(1)),
        &format!("/session/{}/vnc/../enter", session(1)),
        "/remoteDesktopGateway/",
        "/remotedesktopgateway/?x",
    ] {
        let answer = edge.send(Request::get(path), "").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not-found"), "{path}");
    }
}
