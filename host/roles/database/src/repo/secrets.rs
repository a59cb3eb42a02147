//! The vault's entries, sealed. This crate can't open them.

use gatewright_core::{SecretId, SessionId, Timestamp};
use sqlx::FromRow;
use uuid::Uuid;

use crate::sql::sql;
use crate::{Store, StoreError, Write};

/// A sealed entry.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Id.
    pub id: SecretId,
    /// What an administrator called it.
    pub label: String,
    /// What it may be opened for.
    pub target: String,
    /// The session that it lives and dies with, where there is one.
    pub session: Option<SessionId>,
    /// The nonce of the seal.
    pub nonce: Vec<u8>,
    /// Ciphertext and tag.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedSecret")
            .field("id", &self.id)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    label: String,
    target: String,
    session_id: Option<Uuid>,
    nonce: Vec<u8>,
    sealed: Vec<u8>,
    created_at: i64,
}

impl From<Row> for SealedSecret {
    fn from(row: Row) -> Self {
        Self {
            id: SecretId::from_uuid(row.id),
            label: row.label,
            target: row.target,
            session: row.session_id.map(SessionId::from_uuid),
            nonce: row.nonce,
            sealed: row.sealed,
            created_at: Timestamp::from_micros(row.created_at),
        }
    }
}

impl Store {
    /// An entry by id.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn sealed_secret(&self, id: SecretId) -> Result<Option<SealedSecret>, StoreError> {
        let row: Option<Row> = sql!(
            fetch_optional,
            self.reader(),
            "SELECT id, label, target, session_id, nonce, sealed, created_at FROM secrets WHERE id = $1",
            id.as_uuid()
        )?;
        Ok(row.map(Into::into))
    }

    /// The entries of a session.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn sealed_secrets_of(&self, session: SessionId) -> Result<Vec<SealedSecret>, StoreError> {
        let rows: Vec<Row> = sql!(
            fetch_all,
            self.reader(),
            "SELECT id, label, target, session_id, nonce, sealed, created_at FROM secrets WHERE session_id = $1 ORDER BY label, id",
            session.as_uuid()
        )?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl Write {
    /// Adds an entry.
    ///
    /// # Errors
    /// `Conflict(Reference)`, `Unavailable`.
    pub async fn insert_secret(&mut self, secret: &SealedSecret) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "INSERT INTO secrets (id, label, target, session_id, nonce, sealed, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            secret.id.as_uuid(),
            &secret.label,
            &secret.target,
            secret.session.map(|id| id.as_uuid()),
            &secret.nonce,
            &secret.sealed,
            secret.created_at.as_micros()
        )?;
        Ok(())
    }

    /// Deletes the entries of a session. Idempotent.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete_secrets_of(&mut self, session: SessionId) -> Result<u64, StoreError> {
        let done = sql!(
            execute,
            self.connection(),
            "DELETE FROM secrets WHERE session_id = $1",
            session.as_uuid()
        )?;
        Ok(done)
    }
}
