//! Calls of the runtime world.

use std::sync::Arc;
use std::time::Duration;

use crate::bindings::runtime::exports::gatewright::runtime::{images, lifecycle as wit};
use crate::call::{Answer, CallContext, CallError, Granted};
use crate::http::HttpEndpoint;
use crate::imports::http::HttpAccess;
use crate::imports::progress::ProgressSink;
use crate::limits::{MAX_ERROR_TEXT_BYTES, MAX_PULL_RESPONSE_BYTES};
use crate::plugin::{Plugin, World};
use crate::runtime_output::{ExecOutcome, OutputPiece, Usage, exec_outcome, output, usage};
use crate::store::CallState;
use crate::text::bounded;

/// What an engine is and can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The engine and its version.
    pub engine: String,
    /// Thousandths of a core of its machine.
    pub cpu_millicores: u64,
    /// Bytes of its machine.
    pub memory_bytes: u64,
    /// The limits that it enforces.
    pub enforced: EnforcedLimits,
}

/// Which limits an engine enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one flag of the interface")]
pub struct EnforcedLimits {
    /// Processor time.
    pub cpu: bool,
    /// Memory.
    pub memory: bool,
    /// Processes and threads.
    pub pids: bool,
    /// `/dev/shm`.
    pub shm: bool,
}

/// A container to be made. It has no network but the loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSpec {
    /// The session's id.
    pub session: String,
    /// The image.
    pub image: String,
    /// The host name inside.
    pub hostname: String,
    /// Thousandths of a core.
    pub cpu_millicores: u32,
    /// Bytes.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u32,
    /// Bytes of `/dev/shm`.
    pub shm_bytes: u64,
    /// The only mount: this folder of the engine's host ...
    pub session_folder: String,
    /// ... at this path inside.
    pub session_mount: String,
    /// To be set as they are.
    pub labels: Vec<(String, String)>,
    /// Devices by their CDI names: all of them, or it is not made.
    pub devices: Vec<String>,
}

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerState {
    /// Made, not started.
    Created,
    /// Running.
    Running,
    /// Paused.
    Paused,
    /// Ended.
    Exited,
}

/// A container of this deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The engine's id.
    pub id: String,
    /// The session's id, from its labels. Not checked: whoever reads it does.
    pub session: String,
    /// What it does.
    pub state: ContainerState,
    /// Its exit code, once it ended.
    pub exit_code: Option<i32>,
}

/// What an engine knows of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageInfo {
    /// The engine's id of it.
    pub id: String,
    /// What it takes on the disk, shared parts included.
    pub size_bytes: u64,
    /// When it was made, as the engine writes it.
    pub created: String,
    /// The user that it was made for.
    pub user: String,
}

/// Why a runtime plugin could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// No such container.
    #[error("container is not there")]
    NotFound,
    /// The engine lacks an image.
    #[error("engine lacks image {0:?}")]
    ImageMissing(String),
    /// The engine has no room.
    #[error("engine has no capacity: {0}")]
    NoCapacity(String),
    /// The guard refused a request.
    #[error("guard refused a request: {0}")]
    Refused(String),
    /// The engine does not answer.
    #[error("engine does not answer")]
    Unreachable,
    /// The engine answered with an error.
    #[error("engine failed: {0}")]
    Engine(String),
    /// The engine can't do what was asked.
    #[error("engine can't do this: {0}")]
    Unsupported(String),
    /// The plugin itself failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A runtime plugin with the endpoint that it was granted.
#[derive(Clone)]
pub struct Runtime {
    plugin: Arc<Plugin>,
    endpoint_name: String,
    endpoint: Arc<dyn HttpEndpoint>,
}

pub(crate) type Outcome<T> = Result<Answer<T>, RuntimeError>;
type Body<T> = Result<T, wit::Error>;

