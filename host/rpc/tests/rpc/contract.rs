//! What every port promises, in one process and between processes.

use std::sync::Arc;
use std::time::Duration;

use gatewright_core::HomeId;
use gatewright_core::NodeRole::{Agent, ConnectionProxy, WebApp};
use gatewright_core::plugin::Digest;
use gatewright_core::session::EndReason;
use gatewright_identity::JoinToken;
use gatewright_ports::agent_control::{ContractPart, Fence};
use gatewright_ports::control::{Der, JoinRequest, RenewRequest, SecretText};
use gatewright_ports::{AgentControl, AgentError, Control, ControlError, ImageStatus, ProxyControl, SessionStreams, StreamError};
use gatewright_rpc::{
    Caller, GuardedAgent, GuardedControl, GuardedProxy, GuardedStreams, Link, LinkServices, Members, PendingStreams, RemoteAgent,
    RemoteControl, RemoteProxy, RemoteStreams, Services,
};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::desk::{Desk, FENCE, spec};
use crate::told::{logs, outcome, program, stats};
use crate::world::{
    ELSEWHERE, HERE, Linked, Plane, Relay, World, digest, eventually, identity, node, policy, secret, session, status, verdict, zone,
};
use uuid::Uuid;

async fn proxys_control(control: &dyn Control, plane: &Plane) {
    assert_eq!(*control.policy().await.unwrap(), policy());
    let context = control.session(session(HERE)).await.unwrap();
    assert_eq!((context.session, context.zone), (session(HERE), zone(1)));
    assert_eq!(control.component(digest()).await.unwrap(), plane.component);
    assert_eq!(control.component(Digest::from_bytes([8; 32])).await, Err(ControlError::NotFound));
    let entries = control.secrets(session(HERE)).await.unwrap();
    assert_eq!(entries[0].label, "desktop");
    let opened = control.secret(session(HERE), entries[0].id).await.unwrap();
    assert_eq!(opened.expose_secret(), "hunter2");
    let foreign = control.secret(session(HERE), secret(session(ELSEWHERE))).await;
    assert_eq!(foreign.map(drop), Err(ControlError::NotFound));

    let events = vec![verdict(1, Some(HERE)), verdict(2, Some(HERE))];
    control.append_events(events.clone()).await.unwrap();
    control.append_events(events.clone()).await.unwrap();
    assert_eq!(plane.events.lock().unwrap().values().cloned().collect::<Vec<_>>(), events);
    *plane.away.lock().unwrap() = true;
    assert_eq!(control.append_events(events).await, Err(ControlError::Unavailable));
    *plane.away.lock().unwrap() = false;

    control
        .end_session(session(HERE), EndReason::ProtocolViolation("x".into()))
        .await
        .unwrap();
    assert_eq!(plane.ended.lock().unwrap().len(), 1);

    let seen = control.watch(0).await.unwrap();
    assert_eq!(seen, *plane.head.borrow());
    let (later, ()) = tokio::join!(control.watch(seen), async {
        tokio::task::yield_now().await;
        plane.head.send_modify(|head| *head += 1);
    });
    assert_eq!(later.unwrap(), seen + 1);
}

async fn agents_control(control: &dyn Control, plane: &Plane) {
    control.heartbeat(status(5)).await.unwrap();
    assert_eq!(plane.heard.lock().unwrap().clone(), [status(5)]);
    let renewed = control
        .renew(
            node(5),
            RenewRequest {
                request: Der(vec![1, 2, 0xff]),
                address: Some("a:1".into()),
                public_url: None,
            },
        )
        .await
        .unwrap();
    assert_eq!(renewed.certificate, Der(vec![1, 2, 0xff]));
    assert_eq!(renewed.authority, Der(node(5).as_uuid().as_bytes().to_vec()));
    // Of the policy an agent learns its plugins, of the nodes its own zone's and the web-apps.
    let seen = control.policy().await.unwrap();
    assert_eq!((seen.plugins.len(), seen.groups.len()), (1, 0));
    let deployment = control.deployment().await.unwrap();
    assert_eq!(deployment.id, "deployment");
    assert_eq!(
        deployment.peers.iter().map(|peer| peer.identity.node).collect::<Vec<_>>(),
        [node(1), node(2)]
    );
    assert!(deployment.removed.contains(&node(666)));
}

