//! Plugins, their versions, files and activations.

use gatewright_core::Timestamp;
use gatewright_core::plugin::{Digest, PluginKind, PluginName};
use sqlx::FromRow;

use crate::convert::{bytes32, from_json, json, to_i64, to_u64};
use crate::sql::sql;
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
        let rows: Vec<PluginRow> = sql!(
            fetch_all,
            self.reader(),
            "SELECT name, kind, active_version FROM plugins ORDER BY name"
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// A plugin by name.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn plugin(&self, name: &PluginName) -> Result<Option<PluginRecord>, StoreError> {
        let row: Option<PluginRow> = sql!(
            fetch_optional,
            self.reader(),
            "SELECT name, kind, active_version FROM plugins WHERE name = $1",
            name.as_str()
        )?;
        row.map(TryInto::try_into).transpose()
    }

    /// The versions of a plugin, newest upload first.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn plugin_versions(&self, name: &PluginName) -> Result<Vec<VersionRecord>, StoreError> {
        let rows: Vec<VersionRow> = sql!(
            fetch_all,
            self.reader(),
            select_version!("WHERE plugin = $1 ORDER BY uploaded_at DESC, version DESC"),
            name.as_str()
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// One version.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn plugin_version(&self, name: &PluginName, version: &str) -> Result<Option<VersionRecord>, StoreError> {
        let row: Option<VersionRow> = sql!(
            fetch_optional,
            self.reader(),
            select_version!("WHERE plugin = $1 AND version = $2"),
            name.as_str(),
            version
        )?;
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
        let rows: Vec<Row> = sql!(
            fetch_all,
            self.reader(),
            "SELECT p.name, p.kind, p.active_version, v.digest FROM plugins p \
             JOIN plugin_versions v ON v.plugin = p.name AND v.version = p.active_version ORDER BY p.name"
        )?;
        rows.into_iter()
            .map(|row| Ok((row.plugin.try_into()?, Digest::from_bytes(bytes32(&row.digest, "digest")?))))
            .collect()
    }

    /// The bytes of a stored file.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn plugin_file(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<(Vec<u8>,)> = sql!(
            fetch_optional,
            self.reader(),
            "SELECT bytes FROM plugin_files WHERE digest = $1",
            digest.as_bytes().as_slice()
        )?;
        Ok(row.map(|(bytes,)| bytes))
    }

    /// The version that roll back goes to: what was active before the active one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn previous_version(&self, name: &PluginName) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = sql!(
            fetch_optional,
            self.reader(),
            "SELECT version FROM plugin_activations WHERE plugin = $1 AND undone = 0 ORDER BY seq DESC LIMIT 1 OFFSET 1",
            name.as_str()
        )?;
        Ok(row.map(|(version,)| version))
    }
}

