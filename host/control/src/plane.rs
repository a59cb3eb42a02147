//! The control plane's parts, and its beginning and end.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use gatewright_core::event::{AuditRecord, Event, What};
use gatewright_core::{EventId, NodeId, SessionId, Timestamp, ZoneId};
use gatewright_database::{SessionRecord, Store, StoreAddress, StoreError};
use gatewright_identity::InternalCa;
use gatewright_ports::control::PolicySnapshot;
use gatewright_ports::{AgentControl, ProxyControl};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actor::Actor;
use crate::config::ControlConfig;
use crate::edges::KnownEdges;
use crate::error::{Internal, OpenError};
use crate::heartbeats::Heartbeats;
use crate::known_nodes::KnownNodes;
use crate::passwords::Passwords;
use crate::plugins::engine::PluginEngine;
use crate::random;
use crate::saga::limits::Seen;
use crate::seed::SeedReport;
use crate::vault::Vault;
use crate::views::SessionView;

/// The first and the longest wait for a database that does not answer.
const CONNECT_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// Longer than a first start takes: plugins are compiled in it.
const START_WITHIN: Duration = Duration::from_secs(120);
/// How often a start looks whether another one is done.
const START_POLL: Duration = Duration::from_millis(100);

/// The control plane. Cheap to clone; all clones are the same one.
#[derive(Clone)]
pub struct ControlPlane(pub(crate) Arc<Inner>);

/// Its parts.
pub(crate) struct Inner {
    pub(crate) config: ControlConfig,
    pub(crate) store: Store,
    pub(crate) vault: Vault,
    /// Signs the certificates of nodes.
    pub(crate) authority: InternalCa,
    pub(crate) passwords: Passwords,
    pub(crate) engine: Arc<dyn PluginEngine>,
    /// This process, among those that take leases.
    pub(crate) holder: uuid::Uuid,
    /// The one zone of a deployment that has no others.
    pub(crate) zone: ZoneId,
    /// This process, among the nodes.
    pub(crate) own_node: OnceLock<NodeId>,
    pub(crate) policy: ArcSwapOption<PolicySnapshot>,
    pub(crate) agents: RwLock<HashMap<NodeId, Arc<dyn AgentControl>>>,
    /// Wakes whoever waits for an agent.
    pub(crate) agents_changed: watch::Sender<u64>,
    pub(crate) proxies: RwLock<Vec<Arc<dyn ProxyControl>>>,
    /// Connection proxies of other processes, by node.
    pub(crate) linked_proxies: RwLock<HashMap<NodeId, Arc<dyn ProxyControl>>>,
    pub(crate) heartbeats: Heartbeats,
    pub(crate) known_nodes: KnownNodes,
    pub(crate) known_edges: KnownEdges,
    /// The sessions that a task is driving, each with what tells it to look at the database again.
    pub(crate) driven: Mutex<HashMap<SessionId, CancellationToken>>,
    /// Who watches which session.
    pub(crate) watched: Mutex<HashMap<SessionId, watch::Sender<SessionView>>>,
    /// What was seen of sessions that are ready, for their limits.
    pub(crate) seen: Mutex<HashMap<SessionId, Seen>>,
    /// Sessions that a task reads, and whether they changed since it began to.
    pub(crate) looking: Mutex<HashMap<SessionId, bool>>,
    /// Sessions that an agent has and the database does not, already reported.
    pub(crate) quarantined: Mutex<HashSet<SessionId>>,
    /// One upload at a time: compiling takes a core and memory.
    pub(crate) uploading: tokio::sync::Mutex<()>,
    /// Whether a task takes up what other web-apps leave.
    pub(crate) taking_over: AtomicBool,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl ControlPlane {
    /// Opens database and vault, and fills them at the first start. Begins no work on sessions: register agents and
    /// proxies, then call [`Self::recover`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(config: ControlConfig, engine: Arc<dyn PluginEngine>) -> Result<(Self, SeedReport), OpenError> {
        let store = connect(&config.database).await?;
        let holder = random::id();
        // Of many web-apps that start over an empty database, one fills it and the others find it filled.
        let alone = loop {
            match store.take_lease("start", holder, START_WITHIN).await? {
                Some(lease) => break lease,
                None => tokio::time::sleep(START_POLL).await,
            }
        };
        let opened = Self::open_alone(config, engine, store.clone(), holder).await;
        store.give_back_lease(&alone).await?;
        let (plane, report) = opened?;
        plane.watch_plugin_folder().map_err(OpenError::Watch)?;
        plane.spawn(plane.clone().sweep());
        plane.spawn(plane.clone().sweep_homes());
        plane.spawn(plane.clone().keep_limits());
        plane.spawn(plane.clone().keep_heartbeats());
        let hints = plane.0.store.hints();
        plane.spawn(plane.clone().follow_changes(hints));
        Ok((plane, report))
    }

