//! What the node is and can give, asked of the engine now and then.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gatewright_core::capacity::{Allocatable, Resources};
use gatewright_core::plugin::Digest;
use gatewright_core::record;
use gatewright_plugin_host::{Capabilities, EnforcedLimits, PluginSlots};
use gatewright_ports::AgentError;
use gatewright_ports::agent_control::NodeStatus;

use crate::calls::Calls;
use crate::config::AgentConfig;
use crate::disk;
use crate::network::Network;

/// How old an answer about the engine may be. A failure is looked at anew each time.
const FRESH: Duration = Duration::from_secs(3);

/// Follows the name of an engine that the guard does not understand.
const UNGUARDED: &str = " (unguarded engine)";

/// What was seen of the engine.
#[derive(Debug, Clone)]
struct Seen {
    at: Instant,
    /// The plugin that saw it: another one may see it differently.
    plugin: Option<Digest>,
    capabilities: Option<Capabilities>,
    images: Vec<String>,
    trouble: Option<AgentError>,
}

/// Asks the engine, and remembers.
pub(crate) struct Watcher {
    config: Arc<AgentConfig>,
    plugins: Arc<PluginSlots>,
    calls: Arc<Calls>,
    network: Arc<Result<Network, String>>,
    seen: Mutex<Option<Seen>>,
    /// Who looks; the others wait for what it sees instead of asking the engine as well.
    looking: tokio::sync::Mutex<()>,
}

impl Watcher {
    pub(crate) fn new(
        config: Arc<AgentConfig>,
        plugins: Arc<PluginSlots>,
        calls: Arc<Calls>,
        network: Arc<Result<Network, String>>,
    ) -> Self {
        Self {
            config,
            plugins,
            calls,
            network,
            seen: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }
    }

    /// The node's state, at most some seconds old.
    pub(crate) async fn status(&self) -> NodeStatus {
        let seen = self.look().await;
        let degraded = seen
            .trouble
            .as_ref()
            .map(ToString::to_string)
            .or_else(|| not_enforced(seen.capabilities.as_ref()?.enforced))
            .or_else(|| disk::short(&self.config));
        NodeStatus {
            node: self.config.node,
            name: self.config.name.clone(),
            engine: self.engine_name(seen.capabilities.as_ref()),
            runtime: self.config.runtime.clone(),
            allocatable: allocatable(&self.config, seen.capabilities.as_ref()),
            degraded,
            images: seen.images,
            labels: self.labels(),
            devices: self.config.devices.clone(),
        }
    }

    /// The operator's labels, and whether sessions can have a network and kept homes here, which only the agent knows.
    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.config.labels.clone();
        labels.remove(record::Network::LABEL);
        labels.remove(record::Homes::LABEL);
        // The guard mounts them: a plugin that is believed would have to.
        if self.calls.is_guarded() {
            labels.insert(record::Homes::LABEL.to_owned(), record::Homes::KEPT.to_owned());
        }
        if self.network.is_ok() {
            labels.insert(record::Network::LABEL.to_owned(), record::Network::INTERNET.to_owned());
        }
        labels
    }

    /// The engine as it is shown to administrators. What the guard does not understand says so, whatever the plugin says.
    fn engine_name(&self, capabilities: Option<&Capabilities>) -> String {
        match capabilities.map(|c| c.engine.as_str()) {
            Some(engine) if !self.calls.is_guarded() => format!("{engine}{UNGUARDED}"),
            other => other.unwrap_or_default().to_owned(),
        }
    }

    /// Whether the node can keep the promise of `resources`.
    pub(crate) async fn can_give(&self, resources: &Resources) -> Result<(), AgentError> {
        let refuse = |why: String| Err(AgentError::NoCapacity { why });
        if resources.cpu_millicores == 0 || resources.memory_bytes == 0 || resources.pids == 0 || resources.shm_bytes == 0 {
            return refuse("a session needs all four limits".into());
        }
        let seen = self.look().await;
        let Some(capabilities) = seen.capabilities else {
            return Err(seen.trouble.unwrap_or(AgentError::Unavailable));
        };
        match not_enforced(capabilities.enforced).or_else(|| disk::short(&self.config)) {
            Some(why) => refuse(why),
            None if u64::from(resources.cpu_millicores) > capabilities.cpu_millicores => {
                refuse("a session needs more cores than the machine has".into())
            }
            None => Ok(()),
        }
    }

    /// Forgets what was seen: something was changed, and the next look has to show it.
    pub(crate) fn look_again(&self) {
        *self.lock() = None;
    }

    async fn look(&self) -> Seen {
        if let Some(seen) = self.fresh() {
            return seen;
        }
        let _looking = self.looking.lock().await;
        if let Some(seen) = self.fresh() {
            return seen;
        }
        let before = self.lock().clone();
        let plugin = self.plugin();
        let answered = async {
            self.calls.health().await?;
            Ok((self.calls.capabilities().await?, self.calls.images().await?))
        };
        let seen = match answered.await {
            Ok((capabilities, images)) => Seen {
                at: Instant::now(),
                plugin,
                capabilities: Some(capabilities),
                images,
                trouble: None,
            },
            // What the machine has does not change while its engine is away.
            Err(trouble) => Seen {
                at: Instant::now(),
                plugin,
                capabilities: before.as_ref().and_then(|seen| seen.capabilities.clone()),
                images: before.map(|seen| seen.images).unwrap_or_default(),
                trouble: Some(trouble),
            },
        };
        *self.lock() = Some(seen.clone());
        seen
    }

    fn fresh(&self) -> Option<Seen> {
        let plugin = self.plugin();
        self.lock()
            .clone()
            .filter(|seen| seen.at.elapsed() < FRESH && seen.plugin == plugin && seen.trouble.is_none())
    }

    fn plugin(&self) -> Option<Digest> {
        self.plugins.get(&self.config.runtime).map(|plugin| plugin.digest())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The limits that the engine ignores: the platform promises all four, so it must not run sessions there.
fn not_enforced(enforced: EnforcedLimits) -> Option<String> {
    let missing: Vec<&str> = [
        (enforced.cpu, "processor time"),
        (enforced.memory, "memory"),
        (enforced.pids, "processes"),
        (enforced.shm, "shared memory"),
    ]
    .into_iter()
    .filter_map(|(enforced, name)| (!enforced).then_some(name))
    .collect();
    (!missing.is_empty()).then(|| format!("the engine does not enforce limits of {}", missing.join(", ")))
}

fn allocatable(config: &AgentConfig, capabilities: Option<&Capabilities>) -> Allocatable {
    let (cores, memory) = capabilities.map_or((0, 0), |c| (c.cpu_millicores, c.memory_bytes));
    let cores = cores.saturating_sub(config.reserve.cpu_millicores);
    // A factor of whole hundredths: exact enough, and no float decides about capacity.
    let percent = (config.cpu_overcommit.clamp(1.0, 1000.0) * 100.0).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 100 and 100,000")]
    let percent = percent as u64;
    Allocatable {
        cpu_millicores: cores.saturating_mul(percent) / 100,
        memory_bytes: memory.saturating_sub(config.reserve.memory_bytes),
        sessions: config.max_sessions,
    }
}