impl Runtime {
    /// `plugin` over the endpoint called `endpoint_name` (as in its manifest), behind which `endpoint` stands.
    ///
    /// # Errors
    /// [`CallError::WrongKind`] where it is no runtime plugin.
    pub fn new(plugin: Arc<Plugin>, endpoint_name: impl Into<String>, endpoint: Arc<dyn HttpEndpoint>) -> Result<Self, CallError> {
        match plugin.world {
            World::Runtime(_) => Ok(Self {
                plugin,
                endpoint_name: endpoint_name.into(),
                endpoint,
            }),
            _ => Err(CallError::WrongKind),
        }
    }

    /// The plugin.
    #[must_use]
    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    fn granted(&self) -> Granted {
        Granted {
            secrets: Vec::new(),
            http: Some(HttpAccess::new(
                Arc::clone(&self.plugin.granted),
                self.endpoint_name.clone(),
                Arc::clone(&self.endpoint),
            )),
            pull: None,
        }
    }

    fn granted_to_pull(&self, progress: ProgressSink) -> Granted {
        let mut granted = self.granted();
        if let Some(http) = &mut granted.http {
            http.bytes_left = MAX_PULL_RESPONSE_BYTES;
        }
        granted.pull = Some(progress);
        granted
    }

    /// What the engine is and can do.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn capabilities(&self, context: &CallContext) -> Outcome<Capabilities> {
        call!(
            self,
            context,
            "capabilities",
            |store, guest| guest.call_capabilities(store),
            capabilities
        )
    }

    /// Whether the engine answers.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn health(&self, context: &CallContext) -> Outcome<()> {
        call!(self, context, "health", |store, guest| guest.call_health(store), Ok)
    }

    /// Makes a container without starting it. Where one of this session is there already, its id.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn create(&self, context: &CallContext, spec: ContainerSpec) -> Outcome<String> {
        let spec = spec_to_wit(spec);
        call!(self, context, "create", |store, guest| guest.call_create(store, &spec), engine_id)
    }

    /// Starts a container. Idempotent.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn start(&self, context: &CallContext, id: &str) -> Outcome<()> {
        call!(self, context, "start", |store, guest| guest.call_start(store, id), Ok)
    }

    /// Asks a container to end, then kills it after `grace` (whole seconds). Idempotent.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn stop(&self, context: &CallContext, id: &str, grace: Duration) -> Outcome<()> {
        let grace = u32::try_from(grace.as_secs()).unwrap_or(u32::MAX);
        call!(self, context, "stop", |store, guest| guest.call_stop(store, id, grace), Ok)
    }

    /// Kills and removes a container with what the engine made for it. Idempotent.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn destroy(&self, context: &CallContext, id: &str) -> Outcome<()> {
        call!(self, context, "destroy", |store, guest| guest.call_destroy(store, id), Ok)
    }

    /// What a container does.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn inspect(&self, context: &CallContext, id: &str) -> Outcome<Container> {
        call!(self, context, "inspect", |store, guest| guest.call_inspect(store, id), container)
    }

    /// Every container that this deployment made, running or not.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn list(&self, context: &CallContext) -> Outcome<Vec<Container>> {
        call!(self, context, "list", |store, guest| guest.call_list(store), containers)
    }

    /// Freezes a container. Idempotent.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn pause(&self, context: &CallContext, id: &str) -> Outcome<()> {
        call!(
            self,
            context,
            "pause",
            gatewright_runtime_suspension,
            |store, guest| guest.call_pause(store, id),
            Ok
        )
    }

    /// Lets a frozen container go on. Idempotent.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn resume(&self, context: &CallContext, id: &str) -> Outcome<()> {
        call!(
            self,
            context,
            "resume",
            gatewright_runtime_suspension,
            |store, guest| guest.call_resume(store, id),
            Ok
        )
    }

    /// What a container uses.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn stats(&self, context: &CallContext, id: &str) -> Outcome<Usage> {
        call!(
            self,
            context,
            "stats",
            gatewright_runtime_inspection,
            |store, guest| guest.call_stats(store, id),
            usage
        )
    }

    /// The newest lines that a container's first process wrote, oldest first: at most `lines`, and of those at most `bytes`.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn logs(&self, context: &CallContext, id: &str, lines: u32, bytes: u32) -> Outcome<Vec<OutputPiece>> {
        let bounded = |pieces| output(pieces, bytes);
        call!(
            self,
            context,
            "logs",
            gatewright_runtime_inspection,
            |store, guest| guest.call_logs(store, id, lines, bytes),
            bounded
        )
    }

    /// Runs a program in a container to its end, and keeps at most `bytes` of what it writes. Its time is the call's.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn exec(&self, context: &CallContext, id: &str, argv: &[String], bytes: u32) -> Outcome<ExecOutcome> {
        let bounded = |outcome| exec_outcome(outcome, bytes);
        call!(
            self,
            context,
            "exec",
            gatewright_runtime_execution,
            |store, guest| guest.call_exec(store, id, argv, bytes),
            bounded
        )
    }

    /// Names of the images that the engine has.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn images(&self, context: &CallContext) -> Outcome<Vec<String>> {
        let World::Runtime(pre) = &self.plugin.world else {
            return Err(CallError::WrongKind.into());
        };
        let body = async move |mut store: wasmtime::Store<CallState>| {
            let result = async {
                let instance = pre.instantiate_async(&mut store).await?;
                instance.gatewright_runtime_images().call_list(&mut store).await
            }
            .await;
            (store, result)
        };
        let finish = |answer: Body<Vec<String>>| Ok(answer.map_err(runtime_error));
        unfold(self.plugin.run("images", context, self.granted(), body, finish).await)
    }

    /// What the engine has under a name. None where it has nothing.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn image(&self, context: &CallContext, name: &str) -> Outcome<Option<ImageInfo>> {
        let World::Runtime(pre) = &self.plugin.world else {
            return Err(CallError::WrongKind.into());
        };
        let body = async move |mut store: wasmtime::Store<CallState>| {
            let result = async {
                let instance = pre.instantiate_async(&mut store).await?;
                instance.gatewright_runtime_images().call_present(&mut store, name).await
            }
            .await;
            (store, result)
        };
        let finish = |answer: Body<Option<images::ImageInfo>>| Ok(answer.map(|found| found.map(image_info)).map_err(runtime_error));
        unfold(self.plugin.run("image", context, self.granted(), body, finish).await)
    }

    /// Brings an image. It may take an hour at the most, or as long as the context says; whoever gives it up drops the future.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn pull(&self, context: &CallContext, name: &str, progress: ProgressSink) -> Outcome<()> {
        let World::Runtime(pre) = &self.plugin.world else {
            return Err(CallError::WrongKind.into());
        };
        let body = async move |mut store: wasmtime::Store<CallState>| {
            let result = async {
                let instance = pre.instantiate_async(&mut store).await?;
                instance.gatewright_runtime_images().call_pull(&mut store, name).await
            }
            .await;
            (store, result)
        };
        let finish = |answer: Body<()>| Ok(answer.map_err(runtime_error));
        let granted = self.granted_to_pull(progress);
        unfold(self.plugin.run("pull", context, granted, body, finish).await)
    }
}

