//! TLS, HTTP versions, headers, certificates.

use std::time::SystemTime;

use gatewright_dedicated_proxy::EdgeLimits;
use gatewright_identity::PublicNames;
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::{PATIENCE, edge};

#[tokio::test]
async fn the_web_app_answers_everything_else_over_both_versions() {
    let edge = edge(EdgeLimits::default()).await;
    let host = edge.host();
    let first = edge
        .send(Request::get("/sessions/x").header("x-forwarded-for", "192.0.2.1"), "")
        .await;
    let second = edge
        .send2(Request::get(format!("https://{host}/sessions/x")).header("x-forwarded-for", "192.0.2.1"))
        .await;
    for answer in [first, second] {
        assert_eq!(answer.status, 200);
        assert!(
            answer.body.starts_with("GET /sessions/x client=true ticket=false\n"),
            "{}",
            answer.body
        );
        assert!(answer.body.contains(&format!("host: {host}\n")), "{}", answer.body);
        assert!(!answer.body.contains("x-forwarded-for"), "{}", answer.body);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("strict-transport-security"), "", "localhost is not ours alone");
    }
    let public = edge.send2(Request::get("https://desk.example.org/")).await;
    assert_eq!(public.header("strict-transport-security"), "max-age=31536000");
}

#[tokio::test]
async fn a_request_body_arrives_whole() {
    let edge = edge(EdgeLimits::default()).await;
    let answer = edge.send(Request::put("/count"), vec![1; 3 << 20]).await;
    assert_eq!(answer.body, (3 << 20).to_string());
}

#[tokio::test]
async fn plain_http_is_shown_the_way() {
    let edge = edge(EdgeLimits::default()).await;
    for (request, status, location) in [
        (
            format!("GET /a?b HTTP/1.1\r\nHost: {}\r\n\r\n", edge.host()),
            "307",
            Some(format!("{}/a?b", edge.origin())),
        ),
        (
            format!("POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", edge.host()),
            "400",
            None,
        ),
        ("GET / HTTP/1.0\r\n\r\n".into(), "400", None),
    ] {
        let mut socket = TcpStream::connect(edge.addr).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(PATIENCE, socket.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
        match location {
            Some(location) => assert!(answer.contains(&format!("location: {location}\r\n")), "{answer}"),
            None => assert!(!answer.contains("location"), "{answer}"),
        }
        assert!(answer.contains("HTTPS"), "{answer}");
    }
}

#[tokio::test]
async fn a_renewed_certificate_needs_no_restart() {
    let edge = edge(EdgeLimits::default()).await;
    let leaf = |stream: &tokio_rustls::client::TlsStream<TcpStream>| stream.get_ref().1.peer_certificates().unwrap().first().cloned();
    let before = edge.tls(b"http/1.1").await;
    let names = PublicNames::of_this_machine(Some("other.example.org")).unwrap();
    edge.certificate
        .replace(edge.ca.server_certificate(&names, SystemTime::now()).unwrap());
    let after = edge.tls(b"http/1.1").await;
    assert_ne!(leaf(&before), leaf(&after));
    assert_eq!(leaf(&after).as_ref(), edge.certificate.current().chain().first());
}