impl Write {
    /// Adds a version with its file, and the plugin where it is the first one.
    ///
    /// # Errors
    /// `Conflict(PluginVersion)` where this version exists, `Unavailable`.
    pub async fn insert_version(&mut self, kind: PluginKind, version: &VersionRecord, bytes: &[u8]) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "INSERT INTO plugins (name, kind) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET name = excluded.name",
            version.plugin.as_str(),
            kind.as_str()
        )?;
        sql!(
            execute,
            self.connection(),
            "INSERT INTO plugin_files (digest, bytes) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING",
            version.digest.as_bytes().as_slice(),
            bytes
        )?;
        sql!(
            execute,
            self.connection(),
            "INSERT INTO plugin_versions (plugin, version, digest, state, state_detail, size_bytes, wit, description, wants, \
             uploaded_at, uploaded_by, activated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            version.plugin.as_str(),
            &version.version,
            version.digest.as_bytes().as_slice(),
            version.state.as_str(),
            &version.state_detail,
            to_i64(version.size_bytes, "plugin size")?,
            &version.wit,
            &version.description,
            json(&version.wants)?,
            version.uploaded_at.as_micros(),
            &version.uploaded_by,
            version.activated_at.map(Timestamp::as_micros)
        )?;
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
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE plugin_versions SET state = $3, state_detail = $4 WHERE plugin = $1 AND version = $2",
            plugin.as_str(),
            version,
            state.as_str(),
            detail
        )?;
        if done == 1 {
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
        self.lock_plugin(plugin).await?;
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE plugins SET active_version = $2 WHERE name = $1 AND (active_version IS NULL OR active_version <> $2) \
             AND EXISTS (SELECT 1 FROM plugin_versions WHERE plugin = $1 AND version = $2 AND state = 'ready')",
            plugin.as_str(),
            version
        )?;
        if done != 1 {
            return Ok(false);
        }
        sql!(
            execute,
            self.connection(),
            "INSERT INTO plugin_activations (plugin, version, at, by_name) VALUES ($1, $2, $3, $4)",
            plugin.as_str(),
            version,
            at.as_micros(),
            by
        )?;
        self.activated(plugin, version, at).await?;
        Ok(true)
    }

    /// Makes the version that was active before the active one again, and says which left and which came. None where
    /// there is nothing to go back to.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn roll_back_version(&mut self, plugin: &PluginName, at: Timestamp) -> Result<Option<(String, String)>, StoreError> {
        self.lock_plugin(plugin).await?;
        let rows: Vec<(i64, String)> = sql!(
            fetch_all,
            self.connection(),
            "SELECT seq, version FROM plugin_activations WHERE plugin = $1 AND undone = 0 ORDER BY seq DESC LIMIT 2",
            plugin.as_str()
        )?;
        let [(seq, left), (_, came)] = rows.as_slice() else {
            return Ok(None);
        };
        sql!(
            execute,
            self.connection(),
            "UPDATE plugin_activations SET undone = 1 WHERE seq = $1",
            seq
        )?;
        sql!(
            execute,
            self.connection(),
            "UPDATE plugins SET active_version = $2 WHERE name = $1",
            plugin.as_str(),
            came
        )?;
        self.activated(plugin, came, at).await?;
        Ok(Some((left.clone(), came.clone())))
    }

    /// Deletes a version that is not active, and its file where no other version has it. False where it is active or
    /// does not exist.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete_version(&mut self, plugin: &PluginName, version: &str) -> Result<bool, StoreError> {
        self.lock_plugin(plugin).await?;
        let gone: Option<(Vec<u8>,)> = sql!(
            fetch_optional,
            self.connection(),
            "DELETE FROM plugin_versions WHERE plugin = $1 AND version = $2 \
             AND NOT EXISTS (SELECT 1 FROM plugins WHERE name = $1 AND active_version = $2) RETURNING digest",
            plugin.as_str(),
            version
        )?;
        let Some((digest,)) = gone else {
            return Ok(false);
        };
        sql!(
            execute,
            self.connection(),
            "DELETE FROM plugin_files WHERE digest = $1 AND NOT EXISTS (SELECT 1 FROM plugin_versions WHERE digest = $1)",
            digest
        )?;
        sql!(
            execute,
            self.connection(),
            "DELETE FROM plugins WHERE name = $1 AND NOT EXISTS (SELECT 1 FROM plugin_versions WHERE plugin = $1)",
            plugin.as_str()
        )?;
        self.changed(ChangeKind::Plugin, plugin.as_str()).await?;
        Ok(true)
    }

    /// Keeps others from activating or deleting versions of a plugin until this transaction ends.
    async fn lock_plugin(&mut self, plugin: &PluginName) -> Result<(), StoreError> {
        let _row: Option<(String,)> = sql!(lock, self.connection(), "SELECT name FROM plugins WHERE name = $1", plugin.as_str())?;
        Ok(())
    }

    async fn activated(&mut self, plugin: &PluginName, version: &str, at: Timestamp) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "UPDATE plugin_versions SET activated_at = $3 WHERE plugin = $1 AND version = $2",
            plugin.as_str(),
            version,
            at.as_micros()
        )?;
        self.changed(ChangeKind::Plugin, plugin.as_str()).await
    }
}
