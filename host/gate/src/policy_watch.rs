//! The policy in force here: the latest snapshot with its plugins loaded, swapped whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use gatewright_core::error_chain::chain_of;
use gatewright_core::plugin::{Digest, PluginKind, PluginName};
use gatewright_plugin_host::{Approved, Plugin, PluginHost};
use gatewright_ports::control::{ActivePlugin, PolicySnapshot};
use gatewright_ports::{Control, ControlError};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Whoever has not heard of the control plane for this long admits nobody (DESIGN: between roles).
const STALE: Duration = Duration::from_secs(60);
/// Between attempts to reach the control plane.
const RETRY: Duration = Duration::from_secs(1);

/// A snapshot with what it takes to act on it.
pub struct PolicyState {
    /// Rules and providers.
    pub snapshot: Arc<PolicySnapshot>,
    plugins: BTreeMap<PluginName, LoadedPlugin>,
    seen: Option<Instant>,
}

/// An active plugin as it is here.
#[derive(Clone)]
pub enum LoadedPlugin {
    /// It can be asked.
    Ready(Arc<Plugin>),
    /// It could not be loaded: every gate that it stands on is closed.
    Failed {
        /// The version that was to be loaded.
        active: ActivePlugin,
        /// Why, for administrators.
        why: String,
    },
}

impl PolicyState {
    /// The active version of a plugin; none where none is active.
    #[must_use]
    pub fn plugin(&self, name: &PluginName) -> Option<&LoadedPlugin> {
        self.plugins.get(name)
    }

    /// Whether the control plane was heard of lately.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.seen.is_some_and(|seen| seen.elapsed() < STALE)
    }
}

/// Follows the control plane. In-flight calls finish on the state that they began with.
pub struct PolicyWatch {
    control: Arc<dyn Control>,
    plugins: Arc<PluginHost>,
    state: ArcSwap<PolicyState>,
    /// Counts the snapshots put in force.
    applied: watch::Sender<u64>,
}

impl PolicyWatch {
    /// Nothing is known, and nobody admitted, until [`Self::run`] got the first snapshot.
    #[must_use]
    pub fn new(control: Arc<dyn Control>, plugins: Arc<PluginHost>) -> Arc<Self> {
        let nothing = PolicyState {
            snapshot: Arc::default(),
            plugins: BTreeMap::new(),
            seen: None,
        };
        Arc::new(Self {
            control,
            plugins,
            state: ArcSwap::from_pointee(nothing),
            applied: watch::Sender::new(0),
        })
    }

    /// The state to use for one decision.
    #[must_use]
    pub fn current(&self) -> Arc<PolicyState> {
        self.state.load_full()
    }

    /// Counts up whenever a snapshot was put in force, which is after every change of any kind.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// Follows changes until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut seq = 0;
        while let Some(outcome) = stop.run_until_cancelled(self.follow(seq)).await {
            match outcome {
                Ok(reached) => seq = reached,
                Err(error) => {
                    tracing::warn!(%error, "The control plane did not answer");
                    stop.run_until_cancelled(tokio::time::sleep(RETRY)).await;
                }
            }
        }
    }

    /// Reads the policy as it is, then waits for the next change.
    async fn follow(&self, since: u64) -> Result<u64, ControlError> {
        let snapshot = self.control.policy().await?;
        self.apply(snapshot).await;
        self.control.watch(since).await
    }

    async fn apply(&self, snapshot: Arc<PolicySnapshot>) {
        let old = self.current();
        let mut plugins = BTreeMap::new();
        for (name, active) in &snapshot.plugins {
            if !matches!(active.kind, PluginKind::Dlp | PluginKind::Credential) {
                continue;
            }
            let loaded = match old.plugin(name) {
                Some(LoadedPlugin::Ready(plugin)) if plugin.digest() == active.digest => LoadedPlugin::Ready(Arc::clone(plugin)),
                _ => self.load(name, active).await,
            };
            plugins.insert(name.clone(), loaded);
        }
        self.state.store(Arc::new(PolicyState {
            snapshot,
            plugins,
            seen: Some(Instant::now()),
        }));
        self.applied.send_modify(|count| *count += 1);
    }

    async fn load(&self, name: &PluginName, active: &ActivePlugin) -> LoadedPlugin {
        match self.fetch_and_load(active.digest).await {
            Ok(plugin) => {
                tracing::info!(plugin = %name, version = %active.version, "Plugin is in force");
                LoadedPlugin::Ready(plugin)
            }
            Err(why) => {
                tracing::error!(plugin = %name, version = %active.version, error = %why, "Plugin could not be loaded: its gates are closed");
                LoadedPlugin::Failed {
                    active: active.clone(),
                    why,
                }
            }
        }
    }

    async fn fetch_and_load(&self, digest: Digest) -> Result<Arc<Plugin>, String> {
        let bytes = self.control.component(digest).await.map_err(|error| error.to_string())?;
        self.plugins
            .load(&bytes, &Approved::default())
            .await
            .map_err(|error| chain_of(&error))
    }
}
