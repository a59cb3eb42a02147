//! The one place that says which database this is. PostgreSQL comes beside SQLite here; the SQL stays as it is.

/// The database behind every query.
pub(crate) type Database = sqlx::Sqlite;
/// A connection to it.
pub(crate) type Connection = sqlx::SqliteConnection;
/// A pool of connections to it.
pub(crate) type Pool = sqlx::SqlitePool;
