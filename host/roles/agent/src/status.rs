//! What the node is and can give, asked of the engine now and then.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::guard::Limit;
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
    /// Why sessions can't run on the engine.
    unfit: Option<String>,
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
        let degraded = seen.trouble.as_ref().map(ToString::to_string).or_else(|| self.refusal(&seen));
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
        let Some(capabilities) = capabilities else {
            return String::new();
        };
        let guarded = if self.calls.is_guarded() { "" } else { UNGUARDED };
        let (accepted, _) = not_enforced(capabilities.enforced, &self.config.accept_unenforced);
        let limits = match names(&accepted) {
            none if none.is_empty() => none,
            names => format!(" (no limits of {names})"),
        };
        format!("{}{guarded}{limits}", capabilities.engine)
    }

    /// Why no session is made on an engine that answers.
    fn refusal(&self, seen: &Seen) -> Option<String> {
        let limits = || {
            let (_, missing) = not_enforced(seen.capabilities.as_ref()?.enforced, &self.config.accept_unenforced);
            (!missing.is_empty()).then(|| format!("the engine does not enforce limits of {}", missing.join(", ")))
        };
        seen.unfit.clone().or_else(limits).or_else(|| disk::short(&self.config))
    }

    /// Whether the node can keep the promise of `resources`, but for the limits that it gives: those that the engine can't enforce
    /// and the operator accepts.
    pub(crate) async fn can_give(&self, resources: &Resources) -> Result<BTreeSet<Limit>, AgentError> {
        let refuse = |why: String| Err(AgentError::NoCapacity { why });
        if resources.cpu_millicores == 0 || resources.memory_bytes == 0 || resources.pids == 0 || resources.shm_bytes == 0 {
            return refuse("a session needs all four limits".into());
        }
        let seen = self.look().await;
        let Some(capabilities) = &seen.capabilities else {
            return Err(seen.trouble.unwrap_or(AgentError::Unavailable));
        };
        match self.refusal(&seen) {
            Some(why) => refuse(why),
            None if u64::from(resources.cpu_millicores) > capabilities.cpu_millicores => {
                refuse("a session needs more cores than the machine has".into())
            }
            None => Ok(not_enforced(capabilities.enforced, &self.config.accept_unenforced).0),
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
            let unfit = self.calls.unfit().await?;
            Ok((self.calls.capabilities().await?, unfit, self.calls.images().await?))
        };
        let seen = match answered.await {
            Ok((capabilities, unfit, images)) => Seen {
                at: Instant::now(),
                plugin,
                capabilities: Some(capabilities),
                unfit,
                images,
                trouble: None,
            },
            // What the machine has does not change while its engine is away.
            Err(trouble) => Seen {
                at: Instant::now(),
                plugin,
                capabilities: before.as_ref().and_then(|seen| seen.capabilities.clone()),
                unfit: before.as_ref().and_then(|seen| seen.unfit.clone()),
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

/// The limits that the engine ignores: those that the operator accepts, and the names of the others. The platform promises
/// all four, so with one of the others no session runs there.
fn not_enforced(enforced: EnforcedLimits, accepted: &BTreeSet<Limit>) -> (BTreeSet<Limit>, Vec<&'static str>) {
    let ignored = [
        (enforced.cpu, Limit::Cpu),
        (enforced.memory, Limit::Memory),
        (enforced.pids, Limit::Pids),
    ]
    .into_iter()
    .filter_map(|(enforced, limit)| (!enforced).then_some(limit));
    let (ignored, refused): (BTreeSet<Limit>, BTreeSet<Limit>) = ignored.partition(|limit| accepted.contains(limit));
    // A file system's size: no kernel is without it, so nobody may do without it.
    let shm = (!enforced.shm).then_some("shared memory");
    (ignored, refused.into_iter().map(Limit::name).chain(shm).collect())
}

/// `memory, processes`
pub(crate) fn names(limits: &BTreeSet<Limit>) -> String {
    let names: Vec<&str> = limits.iter().map(|limit| limit.name()).collect();
    names.join(", ")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_operator_accepts_may_be_missing() {
        let nothing = EnforcedLimits {
            cpu: false,
            memory: false,
            pids: false,
            shm: false,
        };
        let all = EnforcedLimits {
            cpu: true,
            memory: true,
            pids: true,
            shm: true,
        };
        let accepted = BTreeSet::from([Limit::Memory, Limit::Pids]);
        assert_eq!(
            not_enforced(nothing, &BTreeSet::new()),
            (BTreeSet::new(), vec!["processor time", "memory", "processes", "shared memory"])
        );
        assert_eq!(
            not_enforced(nothing, &accepted),
            (accepted.clone(), vec!["processor time", "shared memory"])
        );
        // What can be enforced is.
        let pids = EnforcedLimits { pids: false, ..all };
        assert_eq!(not_enforced(pids, &accepted), (BTreeSet::from([Limit::Pids]), vec![]));
        assert_eq!(not_enforced(all, &accepted), (BTreeSet::new(), vec![]));
        assert_eq!(names(&accepted), "memory, processes");
    }
}
