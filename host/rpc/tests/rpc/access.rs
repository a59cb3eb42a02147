//! Every method with every role, from its own node and zone and from foreign ones: only what the table lists passes.

use std::collections::BTreeSet;
use std::sync::Arc;

use gatewright_core::session::EndReason;
use gatewright_core::{HomeId, NodeIdentity, NodeRole};
use gatewright_ports::control::{Der, JoinRequest, RenewRequest, SecretText};
use gatewright_ports::{AgentControl, Control, ProxyControl, SessionStreams};
use gatewright_rpc::method::{Method, Scope, TABLE};
use gatewright_rpc::{
    About, Caller, GuardedAgent, GuardedControl, GuardedProxy, GuardedStreams, Link, LinkServices, Members, RemoteControl, Services,
};

use crate::desk::{Desk, FENCE, spec};
use crate::told::program;
use crate::world::{
    ELSEWHERE, HERE, Linked, NOWHERE, Plane, Relay, World, audit, digest, eventually, identity, node, secret, session, status, verdict,
    zone,
};

/// Whom a call is about, seen from a caller who is node 5 in zone 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    ForeignNode,
    ForeignZone,
}

/// The expectation, written down anew: a slip in the table must not be a slip here.
fn expected(method: Method, role: NodeRole, whose: Whose) -> bool {
    use NodeRole::{Agent, ConnectionProxy, WebApp};
    let own_node = whose != Whose::ForeignNode;
    let own_zone = whose != Whose::ForeignZone;
    match method {
        Method::Join | Method::Deployment | Method::Watch => true,
        Method::Renew => own_node,
        Method::Heartbeat => role == Agent && own_node,
        Method::Policy | Method::Component => matches!(role, Agent | ConnectionProxy),
        Method::Session | Method::Secrets | Method::Secret | Method::AppendEvents | Method::EndSession => {
            role == ConnectionProxy && own_zone
        }
        Method::AgentStatus
        | Method::AgentCreate
        | Method::AgentStart
        | Method::AgentWaitReady
        | Method::AgentStop
        | Method::AgentPause
        | Method::AgentResume
        | Method::AgentStats
        | Method::AgentLogs
        | Method::AgentExec
        | Method::AgentDestroy
        | Method::AgentCheck
        | Method::AgentImage
        | Method::AgentPull
        | Method::AgentCancelPull
        | Method::AgentRemoveHome
        | Method::AgentList
        | Method::ProxyList
        | Method::ProxyTerminate
        | Method::ProxyMessage => role == WebApp,
        Method::StreamOpen => role == ConnectionProxy && own_zone,
        Method::LinkToWebApp => matches!(role, Agent | ConnectionProxy),
        Method::LinkToProxy | Method::Answer => role == Agent && own_zone,
        Method::Http => role == NodeRole::DedicatedProxy,
    }
}

/// Calls a method of `Control`. None for a method of another port.
async fn of_control(control: &dyn Control, method: Method, whose: Whose) -> Option<bool> {
    let of = session(if whose == Whose::ForeignZone { ELSEWHERE } else { HERE });
    let target = if whose == Whose::ForeignNode { 6 } else { 5 };
    let request = Der(vec![1]);
    Some(match method {
        Method::Join => {
            let token = SecretText("nonsense".to_owned().into());
            let join = JoinRequest {
                token,
                request,
                name: "x".into(),
                address: None,
            };
            // A bad token is refused by the control plane itself; that it was asked is what counts here.
            drop(control.join(join).await);
            true
        }
        Method::Renew => control
            .renew(
                node(target),
                RenewRequest {
                    request,
                    address: None,
                    public_url: None,
                },
            )
            .await
            .is_ok(),
        Method::Deployment => control.deployment().await.is_ok(),
        Method::Watch => control.watch(0).await.is_ok(),
        Method::Heartbeat => control.heartbeat(status(target)).await.is_ok(),
        Method::Policy => control.policy().await.is_ok(),
        Method::Component => control.component(digest()).await.is_ok(),
        Method::Session => control.session(of).await.is_ok(),
        Method::Secrets => control.secrets(of).await.is_ok(),
        Method::Secret => control.secret(of, secret(of)).await.is_ok(),
        Method::AppendEvents => {
            let number = if whose == Whose::ForeignZone { ELSEWHERE } else { HERE };
            control.append_events(vec![verdict(1, Some(number))]).await.is_ok()
        }
        Method::EndSession => control.end_session(of, EndReason::User).await.is_ok(),
        _ => return None,
    })
}