    /// What only one web-app at a time does.
    async fn open_alone(
        config: ControlConfig,
        engine: Arc<dyn PluginEngine>,
        store: Store,
        holder: uuid::Uuid,
    ) -> Result<(Self, SeedReport), OpenError> {
        let vault = Vault::open(&config.master_key, &store).await?;
        let authority = crate::nodes::open_authority(&store, &vault, config.clock.now()).await?;
        let passwords = Passwords::new().await?;
        let zone = crate::seed::default_zone(&store).await?;
        let plane = Self(Arc::new(Inner {
            config,
            store,
            vault,
            authority,
            passwords,
            engine,
            holder,
            zone,
            own_node: OnceLock::new(),
            policy: ArcSwapOption::empty(),
            agents: RwLock::default(),
            agents_changed: watch::Sender::new(0),
            proxies: RwLock::default(),
            linked_proxies: RwLock::default(),
            heartbeats: Heartbeats::default(),
            known_nodes: KnownNodes::default(),
            known_edges: KnownEdges::default(),
            driven: Mutex::default(),
            watched: Mutex::default(),
            seen: Mutex::default(),
            looking: Mutex::default(),
            quarantined: Mutex::default(),
            uploading: tokio::sync::Mutex::default(),
            taking_over: AtomicBool::new(false),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }));
        let report = plane.seed().await?;
        plane.warm_plugins().await;
        Ok((plane, report))
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn ready(&self) -> Result<(), Internal> {
        Ok(self.0.store.ping().await?)
    }

    /// Stops all tasks and closes the database. Sessions stay as they are: workspaces outlive the control plane.
    pub async fn shutdown(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.store.close().await;
    }

    /// Cancelled when the control plane shuts down.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.config.clock.now()
    }

    /// Runs a task until it ends or the control plane shuts down. A panic in it ends it alone.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.0.stop.clone();
        self.0.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// An audit event.
    pub(crate) fn audit(
        &self,
        actor: &Actor,
        action: &str,
        object: impl Into<String>,
        detail: impl Into<String>,
        succeeded: bool,
    ) -> Event {
        audit(actor, action, object, detail, succeeded, self.now())
    }

    /// An audit event about a session.
    pub(crate) fn audit_session(
        &self,
        actor: &Actor,
        action: &str,
        record: &SessionRecord,
        detail: impl Into<String>,
        succeeded: bool,
    ) -> Event {
        let event = self.audit(actor, action, format!("session {}", record.session.id), detail, succeeded);
        about_session(event, record)
    }

    /// Deletes expired logins and old change hints, from time to time.
    async fn sweep(self) {
        const EVERY: std::time::Duration = std::time::Duration::from_secs(300);
        const KEEP_CHANGES: u32 = 10_000;
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tick.tick().await;
            let swept = async {
                // Of many web-apps one does it.
                if self.0.store.take_lease("sweep", self.0.holder, EVERY * 2).await?.is_none() {
                    return Ok(());
                }
                let now = self.now();
                let idle_since = Timestamp::from_micros(
                    now.as_micros()
                        .saturating_sub(i64::try_from(self.0.config.login_idle.as_micros()).unwrap_or(i64::MAX)),
                );
                let mut write = self.0.store.begin().await?;
                write.sweep_logins(now, idle_since).await?;
                write.sweep_login_tries(now).await?;
                write.sweep_handovers(now).await?;
                write.trim_changes(KEEP_CHANGES).await?;
                write.commit().await
            };
            if let Err(error) = swept.await {
                tracing::warn!(error = &error as &dyn std::error::Error, "Sweep failed");
            }
        }
    }
}

/// An audit event, for who has the database alone.
pub(crate) fn audit(
    actor: &Actor,
    action: &str,
    object: impl Into<String>,
    detail: impl Into<String>,
    succeeded: bool,
    at: Timestamp,
) -> Event {
    Event {
        id: EventId::from_uuid(random::id()),
        reference: random::reference(),
        at,
        user: actor.user,
        user_name: actor.name.clone(),
        groups: actor.groups.clone(),
        session: None,
        workspace: None,
        workspace_name: String::new(),
        client: actor.client.clone(),
        what: What::Audit(AuditRecord {
            action: action.into(),
            object: object.into(),
            detail: detail.into(),
            succeeded,
        }),
    }
}

/// The same, about a session.
pub(crate) fn about_session(mut event: Event, record: &SessionRecord) -> Event {
    event.session = Some(record.session.id);
    event.workspace = Some(record.session.workspace);
    event.workspace_name.clone_from(&record.workspace_name);
    event
}

/// Opens the database. A server that does not answer is waited for, and said so: it may be starting too.
async fn connect(address: &StoreAddress) -> Result<Store, StoreError> {
    let mut wait = CONNECT_AGAIN.0;
    loop {
        match Store::connect(address).await {
            Err(error) if error.is_unavailable() && matches!(address, StoreAddress::Postgres(_)) => {
                tracing::error!(
                    database = %address,
                    error = &error as &dyn std::error::Error,
                    "The database does not answer: trying again in {} s",
                    wait.as_secs()
                );
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(CONNECT_AGAIN.1);
            }
            other => return other,
        }
    }
}

/// Locks, whether or not another holder panicked: what these locks guard is whole after every statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
