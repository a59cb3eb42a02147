//! `AgentControl`: drives workspaces on one node.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use gatewright_core::capacity::{Allocatable, Resources};
use gatewright_core::plugin::PluginName;
use gatewright_core::record::Network;
use gatewright_core::{DeviceName, HomeId, NodeId, SessionId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::control::Der;
use crate::images::ImageStatus;
/// Drives workspaces on one node. Implemented in the same process by the agent, between processes by rpc.
///
/// Whoever changes a session names its [`Fence`]: the agent refuses one that is older than it has seen.
#[async_trait]
pub trait AgentControl: Send + Sync {
    /// What the node is, can give, and has running.
    ///
    /// # Errors
    /// [`AgentError::Unavailable`]. A dead engine is no error but `degraded` in the answer.
    async fn status(&self) -> Result<NodeStatus, AgentError>;

    /// Makes the session's folder, its home where that is new, and its container without starting it. Idempotent on `spec.session`.
    /// Cancel-safe: a dropped call is repeated or undone by the saga.
    ///
    /// # Errors
    /// `ImageMissing`, `NoCapacity` (try another node), `Fenced`, `HomeMissing`, `Refused` (the guard), `Engine`, `Plugin`, `Unavailable`.
    async fn create(&self, spec: SessionSpec, fence: Fence) -> Result<(), AgentError>;

    /// Starts what [`Self::create`] made. Idempotent.
    ///
    /// # Errors
    /// `NotFound`, `Fenced`, `Engine`, `Plugin`, `Unavailable`.
    async fn start(&self, session: SessionId, fence: Fence) -> Result<(), AgentError>;

    /// Waits until the session's desktop speaks its protocol, not just until its socket is there.
    /// The caller bounds the time by dropping the call.
    ///
    /// # Errors
    /// `NotFound`, `Exited` when the container ended instead, `Unavailable`.
    async fn wait_ready(&self, session: SessionId) -> Result<(), AgentError>;

    /// Asks the session's workspace to end, and kills it after `grace`: whole seconds, at most 120, less where the
    /// runtime plugin's own deadline is shorter. Container, folder and what is in them stay, as after an end by itself.
    /// Idempotent.
    ///
    /// # Errors
    /// `NotFound`, `Fenced`, `Refused` (a longer grace), `Engine`, `Plugin`, `Unavailable`.
    async fn stop(&self, session: SessionId, grace: Duration, fence: Fence) -> Result<(), AgentError>;

    /// Freezes all that runs in the session. It keeps its memory and its place on the node. Idempotent.
    ///
    /// # Errors
    /// `NotFound`, `Fenced`, `Unsupported` (the engine can't), `Engine`, `Plugin`, `Unavailable`.
    async fn pause(&self, session: SessionId, fence: Fence) -> Result<(), AgentError>;

    /// Lets a paused session go on where it stood. Idempotent.
    ///
    /// # Errors
    /// As [`Self::pause`].
    async fn resume(&self, session: SessionId, fence: Fence) -> Result<(), AgentError>;

    /// What the session uses now.
    ///
    /// # Errors
    /// `NotFound`, `Unsupported`, `Engine`, `Plugin`, `Unavailable`.
    async fn stats(&self, session: SessionId) -> Result<SessionStats, AgentError>;

    /// The newest lines that the session's first process wrote, oldest first: at most `lines` (10,000 are the most that
    /// may be asked for), and of those at most [`MAX_LOG_BYTES`].
    ///
    /// # Errors
    /// `NotFound`, `Refused` (more lines), `Unsupported`, `Engine`, `Plugin`, `Unavailable`.
    async fn logs(&self, session: SessionId, lines: u32) -> Result<Vec<OutputPiece>, AgentError>;

    /// Runs a program in the session to its end: as the session's user, without a terminal, input or variables of its own.
    /// One that takes longer, or writes far more, than it may is killed with its process group; what left that group is a
    /// part of the session as anything else in it. Not idempotent.
    ///
    /// # Errors
    /// `NotFound`, `Refused` (beyond [`ExecProgram::check`]), `Unsupported`, `Engine` (the session is paused, say), `Plugin`,
    /// `Unavailable`; `Node` where it could not be ended.
    async fn exec(&self, session: SessionId, program: ExecProgram) -> Result<ExecOutcome, AgentError>;

    /// The one undo: removes container, folder and streams of a session, whatever of it exists, and nothing else: its home stays.
    /// Idempotent: a session that is not there is gone already.
    ///
    /// # Errors
    /// `Fenced`; `Engine`, `Plugin`, `Unavailable`: something may be left, call again.
    async fn destroy(&self, session: SessionId, fence: Fence) -> Result<(), AgentError>;

    /// Checks a session that is ready against the image contract: its desktop, its user, its folder, its end. The session
    /// is stopped by it. `password` is the one that [`Self::create`] was given.
    ///
    /// # Errors
    /// `NotFound`, `Engine`, `Plugin`, `Unavailable`. What the image does wrong is no error but in the answer.
    async fn check(&self, session: SessionId, password: SecretString, fence: Fence) -> Result<Vec<Finding>, AgentError>;

    /// How an image stands here: asked of the engine, or of the pull that is at work.
    ///
    /// # Errors
    /// `Refused` (not the name of an image), `Engine`, `Plugin`, `Unavailable`.
    async fn image(&self, name: &str) -> Result<ImageStatus, AgentError>;

    /// Begins to bring an image from its registry. Where that is at work already, nothing more happens. It goes on when the
    /// caller goes away: [`Self::image`] says how far it is.
    ///
    /// # Errors
    /// `Refused` (not the name of an image), `NoCapacity` (the disk, or others are being brought), `Unavailable`.
    async fn pull(&self, name: &str) -> Result<(), AgentError>;

    /// Breaks a pull off. Idempotent: an image that is not being brought stays as it is.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn cancel_pull(&self, name: &str) -> Result<(), AgentError>;

    /// Removes a home with all that is in it. Idempotent: a home that is not there is gone already.
    ///
    /// # Errors
    /// `Refused` (a container has it), `Engine`, `Plugin`, `Node`, `Unavailable`: call again.
    async fn remove_home(&self, home: HomeId) -> Result<(), AgentError>;

    /// Every session of this deployment that has a container or a folder here, running or not.
    ///
    /// # Errors
    /// `Engine`, `Plugin`, `Unavailable`.
    async fn list(&self) -> Result<Vec<OwnedSession>, AgentError>;
}

/// The most that [`AgentControl::logs`] gives, in bytes.
pub const MAX_LOG_BYTES: u32 = 256 << 10;

/// A program to be run in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecProgram {
    /// The program and its arguments. Never a shell's line, unless it names a shell.
    pub argv: Vec<String>,
    /// What is kept of what it writes, both streams together, in bytes: at most 262,144.
    pub max_bytes: u32,
    /// How long it may run, in seconds: 1 to 30.
    pub time_secs: u32,
}

