//! Nodes with certificates, and little programs behind the ports.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::capacity::{Allocatable, Resources};
use gatewright_core::event::{AuditRecord, Event, Item, VerdictRecord, What};
use gatewright_core::gate::{Gate, Outcome};
use gatewright_core::plugin::{Digest, PluginKind};
use gatewright_core::record::Network;
use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::{
    EventId, GroupId, HomeId, NodeId, NodeIdentity, NodeRole, Reference, SecretId, SessionId, Timestamp, UserId, WorkspaceId, ZoneId,
};
use gatewright_identity::{InternalCa, JoinToken, LiveCredentials, NodeCredentials, NodeKey};
use gatewright_ports::agent_control::{
    ContractPart, ExecOutcome, ExecProgram, Fence, Finding, KeptHome, NodeStatus, OutputPiece, OwnedSession, SessionSpec, SessionStats,
};
use gatewright_ports::control::{
    ActivePlugin, Deployment, Der, JoinRequest, Joined, Peer, PolicySnapshot, RenewRequest, SecretEntry, SessionContext,
};
use gatewright_ports::proxy_control::OpenStream;
use gatewright_ports::{
    AgentControl, AgentError, ByteStream, Control, ControlError, ImageFacts, ImageStatus, ProxyControl, ProxyError, PullProgress,
    SessionStreams, StreamError,
};
use gatewright_rpc::{Channel, Dialer, Links, Members, Places, RpcPort, Services};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::told::{logs, outcome, program, stats};

pub(crate) fn zone(number: u128) -> ZoneId {
    ZoneId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn node(number: u128) -> NodeId {
    NodeId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn session(number: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number))
}

/// Sessions of zone 1 are even, of zone 2 odd; session 99 never was.
pub(crate) const HERE: u128 = 10;
pub(crate) const ELSEWHERE: u128 = 11;
pub(crate) const NOWHERE: u128 = 99;

pub(crate) fn identity(id: u128, in_zone: u128, roles: &[NodeRole]) -> NodeIdentity {
    NodeIdentity {
        node: node(id),
        zone: zone(in_zone),
        roles: roles.iter().copied().collect(),
    }
}

