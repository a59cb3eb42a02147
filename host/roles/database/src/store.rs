//! Opening the database, reading, and the feed of changes.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::watch;

use crate::sql::Pool;
use crate::write::Write;
use crate::{ChangeKind, StoreError};

/// How long a write waits for another process that holds the database (a backup, a shell).
const BUSY: Duration = Duration::from_secs(5);

/// The database. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Store {
    /// One connection: SQLite has one writer anyway, and a queue here is fairer than its busy handler.
    pub(crate) writer: Pool,
    pub(crate) readers: Pool,
    pub(crate) head: watch::Sender<u64>,
}

impl Store {
    /// Opens, and creates or migrates, the database file at `path`. Folder and files are private to this user.
    ///
    /// # Errors
    /// `File`, `Migrate`, `Unavailable`.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        prepare(path).map_err(StoreError::File)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: a commit has reached the disk when it returns. "No durable record, no release" rests on it.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        sqlx::migrate!("migrations/sqlite")
            .run(&writer)
            .await
            .map_err(StoreError::Migrate)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.pragma("query_only", "ON"))
            .await?;
        let store = Self {
            writer,
            readers,
            head: watch::Sender::new(0),
        };
        let head = store.read_head().await?;
        store.head.send_replace(head);
        Ok(store)
    }

    /// Begins a transaction. Only one runs at a time; dropped without [`Write::commit`], it never happened.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn begin(&self) -> Result<Write, StoreError> {
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Write::new(transaction, self.head.clone()))
    }

    /// The number of the newest change, and a way to wait for the next.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// The number of the newest change of these kinds, 0 where there was none.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn newest_change(&self, kinds: &[ChangeKind]) -> Result<u64, StoreError> {
        let mut newest = 0;
        for kind in kinds {
            let (seq,): (Option<i64>,) = sqlx::query_as("SELECT max(seq) FROM changes WHERE kind = $1")
                .bind(kind.as_str())
                .fetch_one(&self.readers)
                .await?;
            newest = newest.max(crate::convert::to_u64(seq.unwrap_or(0), "change")?);
        }
        Ok(newest)
    }

    /// A setting.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = sqlx::query_as("SELECT value FROM settings WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|(value,)| value))
    }

    /// Closes all connections and folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn read_head(&self) -> Result<u64, StoreError> {
        let (seq,): (Option<i64>,) = sqlx::query_as("SELECT max(seq) FROM changes").fetch_one(&self.readers).await?;
        crate::convert::to_u64(seq.unwrap_or(0), "change")
    }
}

/// Makes folder and file private before SQLite opens them; its `-wal` and `-shm` take the file's mode.
fn prepare(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty() && !p.exists()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))
}
