//! What goes wrong between nodes: silence, slowness, restarts, removal, nonsense.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gatewright_core::NodeRole::{Agent, ConnectionProxy, WebApp};
use gatewright_core::event::Event;
use gatewright_identity::SERVER_NAME;
use gatewright_ports::{AgentControl, AgentError, Control, ControlError, SessionStreams};
use gatewright_rpc::{
    ALPN_RPC, ALPN_STREAM, Link, LinkServices, Members, PendingStreams, RemoteAgent, RemoteControl, RemoteStreams, Services,
};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::desk::{Desk, FENCE, spec};
use crate::world::{HERE, Linked, Plane, World, digest, eventually, identity, session, status, verdict};

fn plane_services(plane: &Arc<Plane>) -> Services {
    Services {
        control: Some((plane.clone(), plane.clone())),
        ..Services::default()
    }
}

/// A wire that can go silent without closing, as a pulled cable does.
async fn wire(to: SocketAddr) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (cut, is_cut) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(to).await.unwrap();
            let (near, far) = (near.into_split(), far.into_split());
            for (mut from, mut into) in [(near.0, far.1), (far.0, near.1)] {
                let mut is_cut = is_cut.clone();
                tokio::spawn(async move {
                    let mut buffer = vec![0; 4096];
                    while let Ok(read @ 1..) = from.read(&mut buffer).await {
                        is_cut.wait_for(|cut| !cut).await.unwrap();
                        if into.write_all(&buffer[..read]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        }
    });
    (at, cut)
}

#[tokio::test]
async fn a_silent_link_is_noticed_and_made_anew() {
    let world = World::new();
    let (web_app, agent) = (identity(1, 1, &[WebApp]), identity(3, 1, &[Agent]));
    let links = Arc::new(Linked::default());
    let services = Services {
        web_app_links: Some(links.clone()),
        ..Services::default()
    };
    let address = world.port(&web_app, Members::default(), services, world.stop.clone()).await;
    let (through, cut) = wire(address).await;
    let desk = Arc::new(Desk::default());
    desk.create(spec(session(HERE)), FENCE).await.unwrap();
    let link = Link {
        dialer: world.dialer(&agent),
        address: through.to_string(),
        node: web_app.node,
        services: LinkServices {
            agent: Some(desk),
            ..LinkServices::default()
        },
        own: agent,
        tasks: world.tasks.clone(),
    };
    world.tasks.spawn(link.keep(world.stop.clone()));
    eventually("linked", || links.last().is_some()).await;
    let first = links.last().unwrap();
    // Without the keepalive this would wait for half an hour.
    let waiting = RemoteAgent(first.clone());
    let waiting = tokio::spawn(async move { waiting.wait_ready(session(HERE)).await });
    cut.send_replace(true);
    let noticed = tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap();
    assert_eq!(noticed, Err(AgentError::Unavailable));
    first.closed().await;
    cut.send_replace(false);
    eventually("linked again", || links.last().is_some_and(|link| link.number() != first.number())).await;
    RemoteAgent(links.last().unwrap()).status().await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn a_web_app_that_restarts_is_found_again_and_another_takes_over() {
    let world = World::new();
    let plane = Arc::new(Plane::default());
    let own = identity(1, 1, &[WebApp]);
    let dead: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let life = CancellationToken::new();
    let one = world.port(&own, Members::default(), plane_services(&plane), life.clone()).await;
    let agent = identity(5, 1, &[Agent]);
    let addresses = vec![dead.to_string(), one.to_string()];
    let control = RemoteControl::new(world.dialer(&agent), addresses, &world.tasks, world.stop.clone());
    control.heartbeat(status(5)).await.unwrap();
    life.cancel();
    eventually("the port is free", || std::net::TcpStream::connect(one).is_err()).await;
    assert_eq!(control.heartbeat(status(5)).await, Err(ControlError::Unavailable));
    world
        .port_at(one, &own, Members::default(), plane_services(&plane), world.stop.clone())
        .await;
    for _ in 0..500 {
        if control.heartbeat(status(5)).await.is_ok() {
            return world.end().await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not found again");
}

#[tokio::test]
async fn a_removed_node_is_cut_off_at_once() {
    let world = World::new();
    let plane = Arc::new(Plane::default());
    let (proxy, agent) = (identity(2, 1, &[WebApp, ConnectionProxy]), identity(3, 1, &[Agent]));
    let members = Members::default();
    let (links, pending) = (Arc::new(Linked::default()), PendingStreams::default());
    let services = Services {
        proxy_links: Some(links.clone()),
        pending: pending.clone(),
        ..plane_services(&plane)
    };
    let address = world.port(&proxy, members.clone(), services, world.stop.clone()).await.to_string();
    let desk = Arc::new(Desk::default());
    desk.create(spec(session(HERE)), FENCE).await.unwrap();
    let link = Link {
        dialer: world.dialer(&agent),
        address: address.clone(),
        node: proxy.node,
        services: LinkServices {
            streams: Some(desk),
            ..LinkServices::default()
        },
        own: agent.clone(),
        tasks: world.tasks.clone(),
    };
    world.tasks.spawn(link.keep(world.stop.clone()));
    let control = RemoteControl::new(world.dialer(&agent), vec![address], &world.tasks, world.stop.clone());
    control.heartbeat(status(3)).await.unwrap();
    eventually("linked", || links.last().is_some()).await;
    let mut stream = RemoteStreams::new(links.last().unwrap(), pending)
        .open(session(HERE), "vnc")
        .await
        .unwrap();
    stream.write_all(b"x").await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'x');

    let link = links.last().unwrap();
    members.set_removed([agent.node].into());
    let over = tokio::time::timeout(Duration::from_secs(10), stream.read_u8());
    over.await.unwrap().unwrap_err();
    tokio::time::timeout(Duration::from_secs(10), link.closed()).await.unwrap();
    assert_eq!(control.heartbeat(status(3)).await, Err(ControlError::Unavailable));
    eventually("no link is left", || links.last().is_none()).await;
    world.end().await;
}

/// A connection of a node's own making, to send what our client would not.
async fn raw(
    world: &World,
    who: &gatewright_core::NodeIdentity,
    at: SocketAddr,
    alpn: &[u8],
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let config = world.credentials(who).client_config(alpn).unwrap();
    let socket = TcpStream::connect(at).await.unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(SERVER_NAME.try_into().unwrap(), socket)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_slow_reader_holds_up_nobody_and_nonsense_is_refused() {
    let world = World::new();
    let plane = Arc::new(Plane::default());
    let own = identity(1, 1, &[WebApp]);
    let at = world
        .port(&own, Members::default(), plane_services(&plane), world.stop.clone())
        .await;
    let who = identity(5, 1, &[ConnectionProxy]);
    let stream = raw(&world, &who, at, ALPN_RPC).await;
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    world.tasks.spawn(async move { drop(connection.await) });
    let send = async |path: &str, body: Vec<u8>| {
        let request = http::Request::post(format!("https://node{path}"))
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        sender.clone().send_request(request).await.unwrap()
    };
    // Its answer is larger than a stream's window, and nobody reads it.
    let component = send("/v1/control/component", serde_json_of(&digest())).await;
    for _ in 0..20 {
        let body = br#"{"session":"00000000-0000-0000-0000-00000000000a","of a newer version":1}"#;
        let answer = send("/v1/control/session", body.to_vec()).await;
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.unwrap();
    }
    assert!(component.into_body().collect().await.unwrap().to_bytes() == plane.component);

    for (path, body, wanted) in [
        ("/v1/control/session", b"{}".to_vec(), 400),
        ("/v1/control/session", b"\xff\xfe".to_vec(), 400),
        ("/v1/control/heartbeat", b"{}".to_vec(), 403),
        ("/v1/agent/list", b"{}".to_vec(), 403),
        ("/v1/control/nonsense", b"{}".to_vec(), 404),
        ("/v1/stream/http", b"{}".to_vec(), 404),
        ("/v1/control/append-events", vec![b' '; 5 << 20], 413),
    ] {
        assert_eq!(send(path, body).await.status(), wanted, "{path}");
    }

    // Streams that begin with nonsense are closed; so is one that begins with an answer nobody asked for.
    let agent = identity(6, 1, &[Agent]);
    let unasked = format!("{{\"kind\":\"answer\",\"id\":\"{}\"}}\n", "0".repeat(32));
    for line in [b"GET / HTTP/1.1\r\n".to_vec(), vec![b'x'; 4096], unasked.into_bytes()] {
        let mut stream = raw(&world, &agent, at, ALPN_STREAM).await;
        drop(stream.write_all(&line).await);
        let closed = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut [0; 16]))
            .await
            .unwrap();
        assert!(matches!(closed, Ok(0) | Err(_)));
    }
    world.end().await;
}

fn serde_json_of(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

#[tokio::test]
async fn many_events_at_once_fit() {
    let world = World::new();
    let plane = Arc::new(Plane::default());
    let own = identity(1, 1, &[WebApp]);
    let at = world
        .port(&own, Members::default(), plane_services(&plane), world.stop.clone())
        .await;
    let who = identity(5, 1, &[ConnectionProxy]);
    let control = RemoteControl::new(world.dialer(&who), vec![at.to_string()], &world.tasks, world.stop.clone());
    let events: Vec<Event> = (0..256).map(|id| verdict(id, Some(HERE))).collect();
    control.append_events(events).await.unwrap();
    assert_eq!(plane.events.lock().unwrap().len(), 256);
    world.end().await;
}
