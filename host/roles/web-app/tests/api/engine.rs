//! A plugin host for plugins that are JSON: it reads, "compiles" and forgets them like the real one.

use std::collections::HashSet;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_control::plugin_host::{Candidate, PlacementRequest, Ranking, Stage};
use gatewright_control::{BadPlugin, InspectedPlugin, PluginEngine, RankError};
use gatewright_core::plugin::{Digest, PluginKind};
use serde_json::Value;

#[derive(Default)]
pub(crate) struct JsonEngine {
    prepared: Mutex<HashSet<Digest>>,
}

fn bad(stage: Stage, detail: &str) -> BadPlugin {
    BadPlugin {
        stage,
        detail: detail.into(),
    }
}

#[async_trait]
impl PluginEngine for JsonEngine {
    async fn inspect(&self, bytes: &Bytes) -> Result<InspectedPlugin, BadPlugin> {
        let value: Value = serde_json::from_slice(bytes).map_err(|_| bad(Stage::Manifest, "not a plugin"))?;
        let text = |key: &str| value[key].as_str().ok_or_else(|| bad(Stage::Manifest, "a field is missing"));
        Ok(InspectedPlugin {
            name: text("name")?.parse().map_err(|_| bad(Stage::Manifest, "the name is none"))?,
            kind: PluginKind::parse(text("kind")?).ok_or_else(|| bad(Stage::Manifest, "no such kind"))?,
            version: text("version")?.into(),
            wit: "dlp@0.1".into(),
            description: "A plugin of a test.".into(),
            wants: Vec::new(),
            unapproved: Vec::new(),
            warnings: vec!["it is a test's".into()],
        })
    }

    async fn prepare(&self, digest: Digest, bytes: &Bytes) -> Result<(), BadPlugin> {
        let value: Value = serde_json::from_slice(bytes).map_err(|_| bad(Stage::Compile, "not a plugin"))?;
        match value["fails"].as_str() {
            Some("compile") => Err(bad(Stage::Compile, "it does not compile")),
            Some("self-test") => Err(bad(Stage::SelfTest, "it trapped")),
            _ => {
                self.prepared.lock().unwrap().insert(digest);
                Ok(())
            }
        }
    }

    fn forget(&self, digest: Digest) {
        self.prepared.lock().unwrap().remove(&digest);
    }

    async fn rank(&self, digest: Digest, _: &Value, _: PlacementRequest, candidates: Vec<Candidate>) -> Result<Ranking, RankError> {
        if !self.prepared.lock().unwrap().contains(&digest) {
            return Err(RankError::NotLoaded);
        }
        Ok(Ranking {
            order: (0..candidates.len()).collect(),
            rejected: Vec::new(),
        })
    }
}
