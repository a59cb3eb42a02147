//! Plugins, their versions, files and activations.

use gatewright_core::Timestamp;
use gatewright_core::plugin::{Digest, PluginKind, PluginName};
use sqlx::FromRow;

use crate::convert::{bytes32, from_json, json, to_i64, to_u64};
use crate::{ChangeKind, Store, StoreError, Write};

/// A plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginRecord {
    /// Its stable id.
    pub name: PluginName,
    /// What it decides.
    pub kind: PluginKind,
    /// The active version.
    pub active: Option<String>,
}

/// Where a version stands. `active` is not among them: that is the plugin's own field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionState {
    /// Stored, its manifest and imports checked.
    Uploaded,
    /// Being compiled and tested.
    Compiling,
    /// Wants more than the configuration approves.
    NeedsApproval,
    /// Compiled and tested.
    Ready,
    /// Compilation or self-test failed.
    Failed,
}

impl VersionState {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uploaded => "uploaded",
            Self::Compiling => "compiling",
            Self::NeedsApproval => "needs-approval",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        [Self::Uploaded, Self::Compiling, Self::NeedsApproval, Self::Ready, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(StoreError::Invalid {
                what: "plugin version state",
            })
    }
}

/// A version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRecord {
    /// The plugin.
    pub plugin: PluginName,
    /// As its manifest gives it.
    pub version: String,
    /// SHA-256 of its file.
    pub digest: Digest,
    /// Where it stands.
    pub state: VersionState,
    /// Why, where it failed or waits.
    pub state_detail: Option<String>,
    /// The file's size.
    pub size_bytes: u64,
    /// What it was built for: `dlp@0.1`.
    pub wit: String,
    /// One sentence from its manifest.
    pub description: String,
    /// The grants that it asks for, in words.
    pub wants: Vec<String>,
    /// When it was uploaded.
    pub uploaded_at: Timestamp,
    /// The name of who uploaded it.
    pub uploaded_by: String,
    /// When it was last activated.
    pub activated_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct PluginRow {
    name: String,
    kind: String,
    active_version: Option<String>,
}

impl TryFrom<PluginRow> for PluginRecord {
    type Error = StoreError;

    fn try_from(row: PluginRow) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name.parse().map_err(|_| StoreError::Invalid { what: "plugin name" })?,
            kind: PluginKind::parse(&row.kind).ok_or(StoreError::Invalid { what: "plugin kind" })?,
            active: row.active_version,
        })
    }
}

#[derive(FromRow)]
struct VersionRow {
    plugin: String,
    version: String,
    digest: Vec<u8>,
    state: String,
    state_detail: Option<String>,
    size_bytes: i64,
    wit: String,
    description: String,
    wants: String,
    uploaded_at: i64,
    uploaded_by: String,
    activated_at: Option<i64>,
}

impl TryFrom<VersionRow> for VersionRecord {
    type Error = StoreError;

    fn try_from(row: VersionRow) -> Result<Self, StoreError> {
        Ok(Self {
            plugin: row.plugin.parse().map_err(|_| StoreError::Invalid { what: "plugin name" })?,
            version: row.version,
            digest: Digest::from_bytes(bytes32(&row.digest, "digest")?),
            state: VersionState::parse(&row.state)?,
            state_detail: row.state_detail,
            size_bytes: to_u64(row.size_bytes, "plugin size")?,
            wit: row.wit,
            description: row.description,
            wants: from_json(&row.wants, "list of grants")?,
            uploaded_at: Timestamp::from_micros(row.uploaded_at),
            uploaded_by: row.uploaded_by,
            activated_at: row.activated_at.map(Timestamp::from_micros),
        })
    }
}

macro_rules! select_version {
    ($rest:literal) => {
        concat!(
            "SELECT plugin, version, digest, state, state_detail, size_bytes, wit, description, wants, uploaded_at, uploaded_by, ",
            "activated_at FROM plugin_versions ",
            $rest
        )
    };
}

