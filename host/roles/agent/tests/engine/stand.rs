//! What the tests share: an agent over a real engine, with a deployment of its own, and a witness.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::{ContainerInspectResponse, ContainerSummary};
use bollard::query_parameters::{ListContainersOptions, RemoveContainerOptions};
use futures_util::StreamExt as _;
use gatewright_agent::{Agent, AgentConfig, Reserve};
use gatewright_core::capacity::Resources;
use gatewright_core::plugin::PluginName;
use gatewright_core::record::Network;
use gatewright_core::{NodeId, SessionId};
use gatewright_plugin_host::{Approved, HostConfig, Plugin, PluginHost, PluginSlots};
use gatewright_ports::agent_control::SessionSpec;
use secrecy::SecretString;
use tempfile::TempDir;
use uuid::Uuid;

/// What builds what is missing, and starts the engine.
const COMMAND: &str = "cargo xtask test";
pub(crate) const IMAGE: &str = "gatewright/terminal:dev";
/// A desktop's password: looked for where it must not be.
pub(crate) const PASSWORD: &str = "pA55-w0d";

/// The engine that the tests run against.
pub(crate) fn engine() -> PathBuf {
    let Ok(url) = std::env::var("GATEWRIGHT_DOCKER_HOST") else {
        panic!("GATEWRIGHT_DOCKER_HOST is not set; run: {COMMAND}");
    };
    let path = url
        .strip_prefix("unix://")
        .unwrap_or_else(|| panic!("GATEWRIGHT_DOCKER_HOST is {url:?}, not a unix:// address"));
    assert!(Path::new(path).exists(), "there is no engine at {path}; run: {COMMAND}");
    path.into()
}

/// The runtime plugin, compiled.
pub(crate) async fn plugin(host: &PluginHost) -> Arc<Plugin> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/guests/runtime-docker.wasm");
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("the runtime plugin is not built ({error}); run: cargo xtask guests"));
    host.load(&bytes, &Approved::endpoints(["engine"])).await.unwrap()
}

/// An agent's surroundings. What the test leaves behind is removed when it ends.
pub(crate) struct Stand {
    pub(crate) dir: TempDir,
    pub(crate) docker: Docker,
    pub(crate) deployment: String,
    pub(crate) plugins: Arc<PluginSlots>,
    pub(crate) host: PluginHost,
    pub(crate) agent: Agent,
}

impl Stand {
    /// An agent on the real engine.
    pub(crate) async fn new() -> Self {
        Self::over(&engine()).await
    }

    /// An agent that reaches its engine at `socket`.
    pub(crate) async fn over(socket: &Path) -> Self {
        let dir = TempDir::new().unwrap();
        let host = PluginHost::new(HostConfig {
            compiler: vec![env!("CARGO_BIN_EXE_gatewright-agent-test-compiler").into()],
            // One for all tests: what one has compiled, the others find.
            cache_dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-plugins"),
        })
        .unwrap();
        let plugins = Arc::new(PluginSlots::new());
        plugins.activate(plugin(&host).await);
        let deployment = format!("test-{}", Uuid::now_v7());
        let agent = Agent::open(config(&dir, &deployment, socket), Arc::clone(&plugins)).unwrap();
        let docker = Docker::connect_with_unix(engine().to_str().unwrap(), 60, bollard::API_DEFAULT_VERSION).unwrap();
        let docker = docker.negotiate_version().await.unwrap();
        Self {
            dir,
            docker,
            deployment,
            plugins,
            host,
            agent,
        }
    }

    /// Another agent on the same folder and engine, as after a restart.
    pub(crate) fn restarted(&self) -> Agent {
        Agent::open(config(&self.dir, &self.deployment, &engine()), Arc::clone(&self.plugins)).unwrap()
    }

    pub(crate) fn folder(&self, session: SessionId) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("sessions").join(session.to_string())
    }

    /// This deployment's containers, as the witness sees them.
    pub(crate) async fn containers(&self) -> Vec<ContainerSummary> {
        let label = format!("gatewright.deployment={}", self.deployment);
        let options = ListContainersOptions {
            all: true,
            filters: Some(HashMap::from([("label".to_owned(), vec![label])])),
            ..ListContainersOptions::default()
        };
        self.docker.list_containers(Some(options)).await.unwrap()
    }

    /// A session's container, as the witness sees it.
    pub(crate) async fn witness(&self, session: SessionId) -> ContainerInspectResponse {
        self.docker.inspect_container(&format!("gatewright-{session}"), None).await.unwrap()
    }

    /// What a command says that runs inside of a session.
    pub(crate) async fn inside(&self, session: SessionId, script: &str) -> String {
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(vec!["sh", "-c", script]),
            ..CreateExecOptions::default()
        };
        let exec = self.docker.create_exec(&format!("gatewright-{session}"), options).await.unwrap();
        let StartExecResults::Attached { mut output, .. } = self.docker.start_exec(&exec.id, None).await.unwrap() else {
            panic!("not attached");
        };
        let mut text = String::new();
        while let Some(piece) = output.next().await {
            if let LogOutput::StdOut { message } | LogOutput::StdErr { message } = piece.unwrap() {
                text.push_str(&String::from_utf8_lossy(&message));
            }
        }
        text
    }

    /// Asserts that nothing is left, on the engine or on disk.
    pub(crate) async fn nothing_is_left(&self) {
        let left = self.containers().await;
        assert!(left.is_empty(), "{left:?}");
        let folders: Vec<_> = std::fs::read_dir(self.dir.path().join("sessions")).unwrap().collect();
        assert!(folders.is_empty(), "{folders:?}");
    }

    /// Removes what a failed test left. Called by tests that make containers behind the agent's back, and on drop.
    pub(crate) async fn sweep(docker: &Docker, deployment: &str) {
        let options = ListContainersOptions {
            all: true,
            filters: Some(HashMap::from([(
                "label".to_owned(),
                vec![format!("gatewright.deployment={deployment}")],
            )])),
            ..ListContainersOptions::default()
        };
        for container in docker.list_containers(Some(options)).await.unwrap_or_default() {
            let force = RemoveContainerOptions {
                force: true,
                ..RemoveContainerOptions::default()
            };
            drop(docker.remove_container(&container.id.unwrap_or_default(), Some(force)).await);
        }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        // A failed test must not leave containers for the next one. The test's own runtime is busy unwinding.
        let (docker, deployment) = (self.docker.clone(), self.deployment.clone());
        let sweeper = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(Self::sweep(&docker, &deployment));
            }
        });
        drop(sweeper.join());
    }
}

fn config(dir: &TempDir, deployment: &str, engine: &Path) -> AgentConfig {
    AgentConfig {
        node: NodeId::from_uuid(Uuid::now_v7()),
        name: "test-node".into(),
        deployment: deployment.into(),
        data_dir: dir.path().to_owned(),
        engine: engine.to_owned(),
        runtime: runtime_name(),
        runtime_config: "{}".into(),
        reserve: Reserve {
            cpu_millicores: 0,
            memory_bytes: 1 << 20,
        },
        max_sessions: 8,
        cpu_overcommit: 2.5,
        labels: BTreeMap::from([("room".to_owned(), "cellar".to_owned())]),
        heartbeat: Duration::from_millis(100),
    }
}

pub(crate) fn runtime_name() -> PluginName {
    "runtime-docker".parse().unwrap()
}

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
