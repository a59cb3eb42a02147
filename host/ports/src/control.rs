//! `Control`: what the other roles ask of the control plane.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::event::Event;
use gatewright_core::plugin::{Digest, PluginKind, PluginName};
use gatewright_core::record::Rule;
use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::{GroupId, NodeId, SecretId, SessionId, UserId, WorkspaceId, ZoneId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::agent_control::NodeStatus;

/// What agents and connection proxies ask of the control plane.
#[async_trait]
pub trait Control: Send + Sync {
    /// An agent's sign of life and state.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    async fn heartbeat(&self, status: NodeStatus) -> Result<(), ControlError>;

    /// Waits until something changed after `since` (at most some 30 s) and says how far changes go now. What changed
    /// is then read anew: a change is a hint, not data.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`]: whoever is staler than 60 s admits nobody.
    async fn watch(&self, since: u64) -> Result<u64, ControlError>;

    /// Rules, active plugins and providers, as one consistent snapshot.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    async fn policy(&self) -> Result<Arc<PolicySnapshot>, ControlError>;

    /// Whose a session is, where it runs and under which groups' rules it stands.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    async fn session(&self, session: SessionId) -> Result<SessionContext, ControlError>;

    /// The bytes of a stored plugin version.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    async fn component(&self, digest: Digest) -> Result<Bytes, ControlError>;

    /// The vault entries that may be offered to a credential plugin for a session: labels, never values.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    async fn secrets(&self, session: SessionId) -> Result<Vec<SecretEntry>, ControlError>;

    /// Opens a vault entry for the target that it is bound to.
    ///
    /// # Errors
    /// `NotFound` also where the entry is bound to another session's target.
    async fn secret(&self, session: SessionId, secret: SecretId) -> Result<SecretString, ControlError>;

    /// Appends events in order. Returns once they are durable. Idempotent on each event's id.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`]: nothing may be released on the strength of these events.
    async fn append_events(&self, events: Vec<Event>) -> Result<(), ControlError>;

    /// A proxy ended a session's stream for good: the control plane ends the session. Idempotent.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    async fn end_session(&self, session: SessionId, reason: EndReason) -> Result<(), ControlError>;
}

/// What the gates decide by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicySnapshot {
    /// Counts up with every change.
    pub revision: u64,
    /// All enabled rules, in no order.
    pub rules: Vec<Rule>,
    /// The active version of each plugin that has one.
    pub plugins: BTreeMap<PluginName, ActivePlugin>,
    /// Which plugin resolves credentials, and with which configuration.
    pub credential: Option<Provider>,
    /// Which plugin places sessions. None: the built-in strategy.
    pub placement: Option<Provider>,
    /// The names of all groups.
    pub groups: BTreeMap<GroupId, String>,
}

/// The active version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivePlugin {
    /// Its kind.
    pub kind: PluginKind,
    /// The version, as its manifest gives it.
    pub version: String,
    /// What to load.
    pub digest: Digest,
}

/// A plugin with its configuration, where there is one for the whole deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provider {
    /// The plugin.
    pub plugin: PluginName,
    /// A JSON object that it understands.
    pub config: serde_json::Value,
}

/// A group of a session's user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The group.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Lower goes first.
    pub priority: i32,
}

/// A session, as a proxy has to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionContext {
    /// The session.
    pub session: SessionId,
    /// Its user.
    pub user: UserId,
    /// The user's login name.
    pub user_name: String,
    /// The user's groups.
    pub groups: Vec<Membership>,
    /// What runs.
    pub workspace: WorkspaceId,
    /// Its name.
    pub workspace_name: String,
    /// Its zone.
    pub zone: ZoneId,
    /// Where it runs.
    pub node: NodeId,
    /// Where it stands. Only [`SessionState::Ready`] is connected to.
    pub state: SessionState,
    /// Why it ended, where it did.
    pub end: Option<EndReason>,
}

/// A vault entry as a credential plugin may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretEntry {
    /// The handle.
    pub id: SecretId,
    /// What an administrator called it; `desktop` for a desktop's generated password.
    pub label: String,
}

/// Why the control plane could not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlError {
    /// It can't be reached, or its database can't.
    #[error("control plane is unavailable")]
    Unavailable,
    /// No such thing, or not for the caller.
    #[error("not found")]
    NotFound,
}
