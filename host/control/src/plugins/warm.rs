//! At a start: what is stored and what this process has compiled are brought together again.

use bytes::Bytes;
use gatewright_core::plugin::PluginName;
use gatewright_database::{VersionRecord, VersionState};

use crate::error::Internal;
use crate::plane::ControlPlane;

/// What the names of all [`compile_lease`]s begin with.
const COMPILE_LEASES: &str = "compile/";

/// The lease of who compiles a version.
pub(crate) fn compile_lease(plugin: &PluginName, version: &str) -> String {
    format!("{COMPILE_LEASES}{plugin}/{version}")
}

impl ControlPlane {
    /// Compiles what placement needs, so that the first launch does not wait for it; takes up again versions whose approval has
    /// come with a new configuration; and marks uploads that a crash cut off, so that nobody waits for them.
    pub(crate) async fn warm_plugins(&self) {
        if let Err(error) = self.try_warm_plugins().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "Plugins can't be prepared now");
        }
    }

    async fn try_warm_plugins(&self) -> Result<(), Internal> {
        // Another web-app may be compiling it right now.
        let compiling = self.0.store.held_leases(COMPILE_LEASES).await?;
        for plugin in self.0.store.plugins().await? {
            for version in self.0.store.plugin_versions(&plugin.name).await? {
                match version.state {
                    VersionState::Compiling | VersionState::Uploaded
                        if compiling.contains(&compile_lease(&version.plugin, &version.version)) => {}
                    VersionState::Compiling | VersionState::Uploaded => {
                        let detail = "The host stopped while it was compiled. Upload it again.";
                        self.settle(&version, VersionState::Failed, Some(detail)).await?;
                    }
                    VersionState::NeedsApproval => self.ask_again(&version).await?,
                    VersionState::Ready | VersionState::Failed => {}
                }
            }
        }
        self.load_placement().await
    }

    async fn ask_again(&self, version: &VersionRecord) -> Result<(), Internal> {
        let Some(bytes) = self.0.store.plugin_file(&version.digest).await? else {
            return Ok(());
        };
        let bytes = Bytes::from(bytes);
        if let Ok(inspected) = self.0.engine.inspect(&bytes).await
            && inspected.unapproved.is_empty()
        {
            let (state, detail, _) = self.judge(&inspected, version.digest, &bytes).await;
            self.settle(version, state, detail.as_deref()).await?;
        }
        Ok(())
    }

    async fn settle(&self, version: &VersionRecord, state: VersionState, detail: Option<&str>) -> Result<(), Internal> {
        let mut write = self.0.store.begin().await?;
        write.set_version_state(&version.plugin, &version.version, state, detail).await?;
        write.commit().await?;
        Ok(())
    }
}
