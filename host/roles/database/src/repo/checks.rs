//! Checks of images, each beside the session that it is done with.

use gatewright_core::{NodeId, SessionId, Timestamp, WorkspaceId};
use sqlx::FromRow;
use uuid::Uuid;

use crate::sql::sql;
use crate::{Store, StoreError, Write};

/// A check of a workspace's image on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRecord {
    /// The session that it is done with.
    pub session: SessionId,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The node that it is done on.
    pub node: NodeId,
    /// Its name.
    pub node_name: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// Its steps, JSON.
    pub steps: String,
}

#[derive(FromRow)]
struct Row {
    session_id: Uuid,
    workspace_id: Uuid,
    node_id: Uuid,
    node_name: String,
    started_at: i64,
    finished_at: Option<i64>,
    steps: String,
}

impl From<Row> for CheckRecord {
    fn from(row: Row) -> Self {
        Self {
            session: SessionId::from_uuid(row.session_id),
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            node: NodeId::from_uuid(row.node_id),
            node_name: row.node_name,
            started_at: Timestamp::from_micros(row.started_at),
            finished_at: row.finished_at.map(Timestamp::from_micros),
            steps: row.steps,
        }
    }
}

/// The last check of a workspace.
macro_rules! last {
    ($on:expr, $workspace:expr) => {{
        let row: Option<Row> = sql!(
            fetch_optional,
            $on,
            "SELECT session_id, workspace_id, node_id, node_name, started_at, finished_at, steps FROM image_checks \
             WHERE workspace_id = $1 ORDER BY started_at DESC, session_id DESC LIMIT 1",
            $workspace.as_uuid()
        )?;
        Ok(row.map(Into::into))
    }};
}

impl Store {
    /// The check that is done with a session. None for a session that a person launched.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn check_of_session(&self, session: SessionId) -> Result<Option<CheckRecord>, StoreError> {
        let row: Option<Row> = sql!(
            fetch_optional,
            self.reader(),
            "SELECT session_id, workspace_id, node_id, node_name, started_at, finished_at, steps FROM image_checks WHERE session_id = $1",
            session.as_uuid()
        )?;
        Ok(row.map(Into::into))
    }

    /// The last check of a workspace's image.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn last_check(&self, workspace: WorkspaceId) -> Result<Option<CheckRecord>, StoreError> {
        last!(self.reader(), workspace)
    }
}

impl Write {
    /// The last check of a workspace's image. Nobody else begins one until this transaction ends.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn last_check(&mut self, workspace: WorkspaceId) -> Result<Option<CheckRecord>, StoreError> {
        let _workspace: Option<(Uuid,)> = sql!(
            lock,
            self.connection(),
            "SELECT id FROM workspaces WHERE id = $1",
            workspace.as_uuid()
        )?;
        last!(self.connection(), workspace)
    }

    /// Adds a check, whose session this transaction has added.
    ///
    /// # Errors
    /// `Conflict(Reference)` where its workspace is gone, `Unavailable`.
    pub async fn insert_check(&mut self, check: &CheckRecord) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "INSERT INTO image_checks (session_id, workspace_id, node_id, node_name, started_at, finished_at, steps) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            check.session.as_uuid(),
            check.workspace.as_uuid(),
            check.node.as_uuid(),
            &check.node_name,
            check.started_at.as_micros(),
            check.finished_at.map(Timestamp::as_micros),
            &check.steps
        )?;
        Ok(())
    }

    /// Notes how far a check is. One that is over stays as it is; one whose workspace is gone is none any more.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn update_check(&mut self, session: SessionId, steps: &str, finished_at: Option<Timestamp>) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "UPDATE image_checks SET steps = $2, finished_at = $3 WHERE session_id = $1 AND finished_at IS NULL",
            session.as_uuid(),
            steps,
            finished_at.map(Timestamp::as_micros)
        )?;
        Ok(())
    }
}