async fn strangers_control(control: &dyn Control, token: &JoinToken) {
    let mut request = JoinRequest {
        token: SecretText(token.text().into()),
        request: Der(vec![3]),
        name: "one".into(),
        address: None,
    };
    assert_eq!(control.join(request.clone()).await.unwrap().certificate, Der(vec![3]));
    request.token = SecretText(JoinToken::generate(token.authority()).unwrap().text().into());
    assert_eq!(control.join(request).await, Err(ControlError::NotFound));
}

#[tokio::test]
async fn control_in_one_process() {
    let world = World::new();
    let token = JoinToken::generate(world.ca.fingerprint()).unwrap();
    let plane = Arc::new(Plane {
        token: token.hash(),
        ..Plane::default()
    });
    let as_caller = |caller| GuardedControl::new(plane.clone(), plane.clone(), caller);
    proxys_control(&as_caller(Caller::Node(identity(4, 1, &[ConnectionProxy]))), &plane).await;
    agents_control(&as_caller(Caller::Node(identity(5, 1, &[Agent]))), &plane).await;
    strangers_control(&as_caller(Caller::Stranger), &token).await;
}

#[tokio::test]
async fn control_between_processes() {
    let world = World::new();
    let token = JoinToken::generate(world.ca.fingerprint()).unwrap();
    let plane = Arc::new(Plane {
        token: token.hash(),
        ..Plane::default()
    });
    let services = Services {
        control: Some((plane.clone(), plane.clone())),
        ..Services::default()
    };
    let own = identity(1, 1, &[WebApp]);
    let address = world.port(&own, Members::default(), services, world.stop.clone()).await.to_string();
    let as_caller = |who| RemoteControl::new(world.dialer(&who), vec![address.clone()], &world.tasks, world.stop.clone());
    proxys_control(&as_caller(identity(4, 1, &[ConnectionProxy])), &plane).await;
    agents_control(&as_caller(identity(5, 1, &[Agent])), &plane).await;

    // Who has no certificate yet believes the pinned authority only.
    let request = |token: &JoinToken| JoinRequest {
        token: SecretText(token.text().into()),
        request: Der(vec![3]),
        name: "one".into(),
        address: None,
    };
    let joined = gatewright_rpc::join(&address, &token, &request(&token)).await.unwrap();
    assert_eq!(joined.authority, Der(b"one".to_vec()));
    let used_up = JoinToken::generate(token.authority()).unwrap();
    gatewright_rpc::join(&address, &used_up, &request(&used_up)).await.unwrap_err();
    let foreign = JoinToken::generate(World::new().ca.fingerprint()).unwrap();
    gatewright_rpc::join(&address, &foreign, &request(&token)).await.unwrap_err();
    world.end().await;
}

