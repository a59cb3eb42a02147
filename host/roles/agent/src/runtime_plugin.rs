//! Keeps the active version of the node's runtime plugin in its slot.

use std::sync::Arc;
use std::time::Duration;

use gatewright_core::plugin::{PluginKind, PluginName};
use gatewright_plugin_host::{Approved, PluginHost, PluginSlots};
use gatewright_ports::Control;
use tokio_util::sync::CancellationToken;

/// Between attempts to reach the control plane, or to load a version.
const RETRY: Duration = Duration::from_secs(1);

/// Follows the control plane until `stop`: a version that was activated is loaded and takes the slot, calls that run
/// finish on the one before. A version that can't be loaded leaves the one before in place and is tried again: a node
/// without its runtime could not even end the sessions that it has.
pub async fn follow_runtime_plugin(
    runtime: PluginName,
    control: Arc<dyn Control>,
    plugins: Arc<PluginHost>,
    approved: Approved,
    slots: Arc<PluginSlots>,
    stop: CancellationToken,
) {
    let mut seq = 0;
    loop {
        let step = async {
            apply(&runtime, control.as_ref(), &plugins, &approved, &slots).await?;
            control.watch(seq).await.map_err(|error| error.to_string())
        };
        match stop.run_until_cancelled(step).await {
            None => return,
            Some(Ok(reached)) => seq = reached,
            Some(Err(why)) => {
                tracing::warn!(plugin = %runtime, error = %why, "The runtime plugin could not be brought up to date");
                stop.run_until_cancelled(tokio::time::sleep(RETRY)).await;
            }
        }
    }
}

async fn apply(
    runtime: &PluginName,
    control: &dyn Control,
    plugins: &PluginHost,
    approved: &Approved,
    slots: &PluginSlots,
) -> Result<(), String> {
    let policy = control.policy().await.map_err(|error| error.to_string())?;
    let Some(active) = policy.plugins.get(runtime).filter(|active| active.kind == PluginKind::Runtime) else {
        return Ok(());
    };
    if slots.get(runtime).is_some_and(|plugin| plugin.digest() == active.digest) {
        return Ok(());
    }
    let bytes = control.component(active.digest).await.map_err(|error| error.to_string())?;
    let plugin = plugins.load(&bytes, approved).await.map_err(|error| error.to_string())?;
    slots.activate(plugin);
    tracing::info!(plugin = %runtime, version = %active.version, "Runtime plugin is in force");
    Ok(())
}
