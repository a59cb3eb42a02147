//! The plugin host of this process, as the registry uses it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::error_chain::chain_of;
use gatewright_core::plugin::{Digest, PluginName};
use gatewright_plugin_host::{
    Approved, CallContext, Candidate, InspectError, LoadError, PlacementRequest, Plugin, PluginHost, Ranking, Stage, inspect,
};

use crate::plane::lock;
use crate::plugins::engine::{BadPlugin, InspectedPlugin, PluginEngine, RankError};

/// [`PluginEngine`] over the process's [`PluginHost`].
pub struct HostEngine {
    host: Arc<PluginHost>,
    /// What the configuration grants, by plugin.
    approvals: BTreeMap<PluginName, Approved>,
    /// Versions that passed. Held, so that they stay compiled.
    passed: Mutex<HashMap<Digest, Arc<Plugin>>>,
}

impl HostEngine {
    /// With what the configuration grants to each plugin; nothing to those that it does not name.
    #[must_use]
    pub fn new(host: Arc<PluginHost>, approvals: BTreeMap<PluginName, Approved>) -> Self {
        Self {
            host,
            approvals,
            passed: Mutex::default(),
        }
    }

    fn approved(&self, plugin: &PluginName) -> Approved {
        self.approvals.get(plugin).cloned().unwrap_or_default()
    }
}

fn bad_inspect(error: &InspectError) -> BadPlugin {
    BadPlugin {
        stage: if error.is_about_imports() {
            Stage::Imports
        } else {
            Stage::Manifest
        },
        detail: chain_of(error),
    }
}

fn bad_load(error: &LoadError) -> BadPlugin {
    BadPlugin {
        stage: error.stage(),
        detail: chain_of(error),
    }
}

#[async_trait]
impl PluginEngine for HostEngine {
    async fn inspect(&self, bytes: &Bytes) -> Result<InspectedPlugin, BadPlugin> {
        let found = inspect(bytes).map_err(|error| bad_inspect(&error))?;
        let manifest = found.manifest;
        let mut warnings = Vec::new();
        if manifest.description.is_empty() {
            warnings.push("The manifest has no description.".to_owned());
        }
        Ok(InspectedPlugin {
            unapproved: self.approved(&manifest.id).missing(&manifest.http),
            wants: manifest.wants(),
            name: manifest.id,
            kind: manifest.kind,
            version: manifest.version,
            wit: manifest.wit,
            description: manifest.description,
            warnings,
        })
    }

    async fn prepare(&self, digest: Digest, bytes: &Bytes) -> Result<(), BadPlugin> {
        if lock(&self.passed).contains_key(&digest) {
            return Ok(());
        }
        let found = inspect(bytes).map_err(|error| bad_inspect(&error))?;
        let approved = self.approved(&found.manifest.id);
        let plugin = self.host.load(bytes, &approved).await.map_err(|error| bad_load(&error))?;
        plugin.self_test().await.map_err(|error| BadPlugin {
            stage: Stage::SelfTest,
            detail: format!("self-test failed: {}", chain_of(&error)),
        })?;
        lock(&self.passed).insert(digest, plugin);
        Ok(())
    }

    fn forget(&self, digest: Digest) {
        lock(&self.passed).remove(&digest);
    }

    async fn rank(
        &self,
        digest: Digest,
        config: &serde_json::Value,
        request: PlacementRequest,
        candidates: Vec<Candidate>,
    ) -> Result<Ranking, RankError> {
        let plugin = lock(&self.passed).get(&digest).cloned().ok_or(RankError::NotLoaded)?;
        let context = CallContext {
            session: None,
            config: config.to_string().into(),
            deadline: None,
        };
        let answer = plugin.rank(&context, request, candidates).await;
        answer
            .map(|ranking| ranking.value)
            .map_err(|error| RankError::Failed(chain_of(&error)))
    }
}
