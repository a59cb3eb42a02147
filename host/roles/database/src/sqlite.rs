//! Opening a SQLite file.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::StoreError;
use crate::store::Pools;

/// How long a write waits for another process that holds the database (a backup, a shell).
const BUSY: Duration = Duration::from_secs(5);

/// Opens, and creates or migrates, the file.
pub(crate) async fn open(path: &Path) -> Result<Pools<SqlitePool>, StoreError> {
    prepare(path).map_err(StoreError::File)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: a commit has reached the disk when it returns. "No durable record, no release" rests on it.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY);
    // One connection: SQLite has one writer anyway, and a queue here is fairer than its busy handler.
    let writers = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.clone())
        .await?;
    sqlx::migrate!("migrations/sqlite")
        .run(&writers)
        .await
        .map_err(StoreError::Migrate)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(4)
        .connect_with(options.pragma("query_only", "ON"))
        .await?;
    Ok(Pools { writers, readers })
}

/// Makes folder and file private before SQLite opens them; its `-wal` and `-shm` take the file's mode.
fn prepare(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty() && !p.exists()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))
}
