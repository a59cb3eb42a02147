//! What the registry asks of the plugin host.

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::plugin::{Digest, PluginKind, PluginName};

/// The plugin host, as the control plane uses it.
#[async_trait]
pub trait PluginEngine: Send + Sync {
    /// Reads manifest and imports without running anything.
    ///
    /// # Errors
    /// [`BadPlugin`] of stage `Manifest` or `Imports`.
    async fn inspect(&self, bytes: &Bytes) -> Result<InspectedPlugin, BadPlugin>;

    /// Compiles a file in a limited process and calls it once. It stays compiled, so that activating it takes no time.
    /// Idempotent on the digest.
    ///
    /// # Errors
    /// [`BadPlugin`] of any stage.
    async fn prepare(&self, digest: Digest, bytes: &Bytes) -> Result<(), BadPlugin>;

    /// Lets go of a version that was deleted.
    fn forget(&self, digest: Digest);

    /// Ranks nodes with a placement plugin that was prepared.
    ///
    /// # Errors
    /// [`RankError`].
    async fn rank(
        &self,
        digest: Digest,
        config: &serde_json::Value,
        request: RankRequest,
        candidates: &[RankCandidate],
    ) -> Result<Rank, RankError>;
}

/// What a plugin's file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedPlugin {
    /// Its stable id.
    pub name: PluginName,
    /// What it decides.
    pub kind: PluginKind,
    /// Its version.
    pub version: String,
    /// What it was built for: `dlp@0.1`.
    pub wit: String,
    /// One sentence.
    pub description: String,
    /// The grants that it asks for, in words.
    pub wants: Vec<String>,
    /// Those of them that the configuration does not approve.
    pub unapproved: Vec<String>,
    /// What an administrator should know, though it is no error.
    pub warnings: Vec<String>,
}

/// Where a plugin was found to be bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Its file or manifest.
    Manifest,
    /// What it imports or exports.
    Imports,
    /// Compilation.
    Compile,
    /// The first call.
    SelfTest,
}

impl Stage {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Imports => "imports",
            Self::Compile => "compile",
            Self::SelfTest => "self-test",
        }
    }
}

/// Why a plugin can't be used, in words for an administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct BadPlugin {
    /// Where it was found.
    pub stage: Stage,
    /// What was found.
    pub detail: String,
}

/// What a session needs, for placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankRequest {
    /// The session.
    pub session: String,
    /// The user's login name.
    pub user: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// The workspace's name.
    pub workspace: String,
    /// The zone's name.
    pub zone: String,
    /// The engine's image.
    pub image: String,
    /// Thousandths of a core.
    pub cpu_millicores: u32,
    /// Bytes.
    pub memory_bytes: u64,
}

/// A node that could take a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankCandidate {
    /// The node.
    pub node: gatewright_core::record::Node,
    /// The zone's name.
    pub zone: String,
    /// Whether the session's image is there.
    pub has_image: bool,
}

/// An order of candidates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rank {
    /// Indexes into the candidates, best first.
    pub order: Vec<usize>,
    /// The others, each with its reason in words.
    pub rejected: Vec<(usize, String)>,
}

/// Why a placement plugin gave no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RankError {
    /// It was not prepared in this process.
    #[error("placement plugin is not loaded")]
    NotLoaded,
    /// It trapped, took too long, or answered what makes no sense.
    #[error("placement plugin failed: {0}")]
    Failed(String),
}
