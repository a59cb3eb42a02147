//! The one place that says which database this is. Every other file writes one SQL text and runs it with [`sql!`].
//!
//! What both understand in the same way: `$1` placeholders, `ON CONFLICT`, `RETURNING`, `BIGINT`/`INTEGER` as `i64`, booleans,
//! UUIDs and bytes as their own types. What they don't, this file hides: how a row is locked and how a transaction begins.

use std::time::Duration;

use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::StoreError;

/// A value of one of the two databases: pools, a connection, a transaction.
#[derive(Debug, Clone)]
pub(crate) enum Db<S, P> {
    /// A file, with one writer.
    Sqlite(S),
    /// A server, with many.
    Postgres(P),
}

/// A pool to take connections from.
pub(crate) type Pool<'a> = Db<&'a SqlitePool, &'a PgPool>;
/// A connection, within a transaction.
pub(crate) type Connection<'a> = Db<&'a mut SqliteConnection, &'a mut PgConnection>;
/// A transaction.
pub(crate) type Tx = Db<Transaction<'static, Sqlite>, Transaction<'static, Postgres>>;

impl Tx {
    pub(crate) fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(tx) => Db::Sqlite(tx),
            Self::Postgres(tx) => Db::Postgres(tx),
        }
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        within(async {
            match self {
                Self::Sqlite(tx) => tx.commit().await,
                Self::Postgres(tx) => tx.commit().await,
            }
        })
        .await
    }
}

/// How long a statement may take. The server ends its own after less; this is for a network that swallows everything.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// Bounds what waits for a database, and says what went wrong in our words.
pub(crate) async fn within<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    match tokio::time::timeout(ANSWER_WITHIN, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(StoreError::Unavailable(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))),
    }
}

/// Runs one SQL text with its values on whichever database this is: `sql!(fetch_all, on, "SELECT ...", value, value)`.
///
/// `fetch_all`, `fetch_one` and `fetch_optional` give rows; `execute` the number of rows that it touched; `lock` is
/// `fetch_optional` that keeps the row from other writers until the transaction ends.
macro_rules! sql {
    (execute, $on:expr, $text:expr $(, $value:expr)* $(,)?) => {
        match $on {
            $crate::sql::Db::Sqlite(on) => {
                $crate::sql::within(sqlx::query::<sqlx::Sqlite>($text)$(.bind($value))*.execute(on)).await.map(|done| done.rows_affected())
            }
            $crate::sql::Db::Postgres(on) => {
                $crate::sql::within(sqlx::query::<sqlx::Postgres>($text)$(.bind($value))*.execute(on)).await.map(|done| done.rows_affected())
            }
        }
    };
    (lock, $on:expr, $text:literal $(, $value:expr)* $(,)?) => {
        match $on {
            // A transaction that writes is the only one of its kind from its first statement on.
            $crate::sql::Db::Sqlite(on) => {
                $crate::sql::within(sqlx::query_as::<sqlx::Sqlite, _>($text)$(.bind($value))*.fetch_optional(on)).await
            }
            $crate::sql::Db::Postgres(on) => {
                const TEXT: &str = concat!($text, " FOR NO KEY UPDATE");
                $crate::sql::within(sqlx::query_as::<sqlx::Postgres, _>(TEXT)$(.bind($value))*.fetch_optional(on)).await
            }
        }
    };
    ($fetch:ident, $on:expr, $text:expr $(, $value:expr)* $(,)?) => {
        match $on {
            $crate::sql::Db::Sqlite(on) => {
                $crate::sql::within(sqlx::query_as::<sqlx::Sqlite, _>($text)$(.bind($value))*.$fetch(on)).await
            }
            $crate::sql::Db::Postgres(on) => {
                $crate::sql::within(sqlx::query_as::<sqlx::Postgres, _>($text)$(.bind($value))*.$fetch(on)).await
            }
        }
    };
}
pub(crate) use sql;
