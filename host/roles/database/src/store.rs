//! Opening the database, and reading.

use std::path::Path;
use std::sync::Arc;

use sqlx::{PgPool, SqlitePool};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::address::StoreAddress;
use crate::feed::{Feed, Hints};
use crate::sql::{Db, Pool, Tx, sql};
use crate::write::Write;
use crate::{ChangeKind, StoreError, feed, postgres, sqlite};

/// The database. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    pools: Db<Pools<SqlitePool>, Pools<PgPool>>,
    feed: Feed,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Writers and readers apart: who holds a transaction may read beside it, and must not wait for a place among writers.
#[derive(Debug)]
pub(crate) struct Pools<P> {
    pub(crate) writers: P,
    pub(crate) readers: P,
}

impl Store {
    /// Opens the database wherever it is, and creates or migrates it.
    ///
    /// # Errors
    /// As [`Self::open`]; `Unavailable` also where a server does not answer, `Refused` where it turns us away.
    pub async fn connect(address: &StoreAddress) -> Result<Self, StoreError> {
        match address {
            StoreAddress::File(path) => Self::open(path).await,
            StoreAddress::Postgres(address) => {
                let opened = postgres::open(address).await?;
                let store = Self::new(Db::Postgres(opened.pools)).await?;
                let (feed, stop) = (store.0.feed.clone(), store.0.stop.clone());
                let following = feed::follow(feed.clone(), opened.listening, opened.schema, stop.clone());
                store.0.tasks.spawn(following);
                store.0.tasks.spawn(feed::wake_others(feed, opened.waking, stop));
                Ok(store)
            }
        }
    }

    /// Opens, and creates or migrates, the database file at `path`. Folder and files are private to this user.
    ///
    /// # Errors
    /// `File`, `Migrate`, `Unavailable`.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Self::new(Db::Sqlite(sqlite::open(path).await?)).await
    }

    async fn new(pools: Db<Pools<SqlitePool>, Pools<PgPool>>) -> Result<Self, StoreError> {
        let shared = matches!(pools, Db::Postgres(_));
        let store = Self(Arc::new(Inner {
            pools,
            feed: Feed::new(shared),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }));
        let (head,): (i64,) = sql!(fetch_one, store.reader(), "SELECT coalesce(max(seq), 0) FROM changes")?;
        store.0.feed.begin_at(crate::convert::to_u64(head, "change")?);
        Ok(store)
    }

    pub(crate) fn reader(&self) -> Pool<'_> {
        match &self.0.pools {
            Db::Sqlite(pools) => Db::Sqlite(&pools.readers),
            Db::Postgres(pools) => Db::Postgres(&pools.readers),
        }
    }

    /// A transaction that reads, and sees one state throughout.
    pub(crate) async fn snapshot(&self) -> Result<Tx, StoreError> {
        Ok(match &self.0.pools {
            Db::Sqlite(pools) => Db::Sqlite(pools.readers.begin().await?),
            Db::Postgres(pools) => Db::Postgres(pools.readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?),
        })
    }

    /// Begins a transaction. Dropped without [`Write::commit`], it never happened. On SQLite only one runs at a time; on
    /// PostgreSQL many do, and each locks what it decides by.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn begin(&self) -> Result<Write, StoreError> {
        let transaction = match &self.0.pools {
            Db::Sqlite(pools) => Db::Sqlite(pools.writers.begin_with("BEGIN IMMEDIATE").await?),
            Db::Postgres(pools) => Db::Postgres(pools.writers.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?),
        };
        Ok(Write::new(transaction, self.0.feed.clone()))
    }

    /// Does a piece of work that begins and commits a transaction, again and again while others hold what it needs. It must
    /// be all of the work: what it did before it failed never happened.
    ///
    /// # Errors
    /// The work's own; `Contended` where others were faster each time.
    pub async fn retry<T, E, F, W>(&self, mut work: W) -> Result<T, E>
    where
        W: FnMut() -> F + Send,
        F: Future<Output = Result<T, E>> + Send,
        E: AsStoreError,
    {
        const TRIES: u32 = 6;
        let mut tried = 0;
        loop {
            tried += 1;
            match work().await {
                Err(error) if tried < TRIES && error.as_store_error().is_some_and(StoreError::is_contended) => {
                    // The ones that got in each other's way must not do so again.
                    let jitter = u64::from(std::process::id() % 7) + u64::from(tried) * 5;
                    tokio::time::sleep(std::time::Duration::from_millis(jitter)).await;
                }
                done => return done,
            }
        }
    }

    /// Whether many processes may have this database open.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.0.pools, Db::Postgres(_))
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let (_,): (i64,) = sql!(fetch_one, self.reader(), "SELECT count(*) FROM settings")?;
        Ok(())
    }

    /// The number of the newest change, and a way to wait for the next. The number only ever moves when something changed; it
    /// says nothing to another store of the same database but "equal" or "not equal".
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.feed.head()
    }

    /// As [`Self::changes`], of members and plugins alone.
    #[must_use]
    pub fn changed_settings(&self) -> watch::Receiver<u64> {
        self.0.feed.settings()
    }

    /// What changes from now on, whoever changes it.
    #[must_use]
    pub fn hints(&self) -> Hints {
        self.0.feed.hints()
    }

    /// The number of the newest change of these kinds, 0 where there was none.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn newest_change(&self, kinds: &[ChangeKind]) -> Result<u64, StoreError> {
        let mut newest = 0;
        // Four at once: a policy is made of as many, and each decision asks whether it is the newest.
        for four in kinds.chunks(4) {
            let kind = |at| four.get(at).or(four.first()).map_or("", |kind: &ChangeKind| kind.as_str());
            let (seq,): (Option<i64>,) = sql!(
                fetch_one,
                self.reader(),
                "SELECT max(seq) FROM (SELECT max(seq) AS seq FROM changes WHERE kind = $1 \
                 UNION ALL SELECT max(seq) FROM changes WHERE kind = $2 UNION ALL SELECT max(seq) FROM changes WHERE kind = $3 \
                 UNION ALL SELECT max(seq) FROM changes WHERE kind = $4) AS newest",
                kind(0),
                kind(1),
                kind(2),
                kind(3)
            )?;
            newest = newest.max(crate::convert::to_u64(seq.unwrap_or(0), "change")?);
        }
        Ok(newest)
    }

    /// A setting.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = sql!(fetch_optional, self.reader(), "SELECT value FROM settings WHERE name = $1", name)?;
        Ok(row.map(|(value,)| value))
    }

    /// Closes all connections; a file's write-ahead log is folded into it.
    pub async fn close(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        match &self.0.pools {
            Db::Sqlite(pools) => pools.close().await,
            Db::Postgres(pools) => {
                pools.readers.close().await;
                pools.writers.close().await;
            }
        }
    }
}

impl Pools<SqlitePool> {
    async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A store that nobody closed: its tasks hold no more than the pools, and end.
        self.stop.cancel();
    }
}

/// An error that may come from the store.
pub trait AsStoreError {
    /// The store's error in it.
    fn as_store_error(&self) -> Option<&StoreError>;
}

impl AsStoreError for StoreError {
    fn as_store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}