/// A deployment: its authority, and tasks that end with it.
pub(crate) struct World {
    pub(crate) ca: InternalCa,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl World {
    pub(crate) fn new() -> Self {
        let made = InternalCa::create(SystemTime::now()).unwrap();
        Self {
            ca: InternalCa::load(&made.certificate_pem, &made.key_pem, SystemTime::now()).unwrap(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    pub(crate) fn credentials(&self, who: &NodeIdentity) -> Arc<LiveCredentials> {
        let key = NodeKey::generate().unwrap();
        let certificate = self.ca.sign(&key.request().unwrap(), who, SystemTime::now()).unwrap();
        LiveCredentials::new(NodeCredentials::new(&key, certificate, self.ca.certificate().clone()).unwrap())
    }

    pub(crate) fn dialer(&self, who: &NodeIdentity) -> Dialer {
        Dialer::new(&self.credentials(who), Members::default()).unwrap()
    }

    pub(crate) async fn port(&self, own: &NodeIdentity, members: Members, services: Services, stop: CancellationToken) -> SocketAddr {
        self.port_at("127.0.0.1:0".parse().unwrap(), own, members, services, stop).await
    }

    pub(crate) async fn port_at(
        &self,
        at: SocketAddr,
        own: &NodeIdentity,
        members: Members,
        services: Services,
        stop: CancellationToken,
    ) -> SocketAddr {
        let port = RpcPort {
            listen: vec![at],
            credentials: self.credentials(own),
            members,
            services,
        };
        let bound = port.bind(&self.tasks, stop).await.unwrap();
        self.tasks.spawn(bound.serve);
        bound.addrs[0]
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(Duration::from_secs(20), self.tasks.wait()).await.unwrap();
    }
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..1500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never came true: {what}");
}

/// Remembers who linked.
#[derive(Default)]
pub(crate) struct Linked(pub(crate) Mutex<Vec<Channel>>);

impl Linked {
    pub(crate) fn last(&self) -> Option<Channel> {
        self.0.lock().unwrap().last().cloned()
    }
}

impl Links for Linked {
    fn linked(&self, channel: Channel) {
        self.0.lock().unwrap().push(channel);
    }

    fn gone(&self, channel: &Channel) {
        self.0.lock().unwrap().retain(|held| held.number() != channel.number());
    }
}

/// A control plane.
pub(crate) struct Plane {
    pub(crate) head: watch::Sender<u64>,
    pub(crate) heard: Mutex<Vec<NodeStatus>>,
    pub(crate) events: Mutex<BTreeMap<EventId, Event>>,
    pub(crate) ended: Mutex<Vec<(SessionId, EndReason)>>,
    pub(crate) component: Bytes,
    pub(crate) token: [u8; 32],
    pub(crate) away: Mutex<bool>,
}

impl Default for Plane {
    fn default() -> Self {
        Self {
            head: watch::Sender::new(7),
            heard: Mutex::default(),
            events: Mutex::default(),
            ended: Mutex::default(),
            component: (0..3_000_000_u32).map(|at| at.to_le_bytes()[1]).collect(),
            token: [0; 32],
            away: Mutex::default(),
        }
    }
}

impl Plane {
    fn here(&self) -> Result<(), ControlError> {
        (!*self.away.lock().unwrap()).then_some(()).ok_or(ControlError::Unavailable)
    }
}

#[async_trait]
impl Places for Plane {
    async fn zone_of(&self, id: SessionId) -> Result<Option<ZoneId>, ControlError> {
        let number = id.as_uuid().as_u128();
        Ok((number != NOWHERE).then(|| zone(1 + number % 2)))
    }
}

pub(crate) fn status(of: u128) -> NodeStatus {
    NodeStatus {
        node: node(of),
        name: "one".into(),
        engine: "docker 1".into(),
        runtime: "runtime-docker".parse().unwrap(),
        allocatable: Allocatable {
            cpu_millicores: 1000,
            memory_bytes: 1 << 30,
            sessions: 4,
        },
        degraded: Some("no engine".into()),
        images: vec!["terminal".into()],
        labels: BTreeMap::from([("disk".into(), "ssd".into())]),
    }
}

pub(crate) fn verdict(id: u128, of: Option<u128>) -> Event {
    Event {
        id: EventId::from_uuid(Uuid::from_u128(id)),
        reference: Reference::from_random(7),
        at: Timestamp::from_micros(1),
        user: None,
        user_name: "demo".into(),
        groups: Vec::new(),
        session: of.map(session),
        workspace: None,
        workspace_name: "Terminal".into(),
        client: "192.0.2.1".into(),
        what: What::Verdict(VerdictRecord {
            gate: Gate::CopyOut,
            item: Item {
                name: "text".into(),
                media_type: "text/plain".into(),
                bytes: 5,
                sha256: None,
            },
            rules: Vec::new(),
            outcome: Outcome::Denied,
            message: String::new(),
        }),
    }
}

pub(crate) fn audit(id: u128) -> Event {
    let mut event = verdict(id, Some(HERE));
    event.what = What::Audit(AuditRecord {
        action: "user.login".into(),
        object: "user admin".into(),
        detail: String::new(),
        succeeded: true,
    });
    event
}

pub(crate) fn policy() -> PolicySnapshot {
    let active = |kind| ActivePlugin {
        kind,
        version: "1.0.0".into(),
        digest: digest(),
    };
    PolicySnapshot {
        revision: 3,
        plugins: BTreeMap::from([
            ("runtime-docker".parse().unwrap(), active(PluginKind::Runtime)),
            ("dlp-clipboard".parse().unwrap(), active(PluginKind::Dlp)),
        ]),
        groups: BTreeMap::from([(GroupId::from_uuid(Uuid::from_u128(5)), "Sales".into())]),
        ..PolicySnapshot::default()
    }
}

pub(crate) fn digest() -> Digest {
    Digest::from_bytes([7; 32])
}

pub(crate) fn secret(of: SessionId) -> SecretId {
    SecretId::from_uuid(of.as_uuid())
}

#[async_trait]
impl Control for Plane {
    async fn join(&self, request: JoinRequest) -> Result<Joined, ControlError> {
        let token = JoinToken::parse(request.token.0.expose_secret()).map_err(|_| ControlError::NotFound)?;
        if token.hash() != self.token {
            return Err(ControlError::NotFound);
        }
        Ok(Joined {
            certificate: request.request,
            authority: Der(request.name.into_bytes()),
        })
    }

    async fn renew(&self, of: NodeId, request: RenewRequest) -> Result<Joined, ControlError> {
        Ok(Joined {
            certificate: request.request,
            authority: Der(of.as_uuid().as_bytes().to_vec()),
        })
    }

    async fn deployment(&self) -> Result<Deployment, ControlError> {
        let peer = |id, in_zone, role| Peer {
            identity: identity(id, in_zone, &[role]),
            address: Some(format!("192.0.2.{id}:7443")),
        };
        Ok(Deployment {
            id: "deployment".into(),
            ticket_keys: vec![Der(vec![1; 32])],
            removed: BTreeSet::from([node(666)]),
            peers: vec![
                peer(1, 1, NodeRole::WebApp),
                peer(2, 1, NodeRole::ConnectionProxy),
                peer(3, 2, NodeRole::ConnectionProxy),
                peer(4, 2, NodeRole::Agent),
            ],
        })
    }

    async fn heartbeat(&self, status: NodeStatus) -> Result<(), ControlError> {
        self.here()?;
        self.heard.lock().unwrap().push(status);
        Ok(())
    }

    async fn watch(&self, since: u64) -> Result<u64, ControlError> {
        let mut head = self.head.subscribe();
        let now = *head.wait_for(|now| *now != since).await.map_err(|_| ControlError::Unavailable)?;
        Ok(now)
    }

    async fn policy(&self) -> Result<Arc<PolicySnapshot>, ControlError> {
        Ok(Arc::new(policy()))
    }

    async fn session(&self, id: SessionId) -> Result<SessionContext, ControlError> {
        let at = self.zone_of(id).await?.ok_or(ControlError::NotFound)?;
        Ok(SessionContext {
            session: id,
            user: UserId::from_uuid(id.as_uuid()),
            user_name: "demo".into(),
            groups: Vec::new(),
            workspace: WorkspaceId::from_uuid(id.as_uuid()),
            workspace_name: "Terminal".into(),
            zone: at,
            node: node(1),
            state: SessionState::Ready,
            paused: false,
            end: None,
        })
    }

    async fn component(&self, of: Digest) -> Result<Bytes, ControlError> {
        if of == digest() {
            Ok(self.component.clone())
        } else {
            Err(ControlError::NotFound)
        }
    }

    async fn secrets(&self, id: SessionId) -> Result<Vec<SecretEntry>, ControlError> {
        Ok(vec![SecretEntry {
            id: secret(id),
            label: "desktop".into(),
        }])
    }

    async fn secret(&self, id: SessionId, wanted: SecretId) -> Result<SecretString, ControlError> {
        if wanted == secret(id) {
            Ok("hunter2".into())
        } else {
            Err(ControlError::NotFound)
        }
    }

    async fn append_events(&self, events: Vec<Event>) -> Result<(), ControlError> {
        self.here()?;
        self.events
            .lock()
            .unwrap()
            .extend(events.into_iter().map(|event| (event.id, event)));
        Ok(())
    }

    async fn end_session(&self, id: SessionId, reason: EndReason) -> Result<(), ControlError> {
        self.ended.lock().unwrap().push((id, reason));
        Ok(())
    }
}

/// An agent, whose sessions echo.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) made: Mutex<HashMap<SessionId, (SessionSpec, bool)>>,
    /// How many calls of `wait_ready` wait, and how many were dropped.
    pub(crate) waiting: Arc<Mutex<(u32, u32)>>,
    paused: Mutex<BTreeSet<SessionId>>,
    newest: Mutex<Fence>,
    /// The images that are being brought.
    pulling: Mutex<BTreeSet<String>>,
}

/// Of whoever drives all sessions.
pub(crate) const FENCE: Fence = Fence(3);

pub(crate) fn spec(of: SessionId) -> SessionSpec {
    SessionSpec {
        session: of,
        image: "terminal".into(),
        resources: Resources {
            cpu_millicores: 500,
            memory_bytes: 1 << 28,
            pids: 100,
            shm_bytes: 1 << 20,
        },
        network: Network::None,
        hostname: "desk".into(),
        home: Some(KeptHome {
            id: HomeId::from_uuid(Uuid::from_u128(77)),
            new: true,
        }),
        desktop_password: Some("hunter2".into()),
    }
}

struct Dropped(Arc<Mutex<(u32, u32)>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.lock().unwrap().1 += 1;
    }
}

impl Desk {
    /// One number for all sessions will do here.
    fn fenced(&self, fence: Fence) -> Result<(), AgentError> {
        let mut newest = self.newest.lock().unwrap();
        if fence < *newest {
            return Err(AgentError::Fenced);
        }
        *newest = fence;
        Ok(())
    }
}

#[async_trait]
impl AgentControl for Desk {
    async fn status(&self) -> Result<NodeStatus, AgentError> {
        Ok(status(1))
    }

    async fn create(&self, spec: SessionSpec, fence: Fence) -> Result<(), AgentError> {
        self.fenced(fence)?;
        if spec.image != "terminal" {
            return Err(AgentError::ImageMissing { image: spec.image });
        }
        self.made.lock().unwrap().entry(spec.session).or_insert((spec, false));
        Ok(())
    }

    async fn start(&self, id: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.fenced(fence)?;
        let mut made = self.made.lock().unwrap();
        made.get_mut(&id).ok_or(AgentError::NotFound)?.1 = true;
        Ok(())
    }

    async fn wait_ready(&self, id: SessionId) -> Result<(), AgentError> {
        match self.made.lock().unwrap().get(&id) {
            None => return Err(AgentError::Exited { code: 3 }),
            Some((_, true)) => return Ok(()),
            Some(_) => self.waiting.lock().unwrap().0 += 1,
        }
        let _dropped = Dropped(Arc::clone(&self.waiting));
        std::future::pending().await
    }

    async fn stop(&self, id: SessionId, grace: Duration, fence: Fence) -> Result<(), AgentError> {
        self.fenced(fence)?;
        if grace > Duration::from_secs(120) {
            return Err(AgentError::Refused { why: "grace".into() });
        }
        let mut made = self.made.lock().unwrap();
        made.get_mut(&id).ok_or(AgentError::NotFound)?.1 = false;
        Ok(())
    }

    async fn pause(&self, id: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.fenced(fence)?;
        self.made.lock().unwrap().get(&id).ok_or(AgentError::NotFound)?;
        self.paused.lock().unwrap().insert(id);
        Ok(())
    }

    async fn resume(&self, id: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.fenced(fence)?;
        self.made.lock().unwrap().get(&id).ok_or(AgentError::NotFound)?;
        self.paused.lock().unwrap().remove(&id);
        Ok(())
    }

    async fn stats(&self, id: SessionId) -> Result<SessionStats, AgentError> {
        self.made.lock().unwrap().get(&id).ok_or(AgentError::NotFound)?;
        Ok(stats())
    }

    async fn logs(&self, id: SessionId, lines: u32) -> Result<Vec<OutputPiece>, AgentError> {
        self.made.lock().unwrap().get(&id).ok_or(AgentError::NotFound)?;
        if lines > 10_000 {
            return Err(AgentError::Refused { why: "tail".into() });
        }
        Ok(logs())
    }

    async fn exec(&self, id: SessionId, wanted: ExecProgram) -> Result<ExecOutcome, AgentError> {
        self.made.lock().unwrap().get(&id).ok_or(AgentError::NotFound)?;
        assert_eq!(wanted, program());
        Ok(outcome())
    }

    async fn destroy(&self, id: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.fenced(fence)?;
        self.made.lock().unwrap().remove(&id);
        Ok(())
    }

    async fn check(&self, id: SessionId, password: SecretString, _: Fence) -> Result<Vec<Finding>, AgentError> {
        let made = self.made.lock().unwrap();
        let (spec, _) = made.get(&id).ok_or(AgentError::NotFound)?;
        let right = spec.desktop_password.as_ref().unwrap().expose_secret() == password.expose_secret();
        Ok(vec![Finding {
            part: ContractPart::Password,
            problem: (!right).then(|| "another password".into()),
        }])
    }

    async fn image(&self, name: &str) -> Result<ImageStatus, AgentError> {
        Ok(match name {
            "terminal" => ImageStatus::Present(ImageFacts {
                id: "sha256:0".into(),
                size_bytes: 7,
                created: String::new(),
                user: String::new(),
            }),
            other if self.pulling.lock().unwrap().contains(other) => ImageStatus::Pulling(PullProgress {
                step: "Downloading".into(),
                done_bytes: 1,
                total_bytes: 2,
            }),
            _ => ImageStatus::Absent,
        })
    }

    async fn pull(&self, name: &str) -> Result<(), AgentError> {
        if name == ".." {
            return Err(AgentError::Refused { why: "name".into() });
        }
        self.pulling.lock().unwrap().insert(name.into());
        Ok(())
    }

    async fn remove_home(&self, home: HomeId) -> Result<(), AgentError> {
        let made = self.made.lock().unwrap();
        if made.values().any(|(spec, _)| spec.home.is_some_and(|one| one.id == home)) {
            return Err(AgentError::Refused { why: "in use".into() });
        }
        Ok(())
    }

    async fn cancel_pull(&self, name: &str) -> Result<(), AgentError> {
        self.pulling.lock().unwrap().remove(name);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<OwnedSession>, AgentError> {
        let made = self.made.lock().unwrap();
        let mut all: Vec<_> = made
            .iter()
            .map(|(&session, (_, running))| OwnedSession {
                session,
                running: *running,
                paused: Some(self.paused.lock().unwrap().contains(&session)),
            })
            .collect();
        all.sort_by_key(|one| one.session);
        Ok(all)
    }
}

#[async_trait]
impl SessionStreams for Desk {
    async fn open(&self, id: SessionId, service: &str) -> Result<Box<dyn ByteStream>, StreamError> {
        if service != "vnc" {
            return Err(StreamError::NoSuchService { service: service.into() });
        }
        if !self.made.lock().unwrap().contains_key(&id) {
            return Err(StreamError::NotFound);
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let (mut read, mut write) = tokio::io::split(ours);
            let _ = tokio::io::copy(&mut read, &mut write).await;
        });
        Ok(Box::new(theirs))
    }
}

/// A connection proxy.
#[derive(Default)]
pub(crate) struct Relay {
    pub(crate) told: Mutex<Vec<String>>,
}

#[async_trait]
impl ProxyControl for Relay {
    async fn list(&self) -> Result<Vec<OpenStream>, ProxyError> {
        Ok(vec![OpenStream {
            session: session(HERE),
            client: "192.0.2.1".into(),
            idle_secs: 7,
        }])
    }

    async fn terminate(&self, id: SessionId, reason: EndReason) -> Result<(), ProxyError> {
        self.told.lock().unwrap().push(format!("{id} {reason:?}"));
        Ok(())
    }

    async fn message(&self, id: SessionId, text: String) -> Result<(), ProxyError> {
        self.told.lock().unwrap().push(format!("{id} {text}"));
        Ok(())
    }
}