/// Calls a method of the other ports. The fakes answer every allowed call with success.
async fn of_others(caller: Caller, method: Method, whose: Whose) -> Option<bool> {
    let desk = Arc::new(Desk::default());
    desk.create(spec(session(HERE)), FENCE).await.unwrap();
    desk.start(session(HERE), FENCE).await.unwrap();
    let (agent, proxy) = (
        GuardedAgent::new(desk.clone(), caller.clone()),
        GuardedProxy::new(Arc::new(Relay::default()), caller.clone()),
    );
    let of = session(HERE);
    Some(match method {
        Method::AgentStatus => agent.status().await.is_ok(),
        Method::AgentCreate => agent.create(spec(of), FENCE).await.is_ok(),
        Method::AgentStart => agent.start(of, FENCE).await.is_ok(),
        Method::AgentWaitReady => agent.wait_ready(of).await.is_ok(),
        Method::AgentStop => agent.stop(of, std::time::Duration::from_secs(1), FENCE).await.is_ok(),
        Method::AgentPause => agent.pause(of, FENCE).await.is_ok(),
        Method::AgentResume => agent.resume(of, FENCE).await.is_ok(),
        Method::AgentStats => agent.stats(of).await.is_ok(),
        Method::AgentLogs => agent.logs(of, 10).await.is_ok(),
        Method::AgentExec => agent.exec(of, program()).await.is_ok(),
        Method::AgentDestroy => agent.destroy(of, FENCE).await.is_ok(),
        Method::AgentCheck => agent.check(of, "hunter2".into(), FENCE).await.is_ok(),
        Method::AgentImage => agent.image("terminal").await.is_ok(),
        Method::AgentPull => agent.pull("terminal").await.is_ok(),
        Method::AgentCancelPull => agent.cancel_pull("terminal").await.is_ok(),
        Method::AgentRemoveHome => agent.remove_home(HomeId::from_uuid(uuid::Uuid::nil())).await.is_ok(),
        Method::AgentList => agent.list().await.is_ok(),
        Method::ProxyList => proxy.list().await.is_ok(),
        Method::ProxyTerminate => proxy.terminate(of, EndReason::User).await.is_ok(),
        Method::ProxyMessage => proxy.message(of, "x".into()).await.is_ok(),
        Method::StreamOpen => {
            let at = if whose == Whose::ForeignZone { 2 } else { 1 };
            GuardedStreams::new(desk, zone(at), caller).open(of, "vnc").await.is_ok()
        }
        _ => return None,
    })
}

#[tokio::test]
async fn only_what_the_table_lists_passes() {
    let world = World::new();
    let plane = Arc::new(Plane::default());
    let services = Services {
        control: Some((plane.clone(), plane.clone())),
        ..Services::default()
    };
    let own = identity(1, 1, &[NodeRole::WebApp]);
    let address = world.port(&own, Members::default(), services, world.stop.clone()).await.to_string();
    let mut walked = BTreeSet::new();
    for role in NodeRole::ALL {
        let who = identity(5, 1, &[role]);
        let remote = RemoteControl::new(world.dialer(&who), vec![address.clone()], &world.tasks, world.stop.clone());
        let guarded = GuardedControl::new(plane.clone(), plane.clone(), Caller::Node(who.clone()));
        for entry in TABLE {
            for whose in [Whose::Own, Whose::ForeignNode, Whose::ForeignZone] {
                let wanted = expected(entry.method, role, whose);
                let outcomes = match of_control(&guarded, entry.method, whose).await {
                    Some(here) => vec![here, of_control(&remote, entry.method, whose).await.unwrap()],
                    None => of_others(Caller::Node(who.clone()), entry.method, whose)
                        .await
                        .into_iter()
                        .collect(),
                };
                // Streams are dialled below.
                assert!(!outcomes.is_empty() || entry.port == "stream", "{:?} is not walked", entry.method);
                for passed in outcomes {
                    assert_eq!(passed, wanted, "{:?} by {role} for {whose:?}", entry.method);
                    walked.insert(entry.method);
                }
            }
        }
    }
    assert_eq!(
        walked.len() + TABLE.iter().filter(|entry| entry.port == "stream").count(),
        TABLE.len()
    );
    world.end().await;
}

