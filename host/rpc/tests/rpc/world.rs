//! Nodes with certificates, and little programs behind the ports.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::capacity::Allocatable;
use gatewright_core::event::{AuditRecord, Event, Item, VerdictRecord, What};
use gatewright_core::gate::{Gate, Outcome};
use gatewright_core::plugin::{Digest, PluginKind};
use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::{
    EventId, GroupId, NodeId, NodeIdentity, NodeRole, Reference, SecretId, SessionId, Timestamp, UserId, WorkspaceId, ZoneId,
};
use gatewright_identity::{InternalCa, JoinToken, LiveCredentials, NodeCredentials, NodeKey};
use gatewright_ports::agent_control::NodeStatus;
use gatewright_ports::control::{
    ActivePlugin, Deployment, Der, JoinRequest, Joined, Peer, PolicySnapshot, RenewRequest, SecretEntry, SessionContext,
};
use gatewright_ports::proxy_control::OpenStream;
use gatewright_ports::{Control, ControlError, ProxyControl, ProxyError};
use gatewright_rpc::{Channel, Dialer, Links, Members, Places, RpcPort, Services};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

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
        devices: vec!["vendor.example/probe=one".parse().unwrap()],
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