impl Store {
    /// All plugins by name.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn plugins(&self) -> Result<Vec<PluginRecord>, StoreError> {
        let rows: Vec<PluginRow> = sqlx::query_as("SELECT name, kind, active_version FROM plugins ORDER BY name")
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// A plugin by name.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn plugin(&self, name: &PluginName) -> Result<Option<PluginRecord>, StoreError> {
        let row: Option<PluginRow> = sqlx::query_as("SELECT name, kind, active_version FROM plugins WHERE name = $1")
            .bind(name.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// The versions of a plugin, newest upload first.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn plugin_versions(&self, name: &PluginName) -> Result<Vec<VersionRecord>, StoreError> {
        let rows: Vec<VersionRow> = sqlx::query_as(select_version!("WHERE plugin = $1 ORDER BY uploaded_at DESC, version DESC"))
            .bind(name.as_str())
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// One version.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn plugin_version(&self, name: &PluginName, version: &str) -> Result<Option<VersionRecord>, StoreError> {
        let row: Option<VersionRow> = sqlx::query_as(select_version!("WHERE plugin = $1 AND version = $2"))
            .bind(name.as_str())
            .bind(version)
            .fetch_optional(&self.readers)
            .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// The active version of every plugin that has one.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn active_versions(&self) -> Result<Vec<(PluginRecord, Digest)>, StoreError> {
        #[derive(FromRow)]
        struct Row {
            #[sqlx(flatten)]
            plugin: PluginRow,
            digest: Vec<u8>,
        }
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT p.name, p.kind, p.active_version, v.digest FROM plugins p \
             JOIN plugin_versions v ON v.plugin = p.name AND v.version = p.active_version ORDER BY p.name",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter()
            .map(|row| Ok((row.plugin.try_into()?, Digest::from_bytes(bytes32(&row.digest, "digest")?))))
            .collect()
    }

    /// The bytes of a stored file.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn plugin_file(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<(Vec<u8>,)> = sqlx::query_as("SELECT bytes FROM plugin_files WHERE digest = $1")
            .bind(digest.as_bytes().as_slice())
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|(bytes,)| bytes))
    }

    /// The version that roll back goes to: what was active before the active one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn previous_version(&self, name: &PluginName) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT version FROM plugin_activations WHERE plugin = $1 AND undone = 0 ORDER BY seq DESC LIMIT 1 OFFSET 1")
                .bind(name.as_str())
                .fetch_optional(&self.readers)
                .await?;
        Ok(row.map(|(version,)| version))
    }
}

impl Write {
    /// Adds a version with its file, and the plugin where it is the first one.
    ///
    /// # Errors
    /// `Conflict(PluginVersion)` where this version exists, `Unavailable`.
    pub async fn insert_version(&mut self, kind: PluginKind, version: &VersionRecord, bytes: &[u8]) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO plugins (name, kind) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(version.plugin.as_str())
            .bind(kind.as_str())
            .execute(self.connection())
            .await?;
        sqlx::query("INSERT INTO plugin_files (digest, bytes) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING")
            .bind(version.digest.as_bytes().as_slice())
            .bind(bytes)
            .execute(self.connection())
            .await?;
        sqlx::query(
            "INSERT INTO plugin_versions (plugin, version, digest, state, state_detail, size_bytes, wit, description, wants, \
             uploaded_at, uploaded_by, activated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(version.plugin.as_str())
        .bind(&version.version)
        .bind(version.digest.as_bytes().as_slice())
        .bind(version.state.as_str())
        .bind(&version.state_detail)
        .bind(to_i64(version.size_bytes, "plugin size")?)
        .bind(&version.wit)
        .bind(&version.description)
        .bind(json(&version.wants)?)
        .bind(version.uploaded_at.as_micros())
        .bind(&version.uploaded_by)
        .bind(version.activated_at.map(Timestamp::as_micros))
        .execute(self.connection())
        .await?;
        self.changed(ChangeKind::Plugin, version.plugin.as_str()).await
    }

