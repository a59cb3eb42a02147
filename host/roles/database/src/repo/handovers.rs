//! Codes with which a person goes on at another edge. Only the SHA-256 of a code is stored.

use gatewright_core::Timestamp;

use crate::sql::sql;
use crate::{StoreError, Write};

/// Codes of one login at once: pages of it that are open. An older one is forgotten.
const KEPT: i64 = 8;

impl Write {
    /// Keeps a code of a login.
    ///
    /// # Errors
    /// `Conflict(Reference)` where the login is gone, `Unavailable`.
    pub async fn insert_handover(&mut self, code_hash: &[u8; 32], login: &[u8; 32], expires_at: Timestamp) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "INSERT INTO handovers (code_hash, login_hash, expires_at) VALUES ($1, $2, $3)",
            code_hash.as_slice(),
            login.as_slice(),
            expires_at.as_micros()
        )?;
        sql!(
            execute,
            self.connection(),
            "DELETE FROM handovers WHERE login_hash = $1 AND code_hash NOT IN \
             (SELECT code_hash FROM handovers WHERE login_hash = $1 ORDER BY expires_at DESC LIMIT $2)",
            login.as_slice(),
            KEPT
        )?;
        Ok(())
    }

    /// Uses a code up. The hash of its login's token; none for a code that is unknown, used or over.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn take_handover(&mut self, code_hash: &[u8; 32], now: Timestamp) -> Result<Option<[u8; 32]>, StoreError> {
        let row: Option<(Vec<u8>,)> = sql!(
            fetch_optional,
            self.connection(),
            "DELETE FROM handovers WHERE code_hash = $1 AND expires_at > $2 RETURNING login_hash",
            code_hash.as_slice(),
            now.as_micros()
        )?;
        Ok(row.and_then(|(hash,)| hash.try_into().ok()))
    }

    /// Deletes the codes that are over.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn sweep_handovers(&mut self, now: Timestamp) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "DELETE FROM handovers WHERE expires_at <= $1",
            now.as_micros()
        )?;
        Ok(())
    }
}
