//! Opening a database on a PostgreSQL server.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::StoreError;
use crate::address::PostgresAddress;
use crate::store::Pools;

/// Connections of one process for transactions that write.
const WRITERS: u32 = 12;
/// Connections of one process for reading.
const READERS: u32 = 12;
/// How long a request waits for a connection before it is told that the database is unavailable.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A connection that lay idle for longer is tried before it is used: the server may have been started anew.
const TRY_AFTER: Duration = Duration::from_secs(1);

/// What the server ends by itself, so that a web-app that hangs, or whose machine vanished, holds nothing that others wait for.
const SERVER_LIMITS: [(&str, &str); 5] = [
    ("statement_timeout", "30s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "15s"),
    ("tcp_keepalives_idle", "15"),
    ("tcp_keepalives_interval", "5"),
];

pub(crate) struct Opened {
    pub(crate) pools: Pools<PgPool>,
    /// Two connections that hear of changes and read them.
    pub(crate) listening: PgPool,
    /// One that tells others of changes.
    pub(crate) waking: PgPool,
    /// The schema that the tables are in.
    pub(crate) schema: String,
}

/// Connects, and creates or migrates the tables. Of many that do so at once one migrates and the others wait.
pub(crate) async fn open(address: &PostgresAddress) -> Result<Opened, StoreError> {
    let migrating = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(CONNECT_WITHIN)
        .connect_with((*address.options).clone())
        .await?;
    let migrated = sqlx::migrate!("migrations/postgres").run(&migrating).await;
    migrating.close().await;
    migrated.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) => error.into(),
        other => StoreError::Migrate(other),
    })?;

    let options = (*address.options).clone().options(SERVER_LIMITS);
    let pool = |connections, options| {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(CONNECT_WITHIN)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > TRY_AFTER {
                        sqlx::Connection::ping(connection).await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options)
    };
    // Waking is no record: it need not reach the disk.
    let waking = pool(1, options.clone().options([("synchronous_commit", "off")]));
    let pools = Pools {
        writers: pool(WRITERS, options.clone()),
        readers: pool(READERS, options.clone()),
    };
    let (schema,): (Option<String>,) = sqlx::query_as("SELECT current_schema()::text").fetch_one(&pools.readers).await?;
    Ok(Opened {
        listening: pool(2, options),
        pools,
        waking,
        schema: schema.unwrap_or_default(),
    })
}