    /// Says where a version stands. False where there is no such version.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn set_version_state(
        &mut self,
        plugin: &PluginName,
        version: &str,
        state: VersionState,
        detail: Option<&str>,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE plugin_versions SET state = $3, state_detail = $4 WHERE plugin = $1 AND version = $2")
            .bind(plugin.as_str())
            .bind(version)
            .bind(state.as_str())
            .bind(detail)
            .execute(self.connection())
            .await?;
        if done.rows_affected() == 1 {
            self.changed(ChangeKind::Plugin, plugin.as_str()).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Makes a version that is ready the active one. False where it is active already or is not ready.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn activate_version(&mut self, plugin: &PluginName, version: &str, at: Timestamp, by: &str) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE plugins SET active_version = $2 WHERE name = $1 AND (active_version IS NULL OR active_version <> $2) \
             AND EXISTS (SELECT 1 FROM plugin_versions WHERE plugin = $1 AND version = $2 AND state = 'ready')",
        )
        .bind(plugin.as_str())
        .bind(version)
        .execute(self.connection())
        .await?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        sqlx::query("INSERT INTO plugin_activations (plugin, version, at, by_name) VALUES ($1, $2, $3, $4)")
            .bind(plugin.as_str())
            .bind(version)
            .bind(at.as_micros())
            .bind(by)
            .execute(self.connection())
            .await?;
        self.activated(plugin, version, at).await?;
        Ok(true)
    }

    /// Makes the version that was active before the active one again, and says which left and which came. None where
    /// there is nothing to go back to.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn roll_back_version(&mut self, plugin: &PluginName, at: Timestamp) -> Result<Option<(String, String)>, StoreError> {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT seq, version FROM plugin_activations WHERE plugin = $1 AND undone = 0 ORDER BY seq DESC LIMIT 2")
                .bind(plugin.as_str())
                .fetch_all(self.connection())
                .await?;
        let [(seq, left), (_, came)] = rows.as_slice() else {
            return Ok(None);
        };
        sqlx::query("UPDATE plugin_activations SET undone = 1 WHERE seq = $1")
            .bind(seq)
            .execute(self.connection())
            .await?;
        sqlx::query("UPDATE plugins SET active_version = $2 WHERE name = $1")
            .bind(plugin.as_str())
            .bind(came)
            .execute(self.connection())
            .await?;
        self.activated(plugin, came, at).await?;
        Ok(Some((left.clone(), came.clone())))
    }

    /// Deletes a version that is not active, and its file where no other version has it. False where it is active or
    /// does not exist.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete_version(&mut self, plugin: &PluginName, version: &str) -> Result<bool, StoreError> {
        let gone: Option<(Vec<u8>,)> = sqlx::query_as(
            "DELETE FROM plugin_versions WHERE plugin = $1 AND version = $2 \
             AND NOT EXISTS (SELECT 1 FROM plugins WHERE name = $1 AND active_version = $2) RETURNING digest",
        )
        .bind(plugin.as_str())
        .bind(version)
        .fetch_optional(self.connection())
        .await?;
        let Some((digest,)) = gone else {
            return Ok(false);
        };
        sqlx::query("DELETE FROM plugin_files WHERE digest = $1 AND NOT EXISTS (SELECT 1 FROM plugin_versions WHERE digest = $1)")
            .bind(digest)
            .execute(self.connection())
            .await?;
        sqlx::query("DELETE FROM plugins WHERE name = $1 AND NOT EXISTS (SELECT 1 FROM plugin_versions WHERE plugin = $1)")
            .bind(plugin.as_str())
            .execute(self.connection())
            .await?;
        self.changed(ChangeKind::Plugin, plugin.as_str()).await?;
        Ok(true)
    }

    async fn activated(&mut self, plugin: &PluginName, version: &str, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE plugin_versions SET activated_at = $3 WHERE plugin = $1 AND version = $2")
            .bind(plugin.as_str())
            .bind(version)
            .bind(at.as_micros())
            .execute(self.connection())
            .await?;
        self.changed(ChangeKind::Plugin, plugin.as_str()).await
    }
}
