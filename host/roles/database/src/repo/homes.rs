//! Homes: folders of people that outlive their sessions, each on one node and in one session at a time.

use gatewright_core::{HomeId, NodeId, SessionId, Timestamp, UserId, WorkspaceId};
use sqlx::FromRow;
use uuid::Uuid;

use super::sessions::SessionRecord;
use crate::sql::sql;
use crate::{Store, StoreError, Write};

/// A home that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeRecord {
    /// Id.
    pub id: HomeId,
    /// Whose.
    pub user: UserId,
    /// Of which workspace.
    pub workspace: WorkspaceId,
    /// Its workspace's name when it was last used.
    pub workspace_name: String,
    /// Where it is; until it is made, where it was last tried.
    pub node: Option<NodeId>,
    /// When it was first asked for.
    pub created_at: Timestamp,
    /// When its node said that it is there.
    pub made_at: Option<Timestamp>,
    /// The session that has it.
    pub used_by: Option<SessionId>,
}

/// The home of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionHome {
    /// Id.
    pub id: HomeId,
    /// Where it is; until it is made, where it was last tried.
    pub node: Option<NodeId>,
    /// Whether its node said that it is there. If not, it may be made, on any node.
    pub made: bool,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    workspace_id: Uuid,
    workspace_name: String,
    node_id: Option<Uuid>,
    created_at: i64,
    made_at: Option<i64>,
    used_by: Option<Uuid>,
}

impl From<Row> for HomeRecord {
    fn from(row: Row) -> Self {
        Self {
            id: HomeId::from_uuid(row.id),
            user: UserId::from_uuid(row.user_id),
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            workspace_name: row.workspace_name,
            node: row.node_id.map(NodeId::from_uuid),
            created_at: Timestamp::from_micros(row.created_at),
            made_at: row.made_at.map(Timestamp::from_micros),
            used_by: row.used_by.map(SessionId::from_uuid),
        }
    }
}

/// `SELECT` of whole rows, with what follows it.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, workspace_id, workspace_name, node_id, created_at, made_at, used_by FROM homes ",
            $rest
        )
    };
}

impl Store {
    /// The home that a person has in a workspace, be it made or not.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn home_of(&self, user: UserId, workspace: WorkspaceId) -> Result<Option<HomeRecord>, StoreError> {
        let row: Option<Row> = sql!(
            fetch_optional,
            self.reader(),
            select!("WHERE user_id = $1 AND workspace_id = $2 AND NOT deleting"),
            user.as_uuid(),
            workspace.as_uuid()
        )?;
        Ok(row.map(Into::into))
    }

    /// A person's homes that were made, by the name of their workspaces.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn homes_of(&self, user: UserId) -> Result<Vec<HomeRecord>, StoreError> {
        let rows: Vec<Row> = sql!(
            fetch_all,
            self.reader(),
            select!("WHERE user_id = $1 AND made_at IS NOT NULL AND NOT deleting ORDER BY workspace_name, id"),
            user.as_uuid()
        )?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// The homes that their nodes have yet to remove. None of them is in use.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn homes_to_remove(&self) -> Result<Vec<HomeRecord>, StoreError> {
        let rows: Vec<Row> = sql!(
            fetch_all,
            self.reader(),
            select!("WHERE deleting AND used_by IS NULL ORDER BY id LIMIT 1000")
        )?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl Write {
    /// Gives the person's home in a session's workspace to that session, which was just inserted. Where there is none, it
    /// becomes `fresh`. False where another session has it: of two at once, one gets it.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn claim_home(&mut self, session: &SessionRecord, fresh: HomeId, at: Timestamp) -> Result<bool, StoreError> {
        let one = &session.session;
        sql!(
            execute,
            self.connection(),
            "INSERT INTO homes (id, user_id, workspace_id, workspace_name, created_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING",
            fresh.as_uuid(),
            one.user.as_uuid(),
            one.workspace.as_uuid(),
            &session.workspace_name,
            at.as_micros()
        )?;
        let claimed: Option<(Uuid,)> = sql!(
            fetch_optional,
            self.connection(),
            "UPDATE homes SET used_by = $1, workspace_name = $4 \
             WHERE user_id = $2 AND workspace_id = $3 AND NOT deleting AND used_by IS NULL RETURNING id",
            one.id.as_uuid(),
            one.user.as_uuid(),
            one.workspace.as_uuid(),
            &session.workspace_name
        )?;
        let Some((home,)) = claimed else {
            return Ok(false);
        };
        sql!(
            execute,
            self.connection(),
            "UPDATE sessions SET home_id = $2 WHERE id = $1",
            one.id.as_uuid(),
            home
        )?;
        Ok(true)
    }

    /// Binds a session's home to a node. False where it was made on another one.
    pub(crate) async fn place_home(&mut self, session: &SessionRecord, node: NodeId) -> Result<bool, StoreError> {
        let Some(home) = session.home else {
            return Ok(true);
        };
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE homes SET node_id = $2 WHERE id = $1 AND used_by = $3 AND (made_at IS NULL OR node_id = $2)",
            home.id.as_uuid(),
            node.as_uuid(),
            session.session.id.as_uuid()
        )?;
        Ok(done == 1)
    }

    /// Notes that a session's home is there.
    pub(crate) async fn home_was_made(&mut self, session: SessionId, at: Timestamp) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "UPDATE homes SET made_at = $2 WHERE used_by = $1 AND made_at IS NULL",
            session.as_uuid(),
            at.as_micros()
        )?;
        Ok(())
    }

    /// Lets others have a session's home.
    pub(crate) async fn free_home_of(&mut self, session: SessionId) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "UPDATE homes SET used_by = NULL WHERE used_by = $1",
            session.as_uuid()
        )?;
        Ok(())
    }

    /// Notes that a person's home is to be removed; the person gets a new one from then on. False where there is none that
    /// is free.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete_home(&mut self, id: HomeId, user: UserId) -> Result<bool, StoreError> {
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE homes SET deleting = $3 WHERE id = $1 AND user_id = $2 AND used_by IS NULL AND NOT deleting",
            id.as_uuid(),
            user.as_uuid(),
            true
        )?;
        Ok(done == 1)
    }

    /// Notes that the homes of a person who is gone are to be removed.
    pub(crate) async fn delete_homes_of(&mut self, user: UserId) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "UPDATE homes SET deleting = $2 WHERE user_id = $1",
            user.as_uuid(),
            true
        )?;
        Ok(())
    }

    /// Forgets a home that its node has removed.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn forget_home(&mut self, id: HomeId) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "DELETE FROM homes WHERE id = $1 AND deleting AND used_by IS NULL",
            id.as_uuid()
        )?;
        Ok(())
    }

    /// How many people keep something in a workspace's home.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn count_homes_in(&mut self, workspace: WorkspaceId) -> Result<i64, StoreError> {
        let (count,): (i64,) = sql!(
            fetch_one,
            self.connection(),
            "SELECT count(*) FROM homes WHERE workspace_id = $1 AND NOT deleting AND (made_at IS NOT NULL OR used_by IS NOT NULL)",
            workspace.as_uuid()
        )?;
        Ok(count)
    }
}
