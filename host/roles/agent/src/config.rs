//! What an agent is told when it starts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gatewright_core::plugin::PluginName;
use gatewright_core::{DeviceName, NodeId};

use crate::guard::Limit;
use crate::guard::other::AllowedRequest;
use crate::network::NetworkConfig;

/// What an agent is told when it starts. Every field needs a restart.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// The node, fixed when it joined.
    pub node: NodeId,
    /// Its shown name.
    pub name: String,
    /// Whose containers are ours on an engine that others use too: 1 to 64 of letters, digits, `-`, `_` and `.`.
    pub deployment: String,
    /// The folder that `sessions/` lies in. The engine must see it under the same path.
    pub data_dir: PathBuf,
    /// The engine's unix socket.
    pub engine: PathBuf,
    /// What the engine speaks: the guard reads the runtime plugin's requests in this language.
    pub language: EngineLanguage,
    /// Where the engine keeps images and containers, where that is known: its disk is looked at too.
    pub engine_data_dir: Option<PathBuf>,
    /// The runtime plugin that drives the engine.
    pub runtime: PluginName,
    /// That plugin's configuration, a JSON object.
    pub runtime_config: Arc<str>,
    /// What of the machine is never given to sessions.
    pub reserve: Reserve,
    /// Sessions at once.
    pub max_sessions: u32,
    /// How many times each core may be promised, at least 1: desktops idle most of the time.
    pub cpu_overcommit: f64,
    /// The limits that sessions may run without, where the engine can't enforce them.
    pub accept_unenforced: BTreeSet<Limit>,
    /// How sessions reach the Internet. None: they get no network here.
    pub network: Option<NetworkConfig>,
    /// The devices that sessions can have here. Nothing is asked of the engine: that it has them is the operator's word.
    pub devices: Vec<DeviceName>,
    /// For placement.
    pub labels: BTreeMap<String, String>,
    /// Time between two signs of life.
    pub heartbeat: Duration,
}

/// What an engine speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineLanguage {
    /// The Docker Engine API.
    Docker,
    /// Podman's own API.
    Libpod,
    /// Another one, of which these requests may pass. The guard can't tell what they do: an *unguarded engine*, and
    /// which containers are ours is taken on the runtime plugin's word.
    Other(Arc<[AllowedRequest]>),
}

/// What of the machine is never given to sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reserve {
    /// Thousandths of a core.
    pub cpu_millicores: u64,
    /// Bytes.
    pub memory_bytes: u64,
    /// Bytes that stay free on the disks of the data folder and of the engine: with less, no session is created.
    pub disk_bytes: u64,
}

impl AgentConfig {
    /// Whether the deployment's name can be a label and part of a filter.
    pub(crate) fn has_valid_deployment(&self) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !self.deployment.is_empty() && self.deployment.len() <= 64 && self.deployment.bytes().all(plain)
    }
}
