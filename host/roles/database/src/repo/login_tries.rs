//! How often a login was tried, counted for all web-apps together.

use std::time::Duration;

use gatewright_core::Timestamp;

use crate::convert::to_i64;
use crate::sql::sql;
use crate::{StoreError, Write};

impl Write {
    /// Counts a try, where `burst` may come at once and then one in `every`. None where it may go on; else how long to wait,
    /// and nothing is counted.
    ///
    /// # Errors
    /// `Unavailable`, `OutOfRange`.
    pub async fn count_login_try(
        &mut self,
        key: &[u8; 32],
        burst: u32,
        every: Duration,
        now: Timestamp,
    ) -> Result<Option<Duration>, StoreError> {
        let every = to_i64(u64::try_from(every.as_micros()).unwrap_or(u64::MAX), "time between logins")?;
        let ahead = every.saturating_mul(i64::from(burst));
        let now = now.as_micros();
        let counted: Option<(i64,)> = sql!(
            fetch_optional,
            self.connection(),
            "INSERT INTO login_tries (key, due_at) VALUES ($1, $2 + $3) \
             ON CONFLICT (key) DO UPDATE SET due_at = $3 + CASE WHEN login_tries.due_at > $2 THEN login_tries.due_at ELSE $2 END \
             WHERE login_tries.due_at + $3 <= $2 + $4 RETURNING due_at",
            key.as_slice(),
            now,
            every,
            ahead
        )?;
        if counted.is_some() {
            return Ok(None);
        }
        let due: Option<(i64,)> = sql!(
            fetch_optional,
            self.connection(),
            "SELECT due_at FROM login_tries WHERE key = $1",
            key.as_slice()
        )?;
        let wait = due.map_or(every, |(due,)| due.saturating_add(every).saturating_sub(now).saturating_sub(ahead));
        Ok(Some(Duration::from_micros(u64::try_from(wait.max(1)).unwrap_or(1))))
    }

    /// Takes back one try of those that were counted: it was no guess.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn uncount_login_try(&mut self, key: &[u8; 32], every: Duration) -> Result<(), StoreError> {
        let every = to_i64(u64::try_from(every.as_micros()).unwrap_or(u64::MAX), "time between logins")?;
        sql!(
            execute,
            self.connection(),
            "UPDATE login_tries SET due_at = due_at - $2 WHERE key = $1",
            key.as_slice(),
            every
        )?;
        Ok(())
    }

    /// Forgets what is paid off.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn sweep_login_tries(&mut self, now: Timestamp) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "DELETE FROM login_tries WHERE due_at <= $1",
            now.as_micros()
        )?;
        Ok(())
    }
}
