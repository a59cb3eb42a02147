//! The agent of one node.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatewright_core::{HomeId, SessionId};
use gatewright_plugin_host::PluginSlots;
use gatewright_ports::agent_control::{
    ExecOutcome, ExecProgram, Fence, Finding, NodeStatus, OutputPiece, OwnedSession, SessionSpec, SessionStats,
};
use gatewright_ports::{AgentControl, AgentError, ByteStream, Control, ImageStatus, SessionStreams, StreamError};
use secrecy::SecretString;
use tokio::io::DuplexStream;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::calls::Calls;
use crate::config::{AgentConfig, EngineLanguage};
use crate::endpoint::GuardedEngine;
use crate::engine::Engine;
use crate::engine_user;
use crate::fences::Fences;
use crate::files;
use crate::folder::{FolderError, Folders};
use crate::homes::Homes;
use crate::network::Network;
use crate::pulls::Pulls;
use crate::status::{self, Watcher};
use crate::streams;
use crate::turns::Turns;

/// What a stream of files holds between its ends.
const FILES_BUFFER: usize = 512 << 10;

/// How often the leases of sessions that are long over are looked for.
const SWEEP: Duration = Duration::from_secs(3600);

/// Runs the workspaces of one node. Cheap to clone; all clones are the same agent.
#[derive(Clone)]
pub struct Agent {
    inner: Arc<Inner>,
}

/// What all clones share.
pub(crate) struct Inner {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) folders: Arc<Folders>,
    pub(crate) homes: Arc<Homes>,
    pub(crate) fences: Arc<Fences>,
    pub(crate) watcher: Watcher,
    /// Where sessions can have one, and else why not.
    pub(crate) network: Arc<Result<Network, String>>,
    pub(crate) turns: Turns,
    /// The steps that run now.
    pub(crate) tasks: TaskTracker,
    /// The images that are or were being brought.
    pub(crate) pulls: Pulls,
    /// Ends the streams that this process serves itself, and pulls.
    pub(crate) stopping: CancellationToken,
}

/// Why an agent could not be made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The deployment's name can't be a label.
    #[error("a deployment's name has 1 to 64 letters, digits, '-', '_' and '.'")]
    Deployment,
    /// The data folder can't be used.
    #[error("data folder can't be used")]
    Folder(#[source] FolderError),
}

impl Agent {
    /// Opens the data folder. The engine and the plugin need not be there: without them the node is degraded.
    ///
    /// The runtime plugin is looked up in `plugins` for each call, so that a version activated there drives the
    /// sessions that run from its next call on.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(config: AgentConfig, plugins: Arc<PluginSlots>) -> Result<Self, OpenError> {
        if !config.has_valid_deployment() {
            return Err(OpenError::Deployment);
        }
        if !config.accept_unenforced.is_empty() {
            let limits = status::names(&config.accept_unenforced);
            warn!(
                limits,
                "Sessions run without these limits where the engine can't enforce them: one of them may take all of the machine"
            );
        }
        let config = Arc::new(config);
        let owner = engine_user::owner();
        let folders = Folders::open(&config.data_dir, owner).map_err(OpenError::Folder)?;
        let homes = Homes::open(&config.data_dir, owner).map_err(OpenError::Folder)?;
        let fences = Fences::open(&config.data_dir).map_err(OpenError::Folder)?;
        let engine = Engine::new(config.engine.clone(), config.language.clone());
        let engine = Arc::new(GuardedEngine::new(engine, config.deployment.clone()));
        let calls = Arc::new(Calls::new(Arc::clone(&config), Arc::clone(&plugins), engine));
        let network = Arc::new(open_network(&config));
        let watcher = Watcher::new(Arc::clone(&config), plugins, Arc::clone(&calls), Arc::clone(&network));
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                calls,
                folders: Arc::new(folders),
                homes: Arc::new(homes),
                fences: Arc::new(fences),
                watcher,
                network,
                turns: Turns::default(),
                tasks: TaskTracker::new(),
                pulls: Pulls::default(),
                stopping: CancellationToken::new(),
            }),
        })
    }

    /// Sends signs of life until `stop`, then lets the steps that run come to their end. Sessions go on: workspaces
    /// outlive their agent.
    pub async fn run(&self, control: Arc<dyn Control>, stop: CancellationToken) {
        let mut ticks = interval(self.inner.config.heartbeat);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sweeps = interval(SWEEP);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reached = true;
        let mut degraded: Option<String> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = sweeps.tick() => {
                    self.inner.sweep_fences().await;
                    continue;
                }
                _ = ticks.tick() => {}
            }
            if let Ok(network) = self.inner.network.as_ref() {
                network.watch().await;
            }
            let beat = async {
                let status = self.inner.watcher.status().await;
                if status.degraded != degraded {
                    match &status.degraded {
                        Some(why) => warn!(why, "Node takes no sessions"),
                        None => info!(engine = status.engine, "Node takes sessions again"),
                    }
                    degraded.clone_from(&status.degraded);
                }
                control.heartbeat(status).await
            };
            let beat = tokio::select! {
                () = stop.cancelled() => break,
                beat = beat => beat,
            };
            if beat.is_ok() != reached {
                reached = beat.is_ok();
                match beat {
                    Ok(()) => info!("Control plane is back"),
                    Err(error) => warn!(%error, "Control plane did not take a sign of life"),
                }
            }
        }
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

