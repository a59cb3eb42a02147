//! What the registry asks of the plugin host.

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::plugin::{Digest, PluginKind, PluginName};
use gatewright_plugin_host::{Candidate, PlacementRequest, Ranking, Stage};

/// The plugin host, as the control plane uses it: with what the configuration approves, and by digest.
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
        request: PlacementRequest,
        candidates: Vec<Candidate>,
    ) -> Result<Ranking, RankError>;
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

/// Why a plugin can't be used, in words for an administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct BadPlugin {
    /// Where it was found.
    pub stage: Stage,
    /// What was found.
    pub detail: String,
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