/// Calls a function of `lifecycle`, or of the interface that is named, in a fresh instance and turns its answer into ours.
macro_rules! call {
    ($self:ident, $context:ident, $name:literal, |$store:ident, $guest:ident| $call:expr, $convert:expr) => {
        call!(
            $self,
            $context,
            $name,
            gatewright_runtime_lifecycle,
            |$store, $guest| $call,
            $convert
        )
    };
    ($self:ident, $context:ident, $name:literal, $interface:ident, |$store:ident, $guest:ident| $call:expr, $convert:expr) => {{
        let World::Runtime(pre) = &$self.plugin.world else {
            return Err(CallError::WrongKind.into());
        };
        let body = async move |mut owned: wasmtime::Store<CallState>| {
            let result = async {
                let instance = pre.instantiate_async(&mut owned).await?;
                let $guest = instance.$interface();
                let $store = &mut owned;
                $call.await
            }
            .await;
            (owned, result)
        };
        let finish = |answer: Body<_>| match answer {
            Ok(value) => ($convert)(value).map(Ok),
            Err(error) => Ok(Err(runtime_error(error))),
        };
        unfold($self.plugin.run($name, $context, $self.granted(), body, finish).await)
    }};
}
use call;

/// An error that the guest reports is an answer to the limits and counters, but an error to the caller.
fn unfold<T>(result: Result<Answer<Result<T, RuntimeError>>, CallError>) -> Outcome<T> {
    let answer = result?;
    Ok(Answer {
        value: answer.value?,
        micros: answer.micros,
    })
}