impl ExecProgram {
    /// Whether it is within what may be asked for.
    ///
    /// # Errors
    /// `Refused`.
    pub fn check(&self) -> Result<(), AgentError> {
        let long: usize = self.argv.iter().map(String::len).sum();
        let why = if self.argv.is_empty() || self.argv.len() > 64 || long > 16 << 10 {
            "a program has 1 to 64 arguments of 16 KiB in all"
        } else if self.argv.iter().any(|argument| argument.contains('\0')) {
            "an argument has no zero byte"
        } else if self.max_bytes > 256 << 10 || !(1..=30).contains(&self.time_secs) {
            "a program writes at most 256 KiB within 1 to 30 seconds"
        } else {
            return Ok(());
        };
        Err(AgentError::Refused { why: why.into() })
    }
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecOutcome {
    /// None where it was ended.
    pub exit_code: Option<i32>,
    /// What it wrote as output.
    pub stdout: Der,
    /// What it wrote as errors.
    pub stderr: Der,
    /// It wrote more than was kept.
    pub truncated: bool,
    /// It was ended since its time was up.
    pub timed_out: bool,
}

/// The number of the lease by which somebody drives a session. Higher than that of everybody before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub u64);

impl Fence {
    /// Of a caller from before there were numbers. It is let through as long as nobody with a number was there.
    pub const NONE: Self = Self(0);
    /// Of a session that is over: nobody comes after it.
    pub const OVER: Self = Self(u64::MAX);
}

/// A part of the image contract that only shows in a session that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContractPart {
    /// The desktop takes the session's password, no other, and its file is gone.
    Password,
    /// Everything runs as the workspace's user, and that user has a home.
    User,
    /// `~/Transfer` leads to the session's transfer folder.
    Transfer,
    /// It ends by itself when it is asked to.
    Stop,
}

/// How an image keeps one part of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which part.
    pub part: ContractPart,
    /// What it does instead; none where it keeps it.
    pub problem: Option<String>,
}