#[tokio::test]
async fn a_stranger_may_join_and_nothing_else() {
    let plane = Arc::new(Plane::default());
    let guarded = GuardedControl::new(plane.clone(), plane, Caller::Stranger);
    for entry in TABLE {
        assert_eq!(
            Caller::Stranger.may_call(entry.method),
            entry.method == Method::Join,
            "{:?}",
            entry.method
        );
        assert_eq!(
            Caller::Stranger.may(entry.method, About::All).is_ok(),
            entry.scope == Scope::Stranger,
            "{:?}",
            entry.method
        );
        if let Some(passed) = of_control(&guarded, entry.method, Whose::Own).await {
            assert_eq!(passed, entry.method == Method::Join, "{:?}", entry.method);
        } else if let Some(passed) = of_others(Caller::Stranger, entry.method, Whose::Own).await {
            assert!(!passed, "{:?}", entry.method);
        }
    }
}

#[tokio::test]
async fn a_proxy_forges_no_audit_and_guesses_no_session() {
    let plane = Arc::new(Plane::default());
    let proxy = Caller::Node(identity(5, 1, &[NodeRole::ConnectionProxy]));
    let control = GuardedControl::new(plane.clone(), plane.clone(), proxy);
    for events in [
        vec![audit(1)],
        vec![verdict(1, None)],
        vec![verdict(1, Some(NOWHERE))],
        vec![verdict(1, Some(HERE)), verdict(2, Some(ELSEWHERE))],
        vec![verdict(1, Some(HERE)), audit(2)],
    ] {
        control.append_events(events).await.unwrap_err();
    }
    assert!(plane.events.lock().unwrap().is_empty(), "a batch is taken whole or not at all");
    control.session(session(NOWHERE)).await.unwrap_err();
}

async fn link(world: &World, own: &NodeIdentity, other: &NodeIdentity, at: &str) {
    let link = Link {
        dialer: world.dialer(own),
        address: at.to_owned(),
        node: other.node,
        services: LinkServices::default(),
        own: own.clone(),
        tasks: world.tasks.clone(),
    };
    world.tasks.spawn(link.keep(world.stop.clone()));
}

#[tokio::test]
async fn links_are_taken_from_who_may() {
    let world = World::new();
    for (method, own_role) in [
        (Method::LinkToWebApp, NodeRole::WebApp),
        (Method::LinkToProxy, NodeRole::ConnectionProxy),
    ] {
        let own = identity(1, 1, &[own_role]);
        let links = Arc::new(Linked::default());
        let services = match own_role {
            NodeRole::WebApp => Services {
                web_app_links: Some(links.clone()),
                ..Services::default()
            },
            _ => Services {
                proxy_links: Some(links.clone()),
                ..Services::default()
            },
        };
        let address = world.port(&own, Members::default(), services, world.stop.clone()).await.to_string();
        let mut wanted = BTreeSet::new();
        for (index, role) in NodeRole::ALL.into_iter().enumerate() {
            for (at, whose) in [(1, Whose::Own), (2, Whose::ForeignZone)] {
                let id = 100 + 10 * u128::try_from(index).unwrap() + at;
                link(&world, &identity(id, at, &[role]), &own, &address).await;
                if expected(method, role, whose) {
                    wanted.insert(node(id));
                }
            }
        }
        let linked = || links.0.lock().unwrap().iter().map(|one| one.peer().node).collect::<BTreeSet<_>>();
        eventually("who may is linked", || linked().is_superset(&wanted)).await;
        // One more round for all: whoever comes after those who may not shows that they were looked at.
        let last = identity(200, 1, &[NodeRole::Agent]);
        link(&world, &last, &own, &address).await;
        wanted.insert(last.node);
        eventually("the last one is linked", || linked().contains(&last.node)).await;
        assert_eq!(linked(), wanted, "{method:?}");
    }
    world.end().await;
}