fn runtime_error(error: wit::Error) -> RuntimeError {
    let text = |text: String| bounded(&text, MAX_ERROR_TEXT_BYTES);
    match error {
        wit::Error::NotFound => RuntimeError::NotFound,
        wit::Error::ImageMissing(image) => RuntimeError::ImageMissing(text(image)),
        wit::Error::NoCapacity(why) => RuntimeError::NoCapacity(text(why)),
        wit::Error::Refused(why) => RuntimeError::Refused(text(why)),
        wit::Error::Unreachable => RuntimeError::Unreachable,
        wit::Error::Engine(why) => RuntimeError::Engine(text(why)),
        wit::Error::Unsupported(why) => RuntimeError::Unsupported(text(why)),
    }
}

/// Engines use short words as ids; whatever else a guest says is not passed on.
fn engine_id(id: String) -> Result<String, CallError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !id.is_empty() && id.len() <= 256 && id.bytes().all(plain) {
        Ok(id)
    } else {
        Err(CallError::bad_answer("an id that no engine has"))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for all conversions")]
fn capabilities(found: wit::EngineInfo) -> Result<Capabilities, CallError> {
    Ok(Capabilities {
        engine: bounded(&found.engine, 128),
        cpu_millicores: found.cpu_millicores,
        memory_bytes: found.memory_bytes,
        enforced: EnforcedLimits {
            cpu: found.enforced.contains(wit::Limits::CPU),
            memory: found.enforced.contains(wit::Limits::MEMORY),
            pids: found.enforced.contains(wit::Limits::PIDS),
            shm: found.enforced.contains(wit::Limits::SHM),
        },
    })
}

fn containers(list: Vec<wit::Container>) -> Result<Vec<Container>, CallError> {
    list.into_iter().map(container).collect()
}

fn container(container: wit::Container) -> Result<Container, CallError> {
    Ok(Container {
        id: engine_id(container.id)?,
        session: bounded(&container.session, 128),
        state: match container.state {
            wit::State::Created => ContainerState::Created,
            wit::State::Running => ContainerState::Running,
            wit::State::Paused => ContainerState::Paused,
            wit::State::Exited => ContainerState::Exited,
        },
        exit_code: container.exit_code,
    })
}

fn image_info(found: images::ImageInfo) -> ImageInfo {
    ImageInfo {
        id: bounded(&found.id, 128),
        size_bytes: found.size_bytes,
        created: bounded(&found.created, 64),
        user: bounded(&found.user, 64),
    }
}

fn spec_to_wit(spec: ContainerSpec) -> wit::Spec {
    wit::Spec {
        session: spec.session,
        image: spec.image,
        hostname: spec.hostname,
        cpu_millicores: spec.cpu_millicores,
        memory_bytes: spec.memory_bytes,
        pids: spec.pids,
        shm_bytes: spec.shm_bytes,
        network: wit::Network::None,
        session_folder: spec.session_folder,
        session_mount: spec.session_mount,
        labels: spec.labels,
        devices: spec.devices,
    }
}
