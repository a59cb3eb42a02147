//! Calls of the runtime plugin, each with an endpoint of its own scope.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatewright_core::SessionId;
use gatewright_plugin_host::{
    Answer, CallContext, Capabilities, Container, ContainerSpec, ImageInfo, OutputPiece, PluginSlots, ProgressSink, Runtime, RuntimeError,
    Usage,
};
use gatewright_ports::AgentError;
use gatewright_ports::agent_control::{ExecOutcome, ExecProgram, MAX_LOG_BYTES};
use gatewright_ports::control::Der;

use crate::config::AgentConfig;
use crate::endpoint::{CallEndpoint, GuardedEngine};
use crate::guard::{ContainerId, CreateRules, Cut, ExecRules, SESSION_MOUNT, Scope};
use crate::network::Wish;

/// The endpoint's name in the manifests of runtime plugins.
const ENDPOINT: &str = "engine";

/// The runtime plugin that is in use at each moment, over the guarded engine.
pub(crate) struct Calls {
    config: Arc<AgentConfig>,
    plugin_config: Arc<str>,
    plugins: Arc<PluginSlots>,
    engine: Arc<GuardedEngine>,
    /// Tells the calls that run a program apart.
    execs: AtomicU64,
}

impl Calls {
    pub(crate) fn new(config: Arc<AgentConfig>, plugins: Arc<PluginSlots>, engine: Arc<GuardedEngine>) -> Self {
        let plugin_config = plugin_config(&config, engine.is_guarded());
        Self {
            config,
            plugin_config,
            plugins,
            engine,
            execs: AtomicU64::new(0),
        }
    }

    /// Whether the guard understands the engine. Where not, the plugin is believed.
    pub(crate) fn is_guarded(&self) -> bool {
        self.engine.is_guarded()
    }

    /// Why sessions can't run on this engine, whatever the plugin says of it.
    pub(crate) async fn unfit(&self) -> Result<Option<String>, AgentError> {
        let answer = self.engine.unfit().await;
        answer.map_err(|error| AgentError::Engine { why: error.to_string() })
    }

    fn container_id(&self, text: &str) -> Option<ContainerId> {
        if self.is_guarded() {
            ContainerId::parse(text)
        } else {
            ContainerId::parse_unread(text)
        }
    }

    async fn list(&self, scope: Scope) -> Result<Vec<Container>, AgentError> {
        self.call(scope, async |runtime, context| runtime.list(&context).await).await
    }

    pub(crate) async fn health(&self) -> Result<(), AgentError> {
        self.call(Scope::Node, async |runtime, context| runtime.health(&context).await)
            .await
    }

    pub(crate) async fn capabilities(&self) -> Result<Capabilities, AgentError> {
        self.call(Scope::Node, async |runtime, context| runtime.capabilities(&context).await)
            .await
    }

    pub(crate) async fn images(&self) -> Result<Vec<String>, AgentError> {
        self.call(Scope::Node, async |runtime, context| runtime.images(&context).await)
            .await
    }

    /// What the engine has under the name of an image.
    pub(crate) async fn image(&self, name: &str) -> Result<Option<ImageInfo>, AgentError> {
        self.call(Scope::Node, async |runtime, context| runtime.image(&context, name).await)
            .await
    }

    /// Brings an image. Dropping the future ends it.
    pub(crate) async fn pull(&self, name: &str, progress: ProgressSink) -> Result<(), AgentError> {
        self.call(Scope::Pull(name.to_owned()), async |runtime, context| {
            runtime.pull(&context, name, progress).await
        })
        .await
    }

    /// Makes a session's container.
    pub(crate) async fn create(&self, rules: CreateRules) -> Result<ContainerId, AgentError> {
        let session = rules.session;
        let spec = ContainerSpec {
            session: session.to_string(),
            image: rules.image.clone(),
            hostname: rules.hostname.clone(),
            cpu_millicores: rules.resources.cpu_millicores,
            memory_bytes: rules.resources.memory_bytes,
            pids: rules.resources.pids,
            shm_bytes: rules.resources.shm_bytes,
            session_folder: rules.folder.clone(),
            session_mount: SESSION_MOUNT.to_owned(),
            labels: rules.labels(&self.config.deployment),
            devices: rules.devices.iter().map(ToString::to_string).collect(),
        };
        let id = self
            .call(Scope::Create(Box::new(rules)), async |runtime, context| {
                runtime.create(&context, spec).await
            })
            .await
            .map_err(|error| match error {
                // Another node may.
                AgentError::Unsupported { why } => AgentError::NoCapacity { why },
                error => error,
            })?;
        let id = self.container_id(&id);
        if let Some(id) = id.as_ref().filter(|_| !self.is_guarded()) {
            self.engine.known(|known| known.learn(id.clone(), session));
        }
        let id = id.filter(|id| self.engine.known(|known| known.session_of(id)) == Some(session));
        id.ok_or_else(|| AgentError::Plugin {
            why: "it named a container that the engine did not make for this session".into(),
        })
    }

