//! Leases: of many processes over one database one does a thing, and another takes over when it is gone.
//!
//! A lease ends by itself, judged by the database's own clock. Who lost it without noticing does no harm: every write names the
//! number of its lease, [`Write::fenced`], and the database refuses it when a newer one was given out.

use std::time::{Duration, SystemTime};

use gatewright_core::{SessionId, Timestamp};
use uuid::Uuid;

use crate::convert::{to_i64, to_u64};
use crate::sql::{Db, Tx, sql, within};
use crate::{Store, StoreError, Write};

/// The lease of who drives a session. It is forgotten when the session is over.
#[must_use]
pub fn session_lease(id: SessionId) -> String {
    format!("{SESSION_LEASES}{id}")
}

/// What the names of all [`session_lease`]s begin with.
pub const SESSION_LEASES: &str = "session/";

/// A lease that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    name: String,
    holder: Uuid,
    fence: i64,
}

impl Lease {
    /// What it is for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Higher than that of every holder before, also of those that a restored database has forgotten.
    #[must_use]
    pub fn fence(&self) -> u64 {
        u64::try_from(self.fence).unwrap_or(0)
    }
}

impl Store {
    /// Takes a lease where nobody has it, its time is over, or `holder` has it already. None where somebody else has it. A file
    /// belongs to one process: whoever held its leases before is gone.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn take_lease(&self, name: &str, holder: Uuid, lasts: Duration) -> Result<Option<Lease>, StoreError> {
        let mut write = self.begin().await?;
        let now = write.clock().await?;
        let row: Option<(i64,)> = sql!(
            fetch_optional,
            write.connection(),
            // The number is the time where that is more: a database that was restored from a backup gives out none again.
            "INSERT INTO leases (name, holder, fence, expires_at) VALUES ($1, $2, $4, $3) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at, \
             fence = CASE WHEN leases.fence < $4 THEN $4 ELSE leases.fence + 1 END \
             WHERE leases.expires_at <= $5 OR leases.holder = excluded.holder RETURNING fence",
            name,
            holder,
            now.ends(lasts),
            now.now,
            now.over
        )?;
        write.commit().await?;
        Ok(row.map(|(fence,)| Lease {
            name: name.to_owned(),
            holder,
            fence,
        }))
    }

    /// Makes a lease last from now on. False where somebody else has taken it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn keep_lease(&self, lease: &Lease, lasts: Duration) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        let now = write.clock().await?;
        let kept = sql!(
            execute,
            write.connection(),
            "UPDATE leases SET expires_at = $4 WHERE name = $1 AND holder = $2 AND fence = $3",
            &lease.name,
            lease.holder,
            lease.fence,
            now.ends(lasts)
        )?;
        write.commit().await?;
        Ok(kept == 1)
    }

    /// Gives a lease back. Idempotent; nothing where somebody else has taken it. Its number is remembered.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn give_back_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        sql!(
            execute,
            write.connection(),
            "UPDATE leases SET expires_at = 0 WHERE name = $1 AND holder = $2 AND fence = $3",
            &lease.name,
            lease.holder,
            lease.fence
        )?;
        write.commit().await
    }

    /// Gives a lease back that nobody is to take ever again, and forgets it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn forget_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        sql!(
            execute,
            write.connection(),
            "DELETE FROM leases WHERE name = $1 AND holder = $2 AND fence = $3",
            &lease.name,
            lease.holder,
            lease.fence
        )?;
        write.commit().await
    }

    /// The names of the leases that somebody holds and that begin with `prefix`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn held_leases(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let now = clock(&mut snapshot).await?;
        let names: Vec<(String,)> = sql!(
            fetch_all,
            snapshot.connection(),
            "SELECT name FROM leases WHERE expires_at > $1",
            now.over
        )?;
        Ok(names
            .into_iter()
            .map(|(name,)| name)
            .filter(|name| name.starts_with(prefix))
            .collect())
    }
}

impl Write {
    /// Makes sure that a lease is still its holder's, until this transaction ends.
    ///
    /// # Errors
    /// `Fenced` where somebody else has taken it: nothing that this transaction did may stay.
    pub async fn fenced(&mut self, lease: &Lease) -> Result<(), StoreError> {
        let row: Option<(i64,)> = sql!(lock, self.connection(), "SELECT fence FROM leases WHERE name = $1", &lease.name)?;
        if row == Some((lease.fence,)) {
            Ok(())
        } else {
            Err(StoreError::Fenced)
        }
    }

    async fn clock(&mut self) -> Result<Clock, StoreError> {
        clock(self.transaction()).await
    }
}

/// Microseconds by the database's clock.
#[derive(Clone, Copy)]
struct Clock {
    now: i64,
    /// What ends by then is over.
    over: i64,
}

impl Clock {
    fn ends(self, lasts: Duration) -> i64 {
        self.now.saturating_add(i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX))
    }
}

async fn clock(tx: &mut Tx) -> Result<Clock, StoreError> {
    match tx.connection() {
        // Nobody else has the file: what others took before is over, and what this process has, it has.
        Db::Sqlite(_) => Ok(Clock {
            now: Timestamp::from(SystemTime::now()).as_micros(),
            over: i64::MAX,
        }),
        Db::Postgres(on) => {
            let asked = sqlx::query_as("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
            let (now,): (i64,) = within(asked.fetch_one(on)).await?;
            let now = to_i64(to_u64(now, "clock")?, "clock")?;
            Ok(Clock { now, over: now })
        }
    }
}
