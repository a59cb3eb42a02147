//! A browser's requests from an edge to a role elsewhere: heads, bodies, the client's address, upgrades.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::routing::{get, post};
use gatewright_core::{NodeRole, SessionId, ZoneId};
use gatewright_identity::ClientAddr;
use gatewright_rpc::{Members, Place, RemoteUpstream, Services, Upstreams};
use http::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::ServiceExt as _;

use crate::world::{World, identity, node};

struct Fixed(Vec<Place>);

impl Upstreams for Fixed {
    fn places(&self, _: Option<(ZoneId, SessionId)>) -> Vec<Place> {
        self.0.clone()
    }
}

async fn whoami(client: Option<axum::Extension<ClientAddr>>, request: Request<Body>) -> String {
    let claimed = request.headers().contains_key("x-gatewright-client");
    format!("{:?} {} {claimed}", client.map(|client| client.0.0), request.uri())
}

/// Upgrades to a protocol that echoes.
async fn shout(mut request: Request<Body>) -> http::Response<Body> {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        let mut buffer = [0; 5];
        while stream.read_exact(&mut buffer).await.is_ok() {
            stream.write_all(&buffer.map(|byte| byte.to_ascii_uppercase())).await.unwrap();
        }
    });
    http::Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::UPGRADE, "shout")
        .header(header::CONNECTION, "upgrade")
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn an_edge_hands_requests_on_and_upgrades_too() {
    let world = World::new();
    let own = identity(1, 1, &[NodeRole::WebApp]);
    let router = axum::Router::new()
        .route("/whoami", get(whoami))
        .route("/echo", post(|body: String| async move { body }))
        .route("/shout", get(shout));
    let services = Services {
        web_app: Some(router),
        ..Services::default()
    };
    let address = world.port(&own, Members::default(), services, world.stop.clone()).await.to_string();
    let good = Place { address, node: own.node };
    let dead = Place {
        address: "127.0.0.1:1".into(),
        node: node(8),
    };
    let upstream = |who: NodeRole, to, places: Vec<Place>| {
        let dialer = world.dialer(&identity(5, 2, &[who]));
        RemoteUpstream::new(to, dialer, Arc::new(Fixed(places)), &world.tasks, world.stop.clone()).routes()
    };
    // The first place is dead: the second answers.
    let edge = upstream(NodeRole::DedicatedProxy, NodeRole::WebApp, vec![dead.clone(), good.clone()]);
    let client: SocketAddr = "192.0.2.7:4711".parse().unwrap();
    for _ in 0..3 {
        let mut request = Request::get("https://desk.example.org/whoami?a=b").header(header::HOST, "desk.example.org");
        request = request.header("x-gatewright-client", "198.51.100.1:1");
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ClientAddr(client));
        let response = edge.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        assert_eq!(body, "Some(192.0.2.7:4711) /whoami?a=b false");
    }
    let large = "x".repeat(1_500_000);
    let request = Request::post("/echo")
        .header(header::HOST, "desk")
        .body(Body::from(large.clone()))
        .unwrap();
    let response = edge.clone().oneshot(request).await.unwrap();
    assert!(axum::body::to_bytes(response.into_body(), 2_000_000).await.unwrap() == large.as_bytes());

    // An upgrade, from a real connection of a client's own.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let served = edge.clone();
    world.tasks.spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let service = hyper_util::service::TowerToHyperService::new(served);
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        drop(connection.with_upgrades().await);
    });
    let mut socket = tokio::net::TcpStream::connect(at).await.unwrap();
    socket
        .write_all(b"GET /shout HTTP/1.1\r\nHost: desk\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
        .await
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    socket.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HELLO");
    drop(socket);

    // Another role's certificate opens no such stream, nor does a node answer for a role that it has not.
    for (who, to, place) in [
        (NodeRole::ConnectionProxy, NodeRole::WebApp, good.clone()),
        (NodeRole::Agent, NodeRole::WebApp, good.clone()),
        (NodeRole::DedicatedProxy, NodeRole::ConnectionProxy, good),
        (NodeRole::DedicatedProxy, NodeRole::WebApp, dead),
    ] {
        let request = Request::get("/whoami").header(header::HOST, "desk").body(Body::empty()).unwrap();
        let response = upstream(who, to, vec![place]).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY, "{who} to {to}");
    }
    world.end().await;
}

/// Reads so much of the body, and answers.
async fn take(axum::extract::Path(bytes): axum::extract::Path<usize>, body: Body) -> (StatusCode, String) {
    use futures_util::StreamExt as _;
    let mut stream = body.into_data_stream();
    let mut got = 0;
    while got < bytes {
        got += stream.next().await.unwrap().unwrap().len();
    }
    (StatusCode::FORBIDDEN, "not here".into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_to_half_a_request_arrives_and_the_next_request_too() {
    const SIZE: usize = 4 << 20;
    let world = World::new();
    let own = identity(1, 1, &[NodeRole::ConnectionProxy]);
    let services = Services {
        router: Some(axum::Router::new().route("/take/{bytes}", post(take))),
        ..Services::default()
    };
    let address = world.port(&own, Members::default(), services, world.stop.clone()).await.to_string();
    let places = vec![Place { address, node: own.node }];
    let dialer = world.dialer(&identity(5, 2, &[NodeRole::DedicatedProxy]));
    let edge = RemoteUpstream::new(
        NodeRole::ConnectionProxy,
        dialer,
        Arc::new(Fixed(places)),
        &world.tasks,
        world.stop.clone(),
    )
    .routes();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        for bytes in [0, 1, SIZE / 2, SIZE] {
            for streamed in [false, true] {
                let edge = edge.clone();
                tasks.spawn(async move {
                    let mut wrong = 0;
                    for _ in 0..12 {
                        let body = if streamed {
                            let pieces = (0..64).map(|_| Ok::<_, std::io::Error>(vec![b'x'; SIZE / 64]));
                            Body::from_stream(futures_util::stream::iter(pieces))
                        } else {
                            Body::from(vec![b'x'; SIZE])
                        };
                        let request = Request::post(format!("/take/{bytes}"));
                        let request = request.header(header::HOST, "desk").body(body).unwrap();
                        let response = edge.clone().oneshot(request).await.unwrap();
                        wrong += u32::from(response.status() != StatusCode::FORBIDDEN);
                        drop(axum::body::to_bytes(response.into_body(), 1000).await);
                    }
                    ((bytes, streamed), wrong)
                });
            }
        }
    }
    let mut all = std::collections::BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        let (what, wrong) = done.unwrap();
        *all.entry(what).or_insert(0) += wrong;
    }
    assert!(all.values().all(|wrong| *wrong == 0), "{all:?}");
    world.end().await;
}
