//! Slow clients, greedy clients, and a stop.

use std::time::Duration;

use axum::body::Body;
use gatewright_dedicated_proxy::EdgeLimits;
use http::Request;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fixture::{Fixture, PATIENCE, edge};

const SHORT: Duration = Duration::from_millis(300);

/// Whether the other side closes the connection, by itself and without a word.
async fn closes(mut socket: impl AsyncRead + Unpin) -> bool {
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, socket.read_to_end(&mut rest)).await;
    // A close without TLS's own good-bye reads as an error: closed all the same.
    ended.is_ok() && !rest.starts_with(b"HTTP/1.1 200")
}

#[tokio::test]
async fn slow_clients_are_cut() {
    let edge = edge(EdgeLimits {
        handshake: SHORT,
        headers: SHORT,
        body: SHORT,
        ..EdgeLimits::default()
    })
    .await;
    // Nothing at all; half a TLS record; half a head over TLS, plain, and half of HTTP/2's preface.
    assert!(closes(TcpStream::connect(edge.addr).await.unwrap()).await);
    let mut half = TcpStream::connect(edge.addr).await.unwrap();
    half.write_all(&[0x16, 3, 1, 2, 0]).await.unwrap();
    assert!(closes(half).await);
    for alpn in [&b"http/1.1"[..], b"h2"] {
        let mut head = edge.tls(alpn).await;
        let begin: &[u8] = if alpn == b"h2" {
            b"PRI * HT"
        } else {
            b"GET / HTTP/1.1\r\nHost: lo"
        };
        head.write_all(begin).await.unwrap();
        assert!(closes(head).await, "{alpn:?}");
    }
    let mut plain = TcpStream::connect(edge.addr).await.unwrap();
    plain.write_all(b"GET / HT").await.unwrap();
    assert!(closes(plain).await);
    // A body that never comes.
    let mut body = edge.tls(b"http/1.1").await;
    let head = format!(
        "POST /session/{}/enter HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{{",
        crate::fixture::session(1),
        edge.host(),
        edge.origin()
    );
    body.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(PATIENCE, body.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_greedy_client_is_cut_and_the_place_comes_back() {
    let edge = edge(EdgeLimits {
        connections_per_client: 2,
        ..EdgeLimits::default()
    })
    .await;
    let first = edge.tls(b"http/1.1").await;
    let _second = edge.tls(b"http/1.1").await;
    assert!(closes(TcpStream::connect(edge.addr).await.unwrap()).await);
    drop(first);
    // The edge has to see the close before the place is free: until then it cuts newcomers.
    let again = timeout(PATIENCE, async {
        loop {
            let mut socket = TcpStream::connect(edge.addr).await.unwrap();
            let mut answer = Vec::new();
            let asked = socket.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
            if asked.is_ok() && socket.read_to_end(&mut answer).await.is_ok() && !answer.is_empty() {
                break answer;
            }
        }
    });
    assert!(again.await.unwrap().starts_with(b"HTTP/1.1 307"));
}

/// A request that the upstream holds; the task ends with what came of it.
async fn held(edge: &Fixture) -> tokio::task::JoinHandle<Option<(u16, String)>> {
    let stream = edge.tls(b"http/1.1").await;
    let host = edge.host();
    let asked = tokio::spawn(async move {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::get("/slow").header("host", host).body(Body::empty()).unwrap();
        let response = sender.send_request(request).await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        // The edge closes after its last answer; the client keeps the sender open, as browsers do.
        connection.await.unwrap().unwrap();
        Some((status, String::from_utf8(body.to_vec()).unwrap()))
    });
    timeout(PATIENCE, edge.arrived.acquire()).await.unwrap().unwrap().forget();
    asked
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_no_new_ones_in() {
    let edge = edge(EdgeLimits {
        drain: PATIENCE,
        ..EdgeLimits::default()
    })
    .await;
    let idle = edge.tls(b"http/1.1").await;
    let asked = held(&edge).await;
    edge.stop.cancel();
    assert!(closes(idle).await, "an idle connection is closed at once");
    let refused = timeout(PATIENCE, async { while TcpStream::connect(edge.addr).await.is_ok() {} });
    refused.await.unwrap();
    assert!(!edge.served.is_finished(), "a request is still in flight");
    edge.gate.add_permits(1);
    assert_eq!(asked.await.unwrap(), Some((200, "at last".into())));
    timeout(PATIENCE, edge.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_has_an_end() {
    let edge = edge(EdgeLimits {
        drain: SHORT,
        ..EdgeLimits::default()
    })
    .await;
    let asked = held(&edge).await;
    edge.stop.cancel();
    timeout(PATIENCE, edge.served).await.unwrap().unwrap();
    assert_eq!(asked.await.unwrap(), None);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_event_streams() {
    let edge = edge(EdgeLimits {
        drain: PATIENCE * 10,
        ..EdgeLimits::default()
    })
    .await;
    let stream = edge.tls(b"http/1.1").await;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("/events").header("host", edge.host()).body(Body::empty()).unwrap();
    let mut body = sender.send_request(request).await.unwrap().into_body();
    let first = timeout(PATIENCE, body.frame())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
        .into_data()
        .unwrap();
    assert_eq!(&first[..], b"data: first\n\n");
    edge.stop.cancel();
    let rest = timeout(PATIENCE, body.collect()).await.unwrap();
    assert!(rest.unwrap().to_bytes().is_empty(), "it ends as a stream ends, not torn off");
    timeout(PATIENCE, edge.served).await.unwrap().unwrap();
    connection.await.unwrap().unwrap();
}
