//! Taking in a version: checked, stored, compiled and called once. Nothing uses it until it is activated.

use bytes::Bytes;
use gatewright_core::plugin::{Digest, PluginKind, PluginName};
use gatewright_database::{VersionRecord, VersionState};
use sha2::{Digest as _, Sha256};

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::plugins::engine::{BadPlugin, InspectedPlugin};
use crate::plugins::warm::compile_lease;
use crate::views::PluginView;

/// What an upload left.
#[derive(Debug, Clone)]
pub struct Uploaded {
    /// The plugin, with the new version among its versions.
    pub plugin: PluginView,
    /// The version.
    pub version: String,
    /// What an administrator should know.
    pub warnings: Vec<String>,
}

/// Why an upload was refused.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The file is no plugin that works.
    #[error("plugin is bad")]
    Bad(#[from] BadPlugin),
    /// The version exists with other bytes.
    #[error("{plugin} {version} exists with other bytes")]
    VersionTaken {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        version: String,
    },
    /// The plugin exists as another kind.
    #[error("{plugin} exists as a {kind:?} plugin")]
    KindTaken {
        /// The plugin.
        plugin: PluginName,
        /// What it is.
        kind: PluginKind,
    },
    /// Something of ours.
    #[error("plugin can't be stored")]
    Internal(#[from] Internal),
}

/// Longer than any compilation may take.
const COMPILE_WITHIN: std::time::Duration = std::time::Duration::from_secs(300);

impl From<gatewright_database::StoreError> for UploadError {
    fn from(error: gatewright_database::StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl ControlPlane {
    /// Takes in a version. The same bytes again are tested again and change nothing else; other bytes under a version that exists
    /// are refused. A version that fails to compile or its self-test stays as *failed*, to be looked at and deleted.
    ///
    /// # Errors
    /// [`UploadError`].
    pub async fn upload_plugin(&self, bytes: Bytes, by: &Actor) -> Result<Uploaded, UploadError> {
        let _one_at_a_time = self.0.uploading.lock().await;
        let inspected = match self.0.engine.inspect(&bytes).await {
            Ok(inspected) => inspected,
            Err(bad) => {
                let event = self.audit(by, "plugin.refused", "upload", format!("{}: {bad}", bad.stage.as_str()), false);
                self.append(&event).await?;
                return Err(bad.into());
            }
        };
        let digest = Digest::from_bytes(Sha256::digest(&bytes).into());
        let object = format!("{} {}", inspected.name, inspected.version);
        let lease = compile_lease(&inspected.name, &inspected.version);
        let lease = self.0.store.take_lease(&lease, self.0.holder, COMPILE_WITHIN).await?;
        self.store_version(&inspected, digest, &bytes, by, &object).await?;

        let (state, detail, prepared) = self.judge(&inspected, digest, &bytes).await;
        if let Some(lease) = lease {
            self.0.store.give_back_lease(&lease).await?;
        }
        let mut write = self.0.store.begin().await?;
        write
            .set_version_state(&inspected.name, &inspected.version, state, detail.as_deref())
            .await?;
        let action = if prepared.is_ok() { "plugin.uploaded" } else { "plugin.failed" };
        let told = detail.unwrap_or_else(|| format!("sha256:{digest}"));
        write.append_event(&self.audit(by, action, &object, told, prepared.is_ok())).await?;
        write.commit().await?;
        prepared?;
        Ok(Uploaded {
            plugin: self
                .plugin(&inspected.name)
                .await?
                .ok_or(gatewright_database::StoreError::Invalid { what: "plugin" })?,
            version: inspected.version,
            warnings: inspected.warnings,
        })
    }

    /// Where a version stands, after it was compiled and called once. What wants more than is approved is not even compiled.
    pub(crate) async fn judge(
        &self,
        inspected: &InspectedPlugin,
        digest: Digest,
        bytes: &Bytes,
    ) -> (VersionState, Option<String>, Result<(), BadPlugin>) {
        if !inspected.unapproved.is_empty() {
            let detail = format!("The configuration does not grant: {}", inspected.unapproved.join(", "));
            return (VersionState::NeedsApproval, Some(detail), Ok(()));
        }
        match self.0.engine.prepare(digest, bytes).await {
            Ok(()) => (VersionState::Ready, None, Ok(())),
            Err(bad) => (VersionState::Failed, Some(format!("{}: {bad}", bad.stage.as_str())), Err(bad)),
        }
    }

    /// Stores a version as *compiling*, or finds the same bytes there.
    async fn store_version(
        &self,
        inspected: &InspectedPlugin,
        digest: Digest,
        bytes: &Bytes,
        by: &Actor,
        object: &str,
    ) -> Result<(), UploadError> {
        if let Some(plugin) = self.0.store.plugin(&inspected.name).await?
            && plugin.kind != inspected.kind
        {
            return Err(UploadError::KindTaken {
                plugin: plugin.name,
                kind: plugin.kind,
            });
        }
        match self.0.store.plugin_version(&inspected.name, &inspected.version).await? {
            Some(known) if known.digest == digest => Ok(()),
            Some(_) => {
                let event = self.audit(by, "plugin.refused", object, "the version exists with other bytes", false);
                self.append(&event).await?;
                Err(UploadError::VersionTaken {
                    plugin: inspected.name.clone(),
                    version: inspected.version.clone(),
                })
            }
            None => {
                let mut write = self.0.store.begin().await?;
                write
                    .insert_version(
                        inspected.kind,
                        &VersionRecord {
                            plugin: inspected.name.clone(),
                            version: inspected.version.clone(),
                            digest,
                            state: VersionState::Compiling,
                            state_detail: None,
                            size_bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                            wit: inspected.wit.clone(),
                            description: inspected.description.clone(),
                            wants: inspected.wants.clone(),
                            uploaded_at: self.now(),
                            uploaded_by: by.name.clone(),
                            activated_at: None,
                        },
                        bytes,
                    )
                    .await?;
                write.commit().await?;
                Ok(())
            }
        }
    }
}
