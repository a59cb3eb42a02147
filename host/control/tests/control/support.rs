//! A deployment in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use gatewright_control::{
    Actor, Clock, ControlConfig, ControlPlane, HostEngine, Identity, LaunchRequest, SagaHooks, SeedReport, SessionView,
};
use gatewright_core::session::SessionState;
use gatewright_core::{SessionId, Timestamp, WorkspaceId};
use gatewright_database::StoreAddress;
use gatewright_database::testing::ScratchDatabase;
use gatewright_plugin_host::{COMPILE_CACHE_ENV, HostConfig, PluginHost, compile_child_main};
use gatewright_ports::{AgentControl, Control};
use secrecy::SecretString;

use crate::agent::FakeAgent;

/// How long anything may take.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) const PASSWORD: &str = "correct horse battery";

/// The process's plugin host. Its compiler is this very program, see [`compiler`].
pub(crate) fn plugin_host() -> Arc<PluginHost> {
    static HOST: OnceLock<Arc<PluginHost>> = OnceLock::new();
    Arc::clone(HOST.get_or_init(|| {
        let this = std::env::current_exe().unwrap();
        let config = HostConfig {
            compiler: vec![this.into(), "--exact".into(), "support::compiler".into(), "--nocapture".into()],
            cache_dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("control-compiled"),
        };
        Arc::new(PluginHost::new(config).unwrap())
    }))
}

/// Compiles plugins when this program was started for that; else proves that it does.
#[test]
fn compiler() {
    if std::env::var_os(COMPILE_CACHE_ENV).is_some() {
        let done = compile_child_main() == ExitCode::SUCCESS;
        std::process::exit(if done { 0 } else { 3 });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let approved = gatewright_plugin_host::Approved::nothing();
    let plugin = runtime
        .block_on(plugin_host().load(&guest("dlp-clipboard.wasm"), &approved))
        .unwrap();
    assert_eq!(plugin.name().as_str(), "dlp-clipboard");
}

/// A plugin built from this tree.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let path = guests().join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; build the plugins first: cargo xtask guests", path.display()))
}

pub(crate) fn guests() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("guests")
}

/// A clock that stands still until it is moved.
pub(crate) struct HandClock(Mutex<Timestamp>);

impl HandClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Timestamp::from_micros(1_800_000_000_000_000))))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus(by);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A folder with database and key; where `GATEWRIGHT_TEST_STORE` says `postgres`, the database is on the server instead.
pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) server: Option<ScratchDatabase>,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            server: match std::env::var("GATEWRIGHT_TEST_STORE").as_deref() {
                Ok("postgres") => Some(ScratchDatabase::create_blocking()),
                Ok("sqlite") | Err(_) => None,
                Ok(other) => panic!("GATEWRIGHT_TEST_STORE is sqlite or postgres, not {other}"),
            },
        }
    }

    /// With a database that many processes may open.
    pub(crate) fn shared() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            server: Some(ScratchDatabase::create_blocking()),
        }
    }

    pub(crate) fn config(&self) -> ControlConfig {
        let mut config = ControlConfig::in_folder(self.dir.path());
        if let Some(server) = &self.server {
            config.database = StoreAddress::Postgres(server.address());
        }
        config.passwords.admin = Some(SecretString::from(PASSWORD));
        config.passwords.demo = Some(SecretString::from(PASSWORD));
        config.reconcile_every = Duration::from_secs(3600);
        config.lease = Duration::from_secs(1);
        config.session_limits.every = Duration::from_secs(3600);
        config
    }

    pub(crate) async fn open(&self) -> Plane {
        self.open_with(self.config()).await
    }

    pub(crate) async fn open_with(&self, config: ControlConfig) -> Plane {
        let engine = Arc::new(HostEngine::new(plugin_host(), Default::default()));
        let (control, seeded) = ControlPlane::open(config, engine).await.unwrap();
        Plane { control, seeded }
    }

    pub(crate) async fn open_hooked(&self, hooks: Arc<dyn SagaHooks>) -> Plane {
        let mut config = self.config();
        config.hooks = hooks;
        self.open_with(config).await
    }
}

/// An open control plane, and what is often done with one.
pub(crate) struct Plane {
    pub(crate) control: ControlPlane,
    pub(crate) seeded: SeedReport,
}

impl Plane {
    pub(crate) async fn add(&self, agent: &Arc<FakeAgent>) {
        self.control.heartbeat(agent.status().await.unwrap()).await.unwrap();
        self.control.register_agent(agent.node, Arc::clone(agent) as Arc<dyn AgentControl>);
    }

    pub(crate) async fn login(&self, name: &str) -> Identity {
        self.control
            .login(name, SecretString::from(PASSWORD), "192.0.2.7")
            .await
            .unwrap()
            .identity
    }

    pub(crate) async fn workspace(&self, name: &str) -> WorkspaceId {
        let all = self.control.workspaces().await.unwrap();
        all.into_iter().find(|one| one.name == name).unwrap().id
    }

    /// Demo launches Terminal.
    pub(crate) async fn launch(&self) -> SessionId {
        let who = self.login("demo").await;
        let request = LaunchRequest {
            workspace: self.workspace("Terminal").await,
            key: None,
            client: "192.0.2.7".into(),
            zone: None,
        };
        self.control.launch(&who, request).await.unwrap().id
    }

    /// Waits for a session to satisfy `wanted`.
    pub(crate) async fn wait(&self, id: SessionId, wanted: impl Fn(&SessionView) -> bool) -> SessionView {
        let mut session = self.control.subscribe(id).await.unwrap().unwrap();
        let found = tokio::time::timeout(SOON, session.wait_for(|view| wanted(view))).await;
        match found {
            Ok(view) => view.unwrap().clone(),
            Err(_) => panic!("session stays {:?}", self.control.session(id).await),
        }
    }

    pub(crate) async fn wait_state(&self, id: SessionId, state: SessionState) -> SessionView {
        self.wait(id, |view| view.state == state).await
    }

    pub(crate) async fn wait_final(&self, id: SessionId) -> SessionView {
        self.wait(id, |view| view.state.is_final()).await
    }

    pub(crate) async fn actions(&self) -> Vec<String> {
        let query = gatewright_control::ActivityQuery {
            limit: 200,
            ..Default::default()
        };
        let page = self.control.activity(&query).await.unwrap();
        assert!(page.chain.intact);
        page.items.into_iter().rev().filter_map(|item| item.action).collect()
    }
}

/// Waits until `check` says yes.
pub(crate) async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + SOON;
    while !check().await {
        assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn admin() -> Actor {
    Actor {
        user: Some(gatewright_core::UserId::from_uuid(uuid::Uuid::from_u128(1))),
        name: "admin".into(),
        ..Actor::default()
    }
}