/// The network for sessions, or why there is none.
fn open_network(config: &AgentConfig) -> Result<Network, String> {
    let Some(network) = &config.network else {
        return Err("this node gives sessions no network".into());
    };
    if matches!(config.language, EngineLanguage::Other(_)) {
        return Err("this node gives sessions no network: its engine is not guarded".into());
    }
    if !rustix::process::geteuid().is_root() {
        warn!("Sessions get no network: that takes root, and the agent runs as an ordinary user");
        return Err("this node gives sessions no network: that takes root, and its agent runs as an ordinary user".into());
    }
    Network::open(network, &config.deployment, &config.data_dir).map_err(|error| {
        warn!(%error, "Sessions get no network");
        format!("this node gives sessions no network: {error}")
    })
}

impl Inner {
    /// A stream whose other end serves the session's transfer folder.
    fn open_files(&self, session: SessionId) -> Result<DuplexStream, StreamError> {
        if self.stopping.is_cancelled() {
            return Err(StreamError::Unavailable);
        }
        streams::session_folder(&self.folders, session)?;
        let (ours, theirs) = tokio::io::duplex(FILES_BUFFER);
        let serving = files::serve(Arc::clone(&self.folders), session, theirs);
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            stopping.run_until_cancelled(serving).await;
        });
        Ok(ours)
    }
}

#[async_trait]
impl AgentControl for Agent {
    async fn status(&self) -> Result<NodeStatus, AgentError> {
        Ok(self.inner.watcher.status().await)
    }

    async fn create(&self, spec: SessionSpec, fence: Fence) -> Result<(), AgentError> {
        self.inner.create(spec, fence).await
    }

    async fn start(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.inner.start(session, fence).await
    }

    async fn wait_ready(&self, session: SessionId) -> Result<(), AgentError> {
        self.inner.wait_ready(session).await
    }

    async fn stop(&self, session: SessionId, grace: Duration, fence: Fence) -> Result<(), AgentError> {
        self.inner.stop(session, grace, fence).await
    }

    async fn pause(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.inner.pause(session, fence).await
    }

    async fn resume(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.inner.resume(session, fence).await
    }

    async fn stats(&self, session: SessionId) -> Result<SessionStats, AgentError> {
        self.inner.stats(session).await
    }

    async fn logs(&self, session: SessionId, lines: u32) -> Result<Vec<OutputPiece>, AgentError> {
        self.inner.logs(session, lines).await
    }

    async fn exec(&self, session: SessionId, program: ExecProgram) -> Result<ExecOutcome, AgentError> {
        self.inner.exec(session, program).await
    }

    async fn destroy(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.inner.destroy(session, fence).await
    }

    async fn check(&self, session: SessionId, password: SecretString, fence: Fence) -> Result<Vec<Finding>, AgentError> {
        self.inner.check(session, password, fence).await
    }

    async fn image(&self, name: &str) -> Result<ImageStatus, AgentError> {
        self.inner.image(name).await
    }

    async fn pull(&self, name: &str) -> Result<(), AgentError> {
        self.inner.pull(name)
    }

    async fn cancel_pull(&self, name: &str) -> Result<(), AgentError> {
        self.inner.pulls.cancel(name);
        Ok(())
    }

    async fn remove_home(&self, home: HomeId) -> Result<(), AgentError> {
        self.inner.remove_home(home).await
    }

    async fn list(&self) -> Result<Vec<OwnedSession>, AgentError> {
        self.inner.list().await
    }
}

#[async_trait]
impl SessionStreams for Agent {
    async fn open(&self, session: SessionId, service: &str) -> Result<Box<dyn ByteStream>, StreamError> {
        if service == streams::FILES {
            return Ok(Box::new(self.inner.open_files(session)?));
        }
        let stream = streams::connect(&self.inner.folders, session, service).await?;
        Ok(Box::new(stream))
    }
}
