//! Login sessions. Only the SHA-256 of a token is stored.

use gatewright_core::{Timestamp, UserId};
use sqlx::FromRow;
use uuid::Uuid;

use crate::sql::sql;
use crate::{Store, StoreError, Write};

/// A login session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRecord {
    /// SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// Whose.
    pub user: UserId,
    /// The client's address at login.
    pub client: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute or so.
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// The login with a password that this one was handed over from, by the hash of its token.
    pub first: Option<[u8; 32]>,
}

#[derive(FromRow)]
struct Row {
    user_id: Uuid,
    client: String,
    created_at: i64,
    seen_at: i64,
    expires_at: i64,
    first_hash: Option<Vec<u8>>,
}

impl Store {
    /// A login session by the hash of its token, expired or not.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn login(&self, token_hash: &[u8; 32]) -> Result<Option<LoginRecord>, StoreError> {
        let row: Option<Row> = sql!(
            fetch_optional,
            self.reader(),
            "SELECT user_id, client, created_at, seen_at, expires_at, first_hash FROM login_sessions WHERE token_hash = $1",
            token_hash.as_slice()
        )?;
        Ok(row.map(|row| LoginRecord {
            token_hash: *token_hash,
            user: UserId::from_uuid(row.user_id),
            client: row.client,
            created_at: Timestamp::from_micros(row.created_at),
            seen_at: Timestamp::from_micros(row.seen_at),
            expires_at: Timestamp::from_micros(row.expires_at),
            first: row.first_hash.and_then(|hash| hash.try_into().ok()),
        }))
    }
}

impl Write {
    /// Adds a login session.
    ///
    /// # Errors
    /// `Conflict(Reference)` where the user is gone, `Unavailable`.
    pub async fn insert_login(&mut self, login: &LoginRecord) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "INSERT INTO login_sessions (token_hash, user_id, client, created_at, seen_at, expires_at, first_hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            login.token_hash.as_slice(),
            login.user.as_uuid(),
            &login.client,
            login.created_at.as_micros(),
            login.seen_at.as_micros(),
            login.expires_at.as_micros(),
            login.first.as_ref().map(<[u8; 32]>::as_slice)
        )?;
        Ok(())
    }

    /// Notes that a login session was used.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn touch_login(&mut self, token_hash: &[u8; 32], at: Timestamp) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "UPDATE login_sessions SET seen_at = $2 WHERE token_hash = $1 AND seen_at < $2",
            token_hash.as_slice(),
            at.as_micros()
        )?;
        Ok(())
    }

    /// Ends a login session with those that it was handed over from and to. Idempotent: false where it had ended.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete_login(&mut self, token_hash: &[u8; 32]) -> Result<bool, StoreError> {
        let done = sql!(
            execute,
            self.connection(),
            "DELETE FROM login_sessions WHERE token_hash = $1 OR first_hash = $1 \
             OR token_hash = (SELECT first_hash FROM login_sessions WHERE token_hash = $1) \
             OR first_hash = (SELECT first_hash FROM login_sessions WHERE token_hash = $1)",
            token_hash.as_slice()
        )?;
        Ok(done > 0)
    }

    /// Ends a user's login sessions but the one to keep.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete_logins_of(&mut self, user: UserId, keep: Option<&[u8; 32]>) -> Result<u64, StoreError> {
        let done = sql!(
            execute,
            self.connection(),
            "DELETE FROM login_sessions WHERE user_id = $1 AND token_hash <> $2",
            user.as_uuid(),
            keep.map_or([].as_slice(), |hash| hash.as_slice())
        )?;
        Ok(done)
    }

    /// Deletes what expired before `now` or was last seen before `idle_since`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn sweep_logins(&mut self, now: Timestamp, idle_since: Timestamp) -> Result<u64, StoreError> {
        let done = sql!(
            execute,
            self.connection(),
            "DELETE FROM login_sessions WHERE expires_at <= $1 OR seen_at <= $2",
            now.as_micros(),
            idle_since.as_micros()
        )?;
        Ok(done)
    }
}
