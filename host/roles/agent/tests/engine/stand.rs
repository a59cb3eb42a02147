//! What the tests share: an agent over a real engine, with a deployment of its own, and a witness.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gatewright_agent::{Agent, AgentConfig, NetworkConfig, Reserve};
use gatewright_core::capacity::Resources;
use gatewright_core::record::Network;
use gatewright_core::{DeviceName, NodeId, SessionId};
use gatewright_plugin_host::{Approved, HostConfig, Plugin, PluginHost, PluginSlots};
use gatewright_ports::agent_control::{Fence, SessionSpec};
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::witness::{Kind, Witness};

/// What builds what is missing, and starts the engine.
pub(crate) const COMMAND: &str = "cargo xtask test";
pub(crate) const IMAGE: &str = "gatewright/terminal:dev";
/// A desktop's password: looked for where it must not be.
pub(crate) const PASSWORD: &str = "pA55-w0d";

/// The runtime plugin of that name, compiled.
pub(crate) async fn plugin(host: &PluginHost, name: &str) -> Arc<Plugin> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../../target/guests/{name}.wasm"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("the runtime plugin is not built ({error}); run: cargo xtask guests"));
    host.load(&bytes, &Approved::endpoints(["engine"])).await.unwrap()
}

/// An agent's surroundings. What the test leaves behind is removed when it ends.
pub(crate) struct Stand {
    pub(crate) dir: TempDir,
    pub(crate) kind: Kind,
    pub(crate) witness: Witness,
    pub(crate) deployment: String,
    pub(crate) plugins: Arc<PluginSlots>,
    pub(crate) host: PluginHost,
    pub(crate) agent: Agent,
    config: AgentConfig,
}

impl Stand {
    /// An agent on the real engine.
    pub(crate) async fn new(kind: Kind) -> Self {
        Self::over(kind, &kind.socket()).await
    }

    /// An agent on the real engine that gives sessions a network.
    pub(crate) async fn networked(kind: Kind, network: NetworkConfig) -> Self {
        Self::made(kind, &kind.socket(), |config| config.network = Some(network)).await
    }

    /// An agent on the real engine whose operator says that it has these devices.
    pub(crate) async fn with_devices(kind: Kind, devices: &[DeviceName]) -> Self {
        Self::made(kind, &kind.socket(), |config| config.devices = devices.into()).await
    }

    /// An agent that reaches its engine at `socket`.
    pub(crate) async fn over(kind: Kind, socket: &Path) -> Self {
        Self::made(kind, socket, |_| ()).await
    }

    async fn made(kind: Kind, socket: &Path, change: impl FnOnce(&mut AgentConfig)) -> Self {
        let dir = TempDir::new().unwrap();
        let host = PluginHost::new(HostConfig {
            compiler: vec![env!("CARGO_BIN_EXE_gatewright-agent-test-compiler").into()],
            // One for all tests: what one has compiled, the others find.
            cache_dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-plugins"),
        })
        .unwrap();
        let plugins = Arc::new(PluginSlots::new());
        plugins.activate(plugin(&host, kind.runtime()).await);
        let deployment = format!("test-{}", Uuid::now_v7());
        let mut config = config(&dir, kind, &deployment, socket);
        change(&mut config);
        let agent = Agent::open(config.clone(), Arc::clone(&plugins)).unwrap();
        Self {
            dir,
            kind,
            witness: kind.witness().await,
            deployment,
            plugins,
            host,
            agent,
            config,
        }
    }

    /// Another agent on the same folder and engine, as after a restart.
    pub(crate) fn restarted(&self) -> Agent {
        self.restarted_with(|_| ())
    }

    /// The same, configured anew.
    pub(crate) fn restarted_with(&self, change: impl FnOnce(&mut AgentConfig)) -> Agent {
        let mut config = AgentConfig {
            engine: self.kind.socket(),
            ..self.config.clone()
        };
        change(&mut config);
        Agent::open(config, Arc::clone(&self.plugins)).unwrap()
    }

    pub(crate) fn folder(&self, session: SessionId) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("sessions").join(session.to_string())
    }

    /// This deployment's containers, as the witness sees them.
    pub(crate) async fn containers(&self) -> Vec<Value> {
        self.witness.containers("gatewright.deployment", &self.deployment).await
    }

    /// A session's container, as the witness sees it.
    pub(crate) async fn seen(&self, session: SessionId) -> Value {
        self.witness.inspect(&format!("gatewright-{session}")).await.unwrap()
    }

    /// What a command says that runs inside of a session.
    pub(crate) async fn inside(&self, session: SessionId, script: &str) -> String {
        self.witness.inside(&format!("gatewright-{session}"), script).await
    }

    /// Asserts that nothing is left, on the engine or on disk.
    pub(crate) async fn nothing_is_left(&self) {
        let left = self.containers().await;
        assert!(left.is_empty(), "{left:?}");
        let folders: Vec<_> = std::fs::read_dir(self.dir.path().join("sessions")).unwrap().collect();
        assert!(folders.is_empty(), "{folders:?}");
    }

    /// Removes what a failed test left. Called by tests that make containers behind the agent's back, and on drop.
    pub(crate) async fn sweep(witness: &Witness, deployment: &str) {
        for container in witness.containers("gatewright.deployment", deployment).await {
            witness.remove(container["Id"].as_str().unwrap_or_default()).await;
        }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        // A failed test must not leave containers for the next one. The test's own runtime is busy unwinding.
        let (kind, deployment) = (self.kind, self.deployment.clone());
        let sweeper = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(async { Self::sweep(&kind.witness().await, &deployment).await });
            }
        });
        drop(sweeper.join());
    }
}

fn config(dir: &TempDir, kind: Kind, deployment: &str, engine: &Path) -> AgentConfig {
    AgentConfig {
        node: NodeId::from_uuid(Uuid::now_v7()),
        name: "test-node".into(),
        deployment: deployment.into(),
        data_dir: dir.path().to_owned(),
        engine: engine.to_owned(),
        language: kind.language(),
        runtime: kind.runtime().parse().unwrap(),
        engine_data_dir: None,
        runtime_config: "{}".into(),
        reserve: Reserve {
            cpu_millicores: 0,
            memory_bytes: 1 << 20,
            disk_bytes: 1,
        },
        max_sessions: 8,
        cpu_overcommit: 2.5,
        accept_unenforced: BTreeSet::new(),
        network: None,
        devices: Vec::new(),
        labels: BTreeMap::from([("room".to_owned(), "cellar".to_owned())]),
        heartbeat: Duration::from_millis(100),
    }
}

/// Of whoever drives all sessions of a test.
pub(crate) const FENCE: Fence = Fence(3);

pub(crate) fn session() -> SessionId {
    SessionId::from_uuid(Uuid::now_v7())
}

pub(crate) fn spec(session: SessionId) -> SessionSpec {
    SessionSpec {
        session,
        image: IMAGE.into(),
        resources: Resources {
            cpu_millicores: 750,
            memory_bytes: 256 << 20,
            pids: 128,
            shm_bytes: 32 << 20,
        },
        network: Network::None,
        hostname: "desk".into(),
        home: None,
        devices: Vec::new(),
        desktop_password: Some(SecretString::from(PASSWORD)),
    }
}

/// Polls until `check` says yes. The machine may be busy; a minute means that it never comes.
pub(crate) async fn until(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !check().await {
        assert!(Instant::now() < limit, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A minute at most.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.unwrap()
}
