//! `AgentControl`: drives workspaces on one node.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use gatewright_core::capacity::{Allocatable, Resources};
use gatewright_core::plugin::PluginName;
use gatewright_core::record::Network;
use gatewright_core::{NodeId, SessionId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::images::ImageStatus;

/// Drives workspaces on one node. Implemented in the same process by the agent, between processes by rpc.
#[async_trait]
pub trait AgentControl: Send + Sync {
    /// What the node is, can give, and has running.
    ///
    /// # Errors
    /// [`AgentError::Unavailable`]. A dead engine is no error but `degraded` in the answer.
    async fn status(&self) -> Result<NodeStatus, AgentError>;

    /// Makes the session's folder and container without starting it. Idempotent on `spec.session`.
    /// Cancel-safe: a dropped call is repeated or undone by the saga.
    ///
    /// # Errors
    /// `ImageMissing`, `NoCapacity` (try another node), `Refused` (the guard), `Engine`, `Plugin`, `Unavailable`.
    async fn create(&self, spec: SessionSpec) -> Result<(), AgentError>;

    /// Starts what [`Self::create`] made. Idempotent.
    ///
    /// # Errors
    /// `NotFound`, `Engine`, `Plugin`, `Unavailable`.
    async fn start(&self, session: SessionId) -> Result<(), AgentError>;

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
    /// `NotFound`, `Refused` (a longer grace), `Engine`, `Plugin`, `Unavailable`.
    async fn stop(&self, session: SessionId, grace: Duration) -> Result<(), AgentError>;

    /// The one undo: removes container, folder and streams of a session, whatever of it exists, and nothing else.
    /// Idempotent: a session that is not there is gone already.
    ///
    /// # Errors
    /// `Engine`, `Plugin`, `Unavailable`: something may be left, call again.
    async fn destroy(&self, session: SessionId) -> Result<(), AgentError>;

    /// Checks a session that is ready against the image contract: its desktop, its user, its folder, its end. The session
    /// is stopped by it. `password` is the one that [`Self::create`] was given.
    ///
    /// # Errors
    /// `NotFound`, `Engine`, `Plugin`, `Unavailable`. What the image does wrong is no error but in the answer.
    async fn check(&self, session: SessionId, password: SecretString) -> Result<Vec<Finding>, AgentError>;

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

    /// Every session of this deployment that has a container or a folder here, running or not.
    ///
    /// # Errors
    /// `Engine`, `Plugin`, `Unavailable`.
    async fn list(&self) -> Result<Vec<OwnedSession>, AgentError>;
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
    /// The password of its desktop, written to a file that only the container's user reads. Never given to a plugin.
    #[serde(skip)]
    pub desktop_password: Option<SecretString>,
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
}

/// A session that exists on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedSession {
    /// The session.
    pub session: SessionId,
    /// Whether its container runs.
    pub running: bool,
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
    /// The agent's own host failed: a full disk, a missing right.
    #[error("node failed: {why}")]
    Node {
        /// What.
        why: String,
    },
}