/// What is to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SessionSpec {
    /// The session.
    pub session: SessionId,
    /// The engine's image, by name.
    pub image: String,
    /// Limits; all of them enforced, or the call fails.
    pub resources: Resources,
    /// What it may reach.
    pub network: Network,
    /// The host name inside.
    pub hostname: String,
    /// The home that is kept from one session to the next, mounted over the image's own.
    #[serde(default)]
    pub home: Option<KeptHome>,
    /// The devices that it has: all of them, or the call fails.
    #[serde(default)]
    pub devices: Vec<DeviceName>,
    /// The password of its desktop, written to a file that only the container's user reads. Never given to a plugin.
    #[serde(skip)]
    pub desktop_password: Option<SecretString>,
}

/// A home that outlives its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptHome {
    /// Id.
    pub id: HomeId,
    /// Whether it may be made. If not, it is there, or the call fails: nobody gets an empty home in place of a full one.
    pub new: bool,
}

/// What an agent knows of its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its id, fixed when it joined.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// The engine and version: `docker 20.10.24`. Empty while it never answered.
    pub engine: String,
    /// The runtime plugin that drives it.
    pub runtime: PluginName,
    /// What it can give to sessions in all.
    pub allocatable: Allocatable,
    /// Why it can take no session now, where it can't.
    pub degraded: Option<String>,
    /// Names of the images that it has.
    pub images: Vec<String>,
    /// For placement.
    pub labels: BTreeMap<String, String>,
    /// The devices that its operator gives to sessions.
    #[serde(default)]
    pub devices: Vec<DeviceName>,
}

/// A session that exists on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedSession {
    /// The session.
    pub session: SessionId,
    /// Whether its container runs, be it paused.
    pub running: bool,
    /// Whether it is paused. None from an agent that does not say.
    #[serde(default)]
    pub paused: Option<bool>,
}

/// What a session uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStats {
    /// Processor time since it was started, in microseconds.
    pub cpu_micros: u64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// The most that it may use; 0 where the engine does not say.
    pub memory_limit_bytes: u64,
    /// Processes and threads.
    pub pids: u32,
    /// Bytes received; none where it has no network.
    pub received_bytes: Option<u64>,
    /// Bytes sent; none where it has no network.
    pub sent_bytes: Option<u64>,
}

/// Where a program wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputStream {
    /// Its output.
    Stdout,
    /// Its errors.
    Stderr,
}

/// A piece of what a program wrote. Any bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputPiece {
    /// Where to.
    pub to: OutputStream,
    /// What.
    pub bytes: Der,
}

/// Why an agent could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentError {
    /// The agent can't be reached.
    #[error("agent is unavailable")]
    Unavailable,
    /// No such session here.
    #[error("session is not on this node")]
    NotFound,
    /// The engine lacks the image.
    #[error("image {image:?} is not on this node")]
    ImageMissing {
        /// Its name.
        image: String,
    },
    /// A home that was made here is not there.
    #[error("home {home} is not on this node: look whether its folder is there, or its file system is mounted")]
    HomeMissing {
        /// Which.
        home: HomeId,
    },
    /// The node has no room, or can't enforce a limit.
    #[error("node has no capacity: {why}")]
    NoCapacity {
        /// What is short.
        why: String,
    },
    /// The guard refused what the runtime plugin asked of the engine.
    #[error("guard refused a request of the runtime plugin: {why}")]
    Refused {
        /// Which rule of the guard.
        why: String,
    },
    /// The container ended before its desktop answered.
    #[error("workspace exited with code {code} before its desktop answered")]
    Exited {
        /// Its exit code.
        code: i64,
    },
    /// The engine failed or does not answer.
    #[error("engine failed: {why}")]
    Engine {
        /// What it said.
        why: String,
    },
    /// The runtime plugin trapped, timed out or is absent.
    #[error("runtime plugin failed: {why}")]
    Plugin {
        /// How.
        why: String,
    },
    /// Somebody with a newer lease has driven the session since: what was asked for is not wanted any more.
    #[error("a newer lease drives the session")]
    Fenced,
    /// The engine or its plugin can't do this.
    #[error("node can't do this: {why}")]
    Unsupported {
        /// What.
        why: String,
    },
    /// The agent's own host failed: a full disk, a missing right.
    #[error("node failed: {why}")]
    Node {
        /// What.
        why: String,
    },
}
