//! The feed of changes: what tells whoever waits that something is to be read anew.
//!
//! A change is a hint, never data. On SQLite this process makes all changes and tells of them itself. On PostgreSQL others
//! make changes too: a task reads the table, woken by NOTIFY, which says nothing but "look". Numbers are given out before a
//! transaction is committed, so they may become visible out of order: the task remembers which it has not seen and looks for
//! them again. What it may have missed all the same is made good by a [`Hint::Resync`] every 30 seconds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgListener, PgPool};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::sql::{Db, sql, within};
use crate::{ChangeKind, StoreError};

/// Hints that a slow reader may be behind before it is told to read everything anew.
const BEHIND: usize = 1024;
/// How often everything is read anew, whatever was heard.
const RESYNC: Duration = Duration::from_secs(30);
/// How long a number that was not seen is looked for. No transaction of ours lasts longer.
const MISSING_FOR: Duration = Duration::from_secs(20);
/// More missing numbers than this are no transactions under way: a server that was restored or crashed left a gap.
const MISSING_MAX: usize = 4096;
/// The shortest and longest wait between two looks for missing numbers.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));
/// How long to wait before a server that does not answer is asked again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The channel of NOTIFY. The payload is the schema: several deployments may share one database.
const CHANNEL: &str = "gatewright_changes";

/// Something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// This thing.
    Changed {
        /// Its kind.
        kind: ChangeKind,
        /// Its id, as it was given to [`crate::Write::changed`].
        id: String,
    },
    /// Anything may have.
    Resync,
}

/// Reads hints.
pub struct Hints(broadcast::Receiver<Hint>);

impl Hints {
    /// The next hint; [`Hint::Resync`] where some were missed. None when the store is closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<Hint> {
        match self.0.recv().await {
            Ok(hint) => Some(hint),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Hint::Resync),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Where hints are told.
#[derive(Clone)]
pub(crate) struct Feed {
    head: watch::Sender<u64>,
    /// The same of members and plugins alone.
    settings: watch::Sender<u64>,
    hints: broadcast::Sender<Hint>,
    /// Set on PostgreSQL: there is something to read, and others are to be woken.
    committed: Option<Arc<Notify>>,
}

impl Feed {
    pub(crate) fn new(shared: bool) -> Self {
        Self {
            head: watch::Sender::new(0),
            settings: watch::Sender::new(0),
            hints: broadcast::Sender::new(BEHIND),
            committed: shared.then(Arc::default),
        }
    }

    pub(crate) fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    pub(crate) fn settings(&self) -> watch::Receiver<u64> {
        self.settings.subscribe()
    }

    pub(crate) fn hints(&self) -> Hints {
        Hints(self.hints.subscribe())
    }

    pub(crate) fn begin_at(&self, head: u64) {
        self.head.send_replace(head);
        self.settings.send_replace(head);
    }

    /// A transaction with changes was committed here.
    pub(crate) fn committed(&self, changes: Vec<(u64, Hint)>) {
        match &self.committed {
            None => self.tell(changes),
            // In the order in which everybody sees them: by way of the table.
            Some(committed) => committed.notify_one(),
        }
    }

    fn tell(&self, changes: Vec<(u64, Hint)>) {
        let Some(newest) = changes.iter().map(|(seq, _)| *seq).max() else {
            return;
        };
        let wakes_all = |hint: &Hint| {
            matches!(
                hint,
                Hint::Changed {
                    kind: ChangeKind::Member | ChangeKind::Plugin,
                    ..
                }
            )
        };
        let settings = changes.iter().any(|(_, hint)| wakes_all(hint));
        for (_, hint) in changes {
            // Nobody need be listening.
            let _listeners = self.hints.send(hint);
        }
        // A change that became visible late has to move the head as well.
        self.head.send_modify(|head| *head = newest.max(*head + 1));
        if settings {
            self.settings.send_modify(|head| *head = newest.max(*head + 1));
        }
    }