async fn agent_contract(agent: &dyn AgentControl, desk: &Desk) {
    assert_eq!(agent.status().await.unwrap(), status(1));
    agent.create(spec(session(HERE)), FENCE).await.unwrap();
    agent.create(spec(session(HERE)), FENCE).await.unwrap();
    let (made, _) = desk.made.lock().unwrap()[&session(HERE)].clone();
    assert_eq!(made.desktop_password.unwrap().expose_secret(), "hunter2");
    assert_eq!(
        (made.image, made.resources),
        (spec(session(HERE)).image, spec(session(HERE)).resources)
    );
    let mut other = spec(session(ELSEWHERE));
    other.image = "unknown".into();
    assert_eq!(
        agent.create(other, FENCE).await,
        Err(AgentError::ImageMissing { image: "unknown".into() })
    );
    assert_eq!(agent.start(session(ELSEWHERE), FENCE).await, Err(AgentError::NotFound));
    assert_eq!(agent.wait_ready(session(ELSEWHERE)).await, Err(AgentError::Exited { code: 3 }));

    // A call that is given up is given up on the other side too.
    let given_up = tokio::time::timeout(Duration::from_millis(300), agent.wait_ready(session(HERE)));
    given_up.await.unwrap_err();
    eventually("the dropped call ended", || {
        let (began, dropped) = *desk.waiting.lock().unwrap();
        began == dropped
    })
    .await;

    agent.start(session(HERE), FENCE).await.unwrap();
    agent.wait_ready(session(HERE)).await.unwrap();
    let listed = agent.list().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].running && listed[0].session == session(HERE));
    // What a driver is told that another has overtaken.
    let late = Fence(2);
    assert_eq!(agent.create(spec(session(HERE)), late).await, Err(AgentError::Fenced));
    assert_eq!(agent.destroy(session(HERE), Fence::NONE).await, Err(AgentError::Fenced));
    for _ in 0..2 {
        agent.pause(session(HERE), FENCE).await.unwrap();
        assert_eq!(agent.list().await.unwrap()[0].paused, Some(true));
    }
    assert_eq!(agent.resume(session(HERE), late).await, Err(AgentError::Fenced));
    for _ in 0..2 {
        agent.resume(session(HERE), FENCE).await.unwrap();
        assert_eq!(agent.list().await.unwrap()[0].paused, Some(false));
    }
    assert_eq!(agent.pause(session(ELSEWHERE), FENCE).await, Err(AgentError::NotFound));
    assert_eq!(agent.stats(session(HERE)).await, Ok(stats()));
    assert_eq!(agent.stats(session(ELSEWHERE)).await, Err(AgentError::NotFound));
    assert_eq!(agent.logs(session(HERE), 10_000).await, Ok(logs()));
    let refused = Err(AgentError::Refused { why: "tail".into() });
    assert_eq!(agent.logs(session(HERE), 10_001).await, refused);
    assert_eq!(agent.exec(session(HERE), program()).await, Ok(outcome()));
    assert_eq!(agent.exec(session(ELSEWHERE), program()).await, Err(AgentError::NotFound));
    let (grace, long) = (Duration::from_secs(5), Duration::from_secs(121));
    assert_eq!(agent.stop(session(ELSEWHERE), grace, FENCE).await, Err(AgentError::NotFound));
    assert_eq!(
        agent.stop(session(HERE), long, FENCE).await,
        Err(AgentError::Refused { why: "grace".into() })
    );
    let findings = agent.check(session(HERE), "hunter2".into(), FENCE).await.unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].part, findings[0].problem.as_deref()), (ContractPart::Password, None));
    let findings = agent.check(session(HERE), "other".into(), FENCE).await.unwrap();
    assert_eq!(findings[0].problem.as_deref(), Some("another password"));
    assert_eq!(
        agent.check(session(ELSEWHERE), "hunter2".into(), FENCE).await,
        Err(AgentError::NotFound)
    );

    let home = spec(session(HERE)).home.unwrap().id;
    assert_eq!(agent.remove_home(home).await, Err(AgentError::Refused { why: "in use".into() }));
    agent.remove_home(HomeId::from_uuid(Uuid::nil())).await.unwrap();

    assert_eq!(agent.image("other").await, Ok(ImageStatus::Absent));
    agent.pull("other").await.unwrap();
    let Ok(ImageStatus::Pulling(progress)) = agent.image("other").await else {
        panic!("nothing is pulled");
    };
    assert_eq!((progress.done_bytes, progress.total_bytes), (1, 2));
    agent.cancel_pull("other").await.unwrap();
    assert_eq!(agent.image("other").await, Ok(ImageStatus::Absent));
    let Ok(ImageStatus::Present(facts)) = agent.image("terminal").await else {
        panic!("the image is not there");
    };
    assert_eq!(facts.size_bytes, 7);
    assert_eq!(agent.pull("..").await, Err(AgentError::Refused { why: "name".into() }));

    agent.stop(session(HERE), grace, FENCE).await.unwrap();
    assert!(!agent.list().await.unwrap()[0].running);
    agent.destroy(session(HERE), FENCE).await.unwrap();
    agent.destroy(session(HERE), FENCE).await.unwrap();
    assert!(agent.list().await.unwrap().is_empty());
}

