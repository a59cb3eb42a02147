//! `Control`: what the other roles ask of the control plane.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::event::Event;
use gatewright_core::plugin::{Digest, PluginKind, PluginName};
use gatewright_core::record::Rule;
use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::{GroupId, NodeId, NodeIdentity, SecretId, SessionId, UserId, WorkspaceId, ZoneId};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::agent_control::NodeStatus;

/// What agents, proxies and edges ask of the control plane. Where a method has a body here, it is that of a control
/// plane without other nodes.
#[async_trait]
pub trait Control: Send + Sync {
    /// A machine with a join token asks to be a node. The only call that needs no certificate.
    ///
    /// # Errors
    /// `NotFound` for a token that is unknown, used up or expired, and for a request that is none; `Unavailable`.
    async fn join(&self, request: JoinRequest) -> Result<Joined, ControlError> {
        drop(request);
        Err(ControlError::Unavailable)
    }

    /// A new certificate for a node, with the roles and zone that it has, and its address as it is now. A node asks for
    /// itself. Idempotent.
    ///
    /// # Errors
    /// `NotFound` for a node that was removed; `Unavailable`.
    async fn renew(&self, node: NodeId, request: RenewRequest) -> Result<Joined, ControlError> {
        let _ = (node, request);
        Err(ControlError::Unavailable)
    }

    /// What every node has to know of the others. Changes with `watch`.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    async fn deployment(&self) -> Result<Deployment, ControlError> {
        Err(ControlError::Unavailable)
    }

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

    /// As [`Self::watch`], for whoever goes only by the deployment's members and plugins: nothing else wakes anybody here. Its
    /// numbers are its own.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    async fn watch_settings(&self, since: u64) -> Result<u64, ControlError> {
        self.watch(since).await
    }

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

/// What a machine says to become a node.
#[derive(Clone, Serialize, Deserialize)]
pub struct JoinRequest {
    /// SHA-256 of the token's secret is what is stored; this is the secret's own text.
    pub token: SecretText,
    /// The certificate signing request of a key that was made there.
    pub request: Der,
    /// The name to be shown; unique.
    pub name: String,
    /// Where other nodes reach it, `host:port`; none for a node that only dials out.
    pub address: Option<String>,
}

/// What a node says to have its certificate renewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewRequest {
    /// The certificate signing request.
    pub request: Der,
    /// Where other nodes reach it, `host:port`; none for a node that only dials out.
    pub address: Option<String>,
    /// Where people reach it, an origin; none for a node that is no edge, or whose operator named none.
    #[serde(default)]
    pub public_url: Option<String>,
}

/// A node's new certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The certificate, which says node, zone and roles.
    pub certificate: Der,
    /// The authority's own.
    pub authority: Der,
}

/// What every node has to know of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The deployment's own name: the label of its containers.
    pub id: String,
    /// The public keys that sign tickets, 32 bytes of Ed25519 each.
    pub ticket_keys: Vec<Der>,
    /// The nodes that were removed and whose certificates may not have run out yet.
    pub removed: BTreeSet<NodeId>,
    /// The nodes.
    pub peers: Vec<Peer>,
}

/// One node, as the others know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Who it is.
    #[serde(flatten)]
    pub identity: NodeIdentity,
    /// Where it listens for other nodes, `host:port`.
    pub address: Option<String>,
}

/// Bytes that are text on the wire: hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Der(pub Vec<u8>);

impl Serialize for Der {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Der {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A secret that crosses the wire between nodes, and is printed nowhere.
#[derive(Clone)]
pub struct SecretText(pub SecretString);

impl Serialize for SecretText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SecretString::deserialize(deserializer).map(Self)
    }
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
    /// Whether it is paused: nobody connects to it then.
    #[serde(default)]
    pub paused: bool,
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