    fn resync(&self, head: Option<u64>) {
        let _listeners = self.hints.send(Hint::Resync);
        if let Some(head) = head {
            self.begin_at(head);
        }
    }
}

/// Reads what others changed, until `stop`.
pub(crate) async fn follow(feed: Feed, pool: PgPool, schema: String, stop: CancellationToken) {
    let head = *feed.head.borrow();
    let mut reader = Reader {
        cursor: i64::try_from(head).unwrap_or(i64::MAX),
        feed,
        pool,
        missing: BTreeMap::new(),
        look_again: LOOK_AGAIN.0,
    };
    while !stop.is_cancelled() {
        let Some(outcome) = stop.run_until_cancelled(reader.listen(&schema)).await else {
            return;
        };
        if let Err(error) = outcome {
            tracing::warn!(error = &error as &dyn std::error::Error, "Changes can't be followed; trying again");
        }
        if stop.run_until_cancelled(tokio::time::sleep(AGAIN_AFTER)).await.is_none() {
            return;
        }
    }
}

/// Wakes the others after commits of this process. Outside of the transactions: a transaction that notifies makes every other
/// one that does wait for its own write to the disk.
pub(crate) async fn wake_others(feed: Feed, pool: PgPool, stop: CancellationToken) {
    let Some(committed) = feed.committed.clone() else {
        return;
    };
    while stop.run_until_cancelled(committed.notified()).await.is_some() {
        let told = sqlx::query("SELECT pg_notify($1, current_schema())").bind(CHANNEL);
        if let Err(error) = within(told.execute(&pool)).await {
            // They look by themselves soon.
            tracing::debug!(error = &error as &dyn std::error::Error, "Others could not be told of a change");
        }
    }
}

struct Reader {
    feed: Feed,
    pool: PgPool,
    /// The newest number that was seen.
    cursor: i64,
    /// Numbers below it that were not, and since when.
    missing: BTreeMap<i64, Instant>,
    look_again: Duration,
}

impl Reader {
    /// Listens until the connection is lost.
    async fn listen(&mut self, schema: &str) -> Result<(), StoreError> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANNEL).await?;
        // Whatever was told while nobody listened.
        self.resync().await?;
        let mut resync = tokio::time::interval_at(tokio::time::Instant::now() + RESYNC, RESYNC);
        loop {
            let again = self.look_again;
            let looking = !self.missing.is_empty();
            tokio::select! {
                heard = listener.try_recv() => match heard? {
                    Some(notification) if notification.payload() != schema => {}
                    Some(_) => {
                        // One look answers all that were told by now.
                        while listener.next_buffered().is_some() {}
                        self.look_again = LOOK_AGAIN.0;
                        self.read().await?;
                    }
                    // Reconnected: what was told meanwhile was told to nobody.
                    None => self.resync().await?,
                },
                () = tokio::time::sleep(again), if looking => {
                    self.look_again = (again * 2).min(LOOK_AGAIN.1);
                    self.read_missing().await?;
                }
                _ = resync.tick() => self.resync().await?,
            }
        }
    }

    /// Reads what is new.
    async fn read(&mut self) -> Result<(), StoreError> {
        let rows: Vec<(i64, String, String)> = sql!(
            fetch_all,
            self.on(),
            "SELECT seq, kind, id FROM changes WHERE seq > $1 ORDER BY seq",
            self.cursor
        )?;
        let now = Instant::now();
        for (seq, ..) in &rows {
            let gap = usize::try_from(seq - self.cursor - 1).unwrap_or(usize::MAX);
            if gap < MISSING_MAX {
                self.missing.extend((self.cursor + 1..*seq).map(|number| (number, now)));
            }
            self.cursor = *seq;
        }
        self.feed.tell(hints(rows));
        self.read_missing().await
    }

    /// Looks for numbers that were not visible yet.
    async fn read_missing(&mut self) -> Result<(), StoreError> {
        let now = Instant::now();
        self.missing.retain(|_, since| now.duration_since(*since) < MISSING_FOR);
        while self.missing.len() > MISSING_MAX {
            self.missing.pop_first();
        }
        let (Some(first), Some(last)) = (self.missing.keys().next().copied(), self.missing.keys().next_back().copied()) else {
            return Ok(());
        };
        let rows: Vec<(i64, String, String)> = sql!(
            fetch_all,
            self.on(),
            "SELECT seq, kind, id FROM changes WHERE seq BETWEEN $1 AND $2 ORDER BY seq",
            first,
            last
        )?;
        let found = rows.into_iter().filter(|(seq, ..)| self.missing.remove(seq).is_some()).collect();
        self.feed.tell(hints(found));
        Ok(())
    }

    /// Reads what is new, and tells everybody to read everything anew.
    async fn resync(&mut self) -> Result<(), StoreError> {
        let (newest,): (i64,) = sql!(fetch_one, self.on(), "SELECT coalesce(max(seq), 0) FROM changes")?;
        if newest < self.cursor {
            tracing::warn!(
                newest,
                expected = self.cursor,
                "The database is older than it was: reading everything anew"
            );
            self.cursor = newest;
            self.missing.clear();
            self.feed.resync(u64::try_from(newest).ok());
            return Ok(());
        }
        self.read().await?;
        self.feed.resync(None);
        Ok(())
    }

    fn on(&self) -> crate::sql::Pool<'_> {
        Db::Postgres(&self.pool)
    }
}

fn hints(rows: Vec<(i64, String, String)>) -> Vec<(u64, Hint)> {
    rows.into_iter()
        .filter_map(|(seq, kind, id)| {
            // A kind of a newer version is nothing that this one could read anew.
            let hint = ChangeKind::parse(&kind).map(|kind| Hint::Changed { kind, id })?;
            Some((u64::try_from(seq).ok()?, hint))
        })
        .collect()
}