async fn streams_contract(streams: &dyn SessionStreams, agent: &dyn AgentControl) {
    assert_eq!(streams.open(session(HERE), "vnc").await.err(), Some(StreamError::NotFound));
    agent.create(spec(session(HERE)), FENCE).await.unwrap();
    let service = "/etc/passwd".to_owned();
    assert_eq!(
        streams.open(session(HERE), &service).await.err(),
        Some(StreamError::NoSuchService { service })
    );
    let mut one = streams.open(session(HERE), "vnc").await.unwrap();
    let mut two = streams.open(session(HERE), "vnc").await.unwrap();
    // The first is not read while the second carries: each is a connection of its own.
    let payload: Vec<u8> = (0..1_000_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    one.write_all(&payload[..50_000]).await.unwrap();
    one.flush().await.unwrap();
    let (mut read, mut write) = tokio::io::split(&mut two);
    let mut got = vec![0; payload.len()];
    let (sent, received) = tokio::join!(
        async {
            write.write_all(&payload).await?;
            write.flush().await
        },
        read.read_exact(&mut got)
    );
    sent.unwrap();
    received.unwrap();
    assert!(got == payload, "the stream changed its bytes");
    let mut first = vec![0; 50_000];
    one.read_exact(&mut first).await.unwrap();
    assert!(first == payload[..50_000]);
    // One side's end arrives at the other.
    one.shutdown().await.unwrap();
    assert_eq!(one.read(&mut first).await.unwrap(), 0);
}

async fn proxy_contract(proxy: &dyn ProxyControl, relay: &Relay) {
    assert_eq!(proxy.list().await.unwrap()[0].client, "192.0.2.1");
    proxy.terminate(session(HERE), EndReason::User).await.unwrap();
    proxy.message(session(HERE), "bye \u{1f600}".into()).await.unwrap();
    let told = relay.told.lock().unwrap().clone();
    assert_eq!(
        told,
        [format!("{} User", session(HERE)), format!("{} bye \u{1f600}", session(HERE))]
    );
}

#[tokio::test]
async fn agents_and_proxies_in_one_process() {
    let (desk, relay) = (Arc::new(Desk::default()), Arc::new(Relay::default()));
    let web_app = Caller::Node(identity(1, 1, &[WebApp]));
    let agent = GuardedAgent::new(desk.clone(), web_app.clone());
    agent_contract(&agent, &desk).await;
    let streams = GuardedStreams::new(desk.clone(), zone(1), Caller::Node(identity(2, 1, &[ConnectionProxy])));
    streams_contract(&streams, &agent).await;
    proxy_contract(&GuardedProxy::new(relay.clone(), web_app), &relay).await;
}

#[tokio::test]
async fn agents_and_proxies_between_processes() {
    let world = World::new();
    let (desk, relay) = (Arc::new(Desk::default()), Arc::new(Relay::default()));
    let (at_web_app, at_proxy) = (Arc::new(Linked::default()), Arc::new(Linked::default()));
    let web_app = identity(1, 1, &[WebApp]);
    let proxy = identity(2, 1, &[ConnectionProxy]);
    let agent = identity(3, 1, &[Agent]);
    let services = Services {
        web_app_links: Some(at_web_app.clone()),
        ..Services::default()
    };
    let to_web_app = world.port(&web_app, Members::default(), services, world.stop.clone()).await;
    let pending = PendingStreams::default();
    let services = Services {
        proxy_links: Some(at_proxy.clone()),
        pending: pending.clone(),
        ..Services::default()
    };
    let to_proxy = world.port(&proxy, Members::default(), services, world.stop.clone()).await;
    let keep = |own: &gatewright_core::NodeIdentity, other: &gatewright_core::NodeIdentity, at: std::net::SocketAddr, services| {
        let link = Link {
            dialer: world.dialer(own),
            address: at.to_string(),
            node: other.node,
            services,
            own: own.clone(),
            tasks: world.tasks.clone(),
        };
        world.tasks.spawn(link.keep(world.stop.clone()));
    };
    let of_agent = LinkServices {
        agent: Some(desk.clone()),
        streams: Some(desk.clone()),
        proxy: None,
    };
    keep(&agent, &web_app, to_web_app, of_agent.clone());
    keep(&agent, &proxy, to_proxy, of_agent);
    eventually("the agent is linked", || at_web_app.last().is_some() && at_proxy.last().is_some()).await;
    let remote = RemoteAgent(at_web_app.last().unwrap());
    agent_contract(&remote, &desk).await;
    streams_contract(&RemoteStreams::new(at_proxy.last().unwrap(), pending), &remote).await;

    // A connection proxy's link serves its own port, and not an agent's.
    at_web_app.0.lock().unwrap().clear();
    let of_proxy = LinkServices {
        proxy: Some(relay.clone()),
        ..LinkServices::default()
    };
    keep(&proxy, &web_app, to_web_app, of_proxy);
    eventually("the proxy is linked", || at_web_app.last().is_some()).await;
    let channel = at_web_app.last().unwrap();
    proxy_contract(&RemoteProxy(channel.clone()), &relay).await;
    assert_eq!(RemoteAgent(channel).status().await.err(), Some(AgentError::Unavailable));
    world.end().await;
}