    pub(crate) async fn start(&self, session: SessionId, id: &ContainerId) -> Result<(), AgentError> {
        self.call(Scope::Session(session), async |runtime, context| {
            runtime.start(&context, id.as_str()).await
        })
        .await
    }

    /// Whether a container is to have a network, and its first process, as the engine itself says.
    pub(crate) async fn wish(&self, id: &ContainerId) -> Result<Wish, AgentError> {
        let answer = self.engine.wish(id).await;
        answer.map_err(|error| AgentError::Engine { why: error.to_string() })
    }

    /// Asks a container to end, then kills it.
    pub(crate) async fn stop(&self, session: SessionId, id: &ContainerId, grace: Duration) -> Result<(), AgentError> {
        self.call(Scope::Session(session), async |runtime, context| {
            runtime.stop(&context, id.as_str(), grace).await
        })
        .await
    }

    /// Freezes a container.
    pub(crate) async fn pause(&self, session: SessionId, id: &ContainerId) -> Result<(), AgentError> {
        self.call(Scope::Session(session), async |runtime, context| {
            runtime.pause(&context, id.as_str()).await
        })
        .await
    }

    /// Lets a frozen container go on.
    pub(crate) async fn resume(&self, session: SessionId, id: &ContainerId) -> Result<(), AgentError> {
        self.call(Scope::Session(session), async |runtime, context| {
            runtime.resume(&context, id.as_str()).await
        })
        .await
    }

    pub(crate) async fn stats(&self, session: SessionId, id: &ContainerId) -> Result<Usage, AgentError> {
        self.call(Scope::Session(session), async |runtime, context| {
            runtime.stats(&context, id.as_str()).await
        })
        .await
    }

    pub(crate) async fn logs(&self, session: SessionId, id: &ContainerId, lines: u32) -> Result<Vec<OutputPiece>, AgentError> {
        self.call(Scope::Session(session), async |runtime, context| {
            runtime.logs(&context, id.as_str(), lines, MAX_LOG_BYTES).await
        })
        .await
    }

    /// Runs a program in a container, and leaves none of it behind.
    pub(crate) async fn exec(&self, session: SessionId, id: &ContainerId, program: ExecProgram) -> Result<ExecOutcome, AgentError> {
        let call = self.execs.fetch_add(1, Ordering::Relaxed);
        let scope = Scope::Exec(Box::new(ExecRules {
            session,
            argv: program.argv.clone(),
            bytes: program.max_bytes,
            time: Duration::from_secs(program.time_secs.into()),
            call,
        }));
        let result = self
            .call(scope.clone(), async |runtime, context| {
                runtime.exec(&context, id.as_str(), &program.argv, program.max_bytes).await
            })
            .await;
        // Whatever the plugin said of it, and where it said nothing.
        let mut cut = None;
        let mut ended = Ok(());
        for exec in self.engine.known(|known| known.execs_of(call)) {
            cut = cut.or(exec.cut);
            if let Err(why) = self.engine.end(&scope, &exec.id).await {
                ended = Err(AgentError::Node {
                    why: format!("a program in a workspace could not be ended: {why}"),
                });
            }
        }
        self.engine.known(|known| known.forget_execs_of(call));
        let outcome = result?;
        ended?;
        Ok(ExecOutcome {
            // Of what we ended nobody wants to know the signal.
            exit_code: outcome.exit_code.filter(|_| cut.is_none()),
            stdout: Der(outcome.stdout),
            stderr: Der(outcome.stderr),
            truncated: outcome.truncated || cut == Some(Cut::TooMuch),
            timed_out: cut == Some(Cut::TooLong),
        })
    }

    pub(crate) async fn inspect(&self, session: SessionId, id: &ContainerId) -> Result<Container, AgentError> {
        self.call(Scope::Session(session), async |runtime, context| {
            runtime.inspect(&context, id.as_str()).await
        })
        .await
    }

