//! Activating, rolling back and deleting versions.

use bytes::Bytes;
use gatewright_core::plugin::{Digest, PluginName};
use gatewright_database::{ChangeKind, StoreError, VersionState};

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::plugins::engine::BadPlugin;
use crate::views::PluginView;

/// Why a version was not activated.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// There is no such version.
    #[error("no such plugin version")]
    NotFound,
    /// It is not ready.
    #[error("plugin version is {state:?}, not ready")]
    NotReady {
        /// Where it stands.
        state: VersionState,
    },
    /// It did compile when it was uploaded and does not any more.
    #[error("plugin does not load any more")]
    Bad(#[from] BadPlugin),
    /// Something of ours.
    #[error("plugin can't be activated")]
    Internal(#[from] Internal),
}

/// Why nothing was rolled back.
#[derive(Debug, thiserror::Error)]
pub enum RollBackError {
    /// There is no such plugin.
    #[error("no such plugin")]
    NotFound,
    /// No version was active before the active one.
    #[error("nothing to roll back to")]
    Nothing,
    /// Something of ours.
    #[error("plugin can't be rolled back")]
    Internal(#[from] Internal),
}

/// Why a version was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// There is no such version.
    #[error("no such plugin version")]
    NotFound,
    /// It is active.
    #[error("plugin version is active")]
    Active,
    /// Something of ours.
    #[error("plugin version can't be deleted")]
    Internal(#[from] Internal),
}

macro_rules! from_store {
    ($($error:ty),*) => {$(
        impl From<StoreError> for $error {
            fn from(error: StoreError) -> Self {
                Self::Internal(error.into())
            }
        }
    )*};
}
from_store!(ActivateError, RollBackError, DeleteError);

impl ControlPlane {
    /// Puts a version that is ready into use: the next call goes to it. Activating what is active changes nothing.
    ///
    /// # Errors
    /// [`ActivateError`].
    pub async fn activate_plugin(&self, name: &PluginName, version: &str, by: &Actor) -> Result<PluginView, ActivateError> {
        let record = self.0.store.plugin_version(name, version).await?.ok_or(ActivateError::NotFound)?;
        if record.state != VersionState::Ready {
            return Err(ActivateError::NotReady { state: record.state });
        }
        // After a restart it may not be compiled here: found out before anyone depends on it.
        if let Some(bytes) = self.0.store.plugin_file(&record.digest).await? {
            self.0.engine.prepare(record.digest, &Bytes::from(bytes)).await?;
        }
        let mut write = self.0.store.begin().await?;
        if write.activate_version(name, version, self.now(), &by.name).await? {
            let event = self.audit(
                by,
                "plugin.activated",
                format!("{name} {version}"),
                format!("sha256:{}", record.digest),
                true,
            );
            write.append_event(&event).await?;
        }
        write.commit().await?;
        self.plugin(name).await?.ok_or(ActivateError::NotFound)
    }

    /// Puts the version before the active one into use again.
    ///
    /// # Errors
    /// [`RollBackError`].
    pub async fn roll_back_plugin(&self, name: &PluginName, by: &Actor) -> Result<PluginView, RollBackError> {
        if self.0.store.plugin(name).await?.is_none() {
            return Err(RollBackError::NotFound);
        }
        let mut write = self.0.store.begin().await?;
        let (left, came) = write.roll_back_version(name, self.now()).await?.ok_or(RollBackError::Nothing)?;
        let event = self.audit(by, "plugin.rolled-back", format!("{name} {came}"), format!("from {left}"), true);
        write.append_event(&event).await?;
        write.commit().await?;
        self.plugin(name).await?.ok_or(RollBackError::NotFound)
    }

    /// Deletes a version that is not active.
    ///
    /// # Errors
    /// [`DeleteError`].
    pub async fn delete_plugin_version(&self, name: &PluginName, version: &str, by: &Actor) -> Result<(), DeleteError> {
        let record = self.0.store.plugin_version(name, version).await?.ok_or(DeleteError::NotFound)?;
        let mut write = self.0.store.begin().await?;
        if !write.delete_version(name, version).await? {
            return Err(DeleteError::Active);
        }
        write
            .append_event(&self.audit(by, "plugin.deleted", format!("{name} {version}"), "", true))
            .await?;
        write.commit().await?;
        if self.0.store.plugin_file(&record.digest).await?.is_none() {
            self.0.engine.forget(record.digest);
        }
        Ok(())
    }

    /// Loads a stored file into the plugin host.
    pub(crate) async fn load_plugin(&self, digest: Digest) -> Result<(), Internal> {
        let Some(bytes) = self.0.store.plugin_file(&digest).await? else {
            return Ok(());
        };
        if let Err(bad) = self.0.engine.prepare(digest, &Bytes::from(bytes)).await {
            tracing::error!(%digest, stage = bad.stage.as_str(), error = %bad, "Stored plugin does not load");
        }
        Ok(())
    }

    /// What the gates decide by, cached until something that it is made of changes.
    pub(crate) async fn policy_snapshot(&self) -> Result<std::sync::Arc<gatewright_ports::control::PolicySnapshot>, Internal> {
        loop {
            let revision = self.0.store.newest_change(&ChangeKind::POLICY).await?;
            if let Some(cached) = self.0.policy.load_full().filter(|cached| cached.revision == revision) {
                return Ok(cached);
            }
            let fresh = self.read_policy(revision).await?;
            // Something changed between the reads: the parts may not fit each other.
            if self.0.store.newest_change(&ChangeKind::POLICY).await? == revision {
                let fresh = std::sync::Arc::new(fresh);
                self.0.policy.store(Some(std::sync::Arc::clone(&fresh)));
                return Ok(fresh);
            }
        }
    }
}