    /// Removes a container. Believed when the engine said so, not when the plugin does.
    pub(crate) async fn destroy(&self, session: SessionId, id: &ContainerId) -> Result<(), AgentError> {
        let gone = || self.engine.known(|known| known.session_of(id)).is_none();
        let result = self
            .call(Scope::Session(session), async |runtime, context| {
                runtime.destroy(&context, id.as_str()).await
            })
            .await;
        if result.is_ok() && !self.is_guarded() {
            // Nothing better than the plugin's word; a second word of it at least.
            let left = self.list(Scope::Session(session)).await?;
            if !left.iter().any(|container| container.id == id.as_str()) {
                self.engine.known(|known| known.forget(id));
            }
        }
        match result {
            _ if gone() => Ok(()),
            Err(error) => Err(error),
            Ok(()) => Err(AgentError::Plugin {
                why: "it reported a container as removed that the engine did not remove".into(),
            }),
        }
    }

    /// A session's containers as the engine's answer named them, with their states as the plugin read them.
    pub(crate) async fn of_session(&self, session: SessionId) -> Result<Vec<(ContainerId, Option<Container>)>, AgentError> {
        let listed = self.list(Scope::Session(session)).await?;
        if !self.is_guarded() {
            let session_text = session.to_string();
            let theirs = listed.iter().filter(|container| container.session == session_text);
            let ids: Vec<ContainerId> = theirs.filter_map(|container| self.container_id(&container.id)).collect();
            self.engine.known(|known| known.relearn(session, ids));
        }
        let ids = self.engine.known(|known| known.of_session(session));
        Ok(ids
            .into_iter()
            .map(|id| {
                let container = listed.iter().find(|container| container.id == id.as_str());
                (id, container.cloned())
            })
            .collect())
    }

    /// All containers of this deployment.
    pub(crate) async fn all(&self) -> Result<Vec<(SessionId, Container)>, AgentError> {
        let listed = self.list(Scope::Node).await?;
        if !self.is_guarded() {
            let known = listed
                .into_iter()
                .filter_map(|container| Some((self.container_id(&container.id)?, container.session.parse().ok()?, container)));
            return Ok(known
                .map(|(id, session, container)| {
                    self.engine.known(|known| known.learn(id, session));
                    (session, container)
                })
                .collect());
        }
        // The engine's labels say whose a container is, not the plugin.
        Ok(self.engine.known(|known| {
            listed
                .into_iter()
                .filter_map(|container| Some((known.session_of(&ContainerId::parse(&container.id)?)?, container)))
                .collect()
        }))
    }

    async fn call<T>(
        &self,
        scope: Scope,
        call: impl AsyncFnOnce(Runtime, CallContext) -> Result<Answer<T>, RuntimeError>,
    ) -> Result<T, AgentError> {
        let name = &self.config.runtime;
        let plugin = self.plugins.get(name).ok_or_else(|| AgentError::Plugin {
            why: format!("{name} is not active"),
        })?;
        let context = CallContext {
            session: scope.session(),
            config: Arc::clone(&self.plugin_config),
            deadline: None,
        };
        let endpoint = CallEndpoint::new(Arc::clone(&self.engine), scope);
        let runtime = Runtime::new(plugin, ENDPOINT, Arc::clone(&endpoint) as Arc<_>).map_err(|error| agent_error(error.into(), None))?;
        let result = call(runtime, context).await;
        endpoint.settle().await;
        match result {
            Ok(answer) => Ok(answer.value),
            Err(error) => Err(agent_error(error, endpoint.refusal())),
        }
    }
}

/// The plugin's configuration. Before an engine that the guard does not understand nobody else can tell this deployment's
/// containers from others: the plugin learns its name.
fn plugin_config(config: &AgentConfig, guarded: bool) -> Arc<str> {
    if guarded {
        return Arc::clone(&config.runtime_config);
    }
    let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&config.runtime_config).unwrap_or_default();
    object.insert("deployment".to_owned(), config.deployment.clone().into());
    serde_json::Value::Object(object).to_string().into()
}

/// What a failed call means to whoever asked the agent.
fn agent_error(error: RuntimeError, refusal: Option<String>) -> AgentError {
    if let Some(why) = refusal {
        return AgentError::Refused { why };
    }
    match error {
        RuntimeError::NotFound => AgentError::NotFound,
        RuntimeError::ImageMissing(image) => AgentError::ImageMissing { image },
        RuntimeError::NoCapacity(why) => AgentError::NoCapacity { why },
        RuntimeError::Unsupported(why) => AgentError::Unsupported { why },
        RuntimeError::Refused(why) => AgentError::Refused { why },
        RuntimeError::Unreachable => AgentError::Engine {
            why: "it does not answer".into(),
        },
        RuntimeError::Engine(why) => AgentError::Engine { why },
        RuntimeError::Call(error) => AgentError::Plugin { why: error.to_string() },
    }
}
