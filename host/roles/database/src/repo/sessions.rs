//! Sessions and the states that they went through. Every move names the state that it leaves, so that of two
//! movers only one succeeds.

use gatewright_core::capacity::{Resources, Shortage};
use gatewright_core::record::{Network, Session};
use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::{DeviceName, HomeId, NodeId, SessionId, Timestamp, UserId, WorkspaceId, ZoneId};
use sqlx::FromRow;
use uuid::Uuid;

use super::homes::SessionHome;
use super::nodes::{lock_allocatable, reserved_on};
use super::workspaces::{network, network_str, resources};
use crate::convert::{from_json, json, to_i64};
use crate::sql::sql;
use crate::{ChangeKind, Store, StoreError, Write};

/// A session with the names of its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session.
    pub session: Session,
    /// Its user's login name when it was launched.
    pub user_name: String,
    /// Its workspace's name when it was launched.
    pub workspace_name: String,
    /// Its workspace's icon when it was launched.
    pub workspace_icon: String,
    /// The engine's image.
    pub image: String,
    /// What it reaches.
    pub network: Network,
    /// The address that launched it.
    pub client: String,
    /// The home that it has.
    pub home: Option<SessionHome>,
    /// The devices that its workspace asked for when it was launched.
    pub devices: Vec<DeviceName>,
}

/// A launch, as asked for.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The id it will have.
    pub id: SessionId,
    /// Chosen by the client, so that a repeated request is the same session.
    pub request_key: Option<Uuid>,
    /// Whose.
    pub user: UserId,
    /// The user's login name.
    pub user_name: String,
    /// What.
    pub workspace: WorkspaceId,
    /// Its name.
    pub workspace_name: String,
    /// Its icon.
    pub workspace_icon: String,
    /// Its image.
    pub image: String,
    /// What it reaches.
    pub network: Network,
    /// The devices that it has.
    pub devices: Vec<DeviceName>,
    /// What it is promised.
    pub resources: Resources,
    /// Where.
    pub zone: ZoneId,
    /// The address that asked.
    pub client: String,
}

/// A state that a session entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRecord {
    /// The state.
    pub state: SessionState,
    /// When.
    pub at: Timestamp,
    /// For administrators.
    pub detail: String,
}

/// How a try to take a node's room went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// It is taken.
    Taken,
    /// The node has too little left by now.
    NoRoom(Shortage),
    /// There is no such node any more.
    NoNode,
    /// The session's home is on another node.
    HomeElsewhere,
    /// The session is no longer in the state that it was in.
    Moved,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    user_name: String,
    workspace_id: Uuid,
    workspace_name: String,
    workspace_icon: String,
    image: String,
    network: String,
    devices: String,
    cpu_millicores: i64,
    memory_bytes: i64,
    pids: i64,
    shm_bytes: i64,
    zone_id: Uuid,
    node_id: Option<Uuid>,
    client: String,
    state: String,
    end_reason: Option<String>,
    created_at: i64,
    ready_at: Option<i64>,
    ended_at: Option<i64>,
    paused_at: Option<i64>,
    home_id: Option<Uuid>,
    home_node: Option<Uuid>,
    home_made_at: Option<i64>,
}

fn state(text: &str) -> Result<SessionState, StoreError> {
    SessionState::parse(text).ok_or(StoreError::Invalid { what: "session state" })
}

impl TryFrom<Row> for SessionRecord {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            session: Session {
                id: SessionId::from_uuid(row.id),
                user: UserId::from_uuid(row.user_id),
                workspace: WorkspaceId::from_uuid(row.workspace_id),
                zone: ZoneId::from_uuid(row.zone_id),
                node: row.node_id.map(NodeId::from_uuid),
                state: state(&row.state)?,
                end: row.end_reason.as_deref().map(|text| from_json(text, "end reason")).transpose()?,
                resources: resources(row.cpu_millicores, row.memory_bytes, row.pids, row.shm_bytes)?,
                created_at: Timestamp::from_micros(row.created_at),
                ready_at: row.ready_at.map(Timestamp::from_micros),
                ended_at: row.ended_at.map(Timestamp::from_micros),
                paused_at: row.paused_at.map(Timestamp::from_micros),
            },
            user_name: row.user_name,
            workspace_name: row.workspace_name,
            workspace_icon: row.workspace_icon,
            image: row.image,
            network: network(&row.network)?,
            devices: from_json(&row.devices, "list of devices")?,
            client: row.client,
            home: row.home_id.map(|id| SessionHome {
                id: HomeId::from_uuid(id),
                node: row.home_node.map(NodeId::from_uuid),
                made: row.home_made_at.is_some(),
            }),
        })
    }
}

/// `SELECT` of a whole row, with what follows it.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, user_name, workspace_id, workspace_name, workspace_icon, image, network, devices, cpu_millicores, ",
            "memory_bytes, pids, shm_bytes, zone_id, node_id, client, state, end_reason, created_at, ready_at, ended_at, paused_at, ",
            "home_id, (SELECT homes.node_id FROM homes WHERE homes.id = home_id) AS home_node, ",
            "(SELECT homes.made_at FROM homes WHERE homes.id = home_id) AS home_made_at ",
            "FROM sessions ",
            $rest
        )
    };
}

impl Store {
    /// A session by id.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        let row: Option<Row> = sql!(fetch_optional, self.reader(), select!("WHERE id = $1"), id.as_uuid())?;
        row.map(TryInto::try_into).transpose()
    }

    /// The session of an earlier request with the same key.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn session_by_request(&self, user: UserId, key: Uuid) -> Result<Option<SessionRecord>, StoreError> {
        let row: Option<Row> = sql!(
            fetch_optional,
            self.reader(),
            select!("WHERE user_id = $1 AND request_key = $2"),
            user.as_uuid(),
            key
        )?;
        row.map(TryInto::try_into).transpose()
    }

    /// A user's sessions that are not final, and those that ended after `ended_after`; newest first, 200 at the most. Checks
    /// of images are none of them.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn sessions_of(&self, user: UserId, ended_after: Timestamp) -> Result<Vec<SessionRecord>, StoreError> {
        let rows: Vec<Row> = sql!(
            fetch_all,
            self.reader(),
            select!(
                "WHERE user_id = $1 AND (state NOT IN ('ended', 'failed') OR ended_at > $2) \
                 AND id NOT IN (SELECT session_id FROM image_checks) ORDER BY created_at DESC, id DESC LIMIT 200"
            ),
            user.as_uuid(),
            ended_after.as_micros()
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// All sessions that are not final, oldest first.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn open_sessions(&self) -> Result<Vec<SessionRecord>, StoreError> {
        let rows: Vec<Row> = sql!(
            fetch_all,
            self.reader(),
            select!("WHERE state NOT IN ('ended', 'failed') ORDER BY created_at, id")
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The sessions of a node that are not final, oldest first.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn open_sessions_on(&self, node: NodeId) -> Result<Vec<SessionRecord>, StoreError> {
        let rows: Vec<Row> = sql!(
            fetch_all,
            self.reader(),
            select!("WHERE node_id = $1 AND state NOT IN ('ended', 'failed') ORDER BY created_at, id"),
            node.as_uuid()
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The states that a session went through, in order.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn session_steps(&self, id: SessionId) -> Result<Vec<StepRecord>, StoreError> {
        let rows: Vec<(String, i64, String)> = sql!(
            fetch_all,
            self.reader(),
            "SELECT state, at, detail FROM session_steps WHERE session_id = $1 ORDER BY at",
            id.as_uuid()
        )?;
        let mut steps = rows
            .into_iter()
            .map(|(text, at, detail)| {
                Ok(StepRecord {
                    state: state(&text)?,
                    at: Timestamp::from_micros(at),
                    detail,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        // States only go forward, so of two within a microsecond the later one is the later state.
        steps.sort_by_key(|step| (step.at, step.state));
        Ok(steps)
    }

    /// Whether a user ever had a session of a workspace that became ready; of any workspace for none.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn had_ready_session(&self, user: UserId, icon: &str) -> Result<bool, StoreError> {
        let row: Option<(Uuid,)> = sql!(
            fetch_optional,
            self.reader(),
            "SELECT id FROM sessions WHERE user_id = $1 AND workspace_icon = $2 AND ready_at IS NOT NULL LIMIT 1",
            user.as_uuid(),
            icon
        )?;
        Ok(row.is_some())
    }
}

impl Write {
    /// A session, as this transaction sees it.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn session(&mut self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        let row: Option<Row> = sql!(fetch_optional, self.connection(), select!("WHERE id = $1"), id.as_uuid())?;
        row.map(TryInto::try_into).transpose()
    }

    /// How many sessions of a user are not final. The user can't request another one elsewhere until this transaction ends.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn count_open_sessions_of(&mut self, user: UserId) -> Result<i64, StoreError> {
        let _user: Option<(Uuid,)> = sql!(lock, self.connection(), "SELECT id FROM users WHERE id = $1", user.as_uuid())?;
        let (count,): (i64,) = sql!(
            fetch_one,
            self.connection(),
            "SELECT count(*) FROM sessions WHERE user_id = $1 AND state NOT IN ('ended', 'failed')",
            user.as_uuid()
        )?;
        Ok(count)
    }

    /// Adds a session as `Requested`.
    ///
    /// # Errors
    /// `Conflict(SessionRequest)` where the same request was made before, `OutOfRange`, `Unavailable`.
    pub async fn insert_session(&mut self, new: &NewSession, at: Timestamp) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "INSERT INTO sessions (id, request_key, user_id, user_name, workspace_id, workspace_name, workspace_icon, image, network, \
             cpu_millicores, memory_bytes, pids, shm_bytes, zone_id, client, devices, state, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 'requested', $17)",
            new.id.as_uuid(),
            new.request_key,
            new.user.as_uuid(),
            &new.user_name,
            new.workspace.as_uuid(),
            &new.workspace_name,
            &new.workspace_icon,
            &new.image,
            network_str(new.network),
            i64::from(new.resources.cpu_millicores),
            to_i64(new.resources.memory_bytes, "memory limit")?,
            i64::from(new.resources.pids),
            to_i64(new.resources.shm_bytes, "shm limit")?,
            new.zone.as_uuid(),
            &new.client,
            json(&new.devices)?,
            at.as_micros()
        )?;
        self.stepped(new.id, SessionState::Requested, at, "").await
    }

    /// `Requested` to `Reserved` on `node`, if the node still has the room. What the node has left is counted in this
    /// transaction, so two launches never take the same room.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn reserve(&mut self, id: SessionId, node: NodeId, at: Timestamp, detail: &str) -> Result<Reservation, StoreError> {
        let Some(record) = self.session(id).await?.filter(|r| r.session.state == SessionState::Requested) else {
            return Ok(Reservation::Moved);
        };
        match self.room(node, &record.session.resources).await? {
            Reservation::Taken => {}
            other => return Ok(other),
        }
        if !self.place_home(&record, node).await? {
            return Ok(Reservation::HomeElsewhere);
        }
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE sessions SET state = 'reserved', node_id = $2 WHERE id = $1 AND state = 'requested'",
            id.as_uuid(),
            node.as_uuid()
        )?;
        if done != 1 {
            return Ok(Reservation::Moved);
        }
        self.stepped(id, SessionState::Reserved, at, detail).await?;
        Ok(Reservation::Taken)
    }

    /// Moves a session that is `Creating` to another node, if that has the room. Nothing of it may be left on the old
    /// one: the caller has destroyed it there.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn change_node(
        &mut self,
        id: SessionId,
        old: NodeId,
        new: NodeId,
        at: Timestamp,
        detail: &str,
    ) -> Result<Reservation, StoreError> {
        let Some(record) = self.session(id).await?.filter(|r| r.session.state == SessionState::Creating) else {
            return Ok(Reservation::Moved);
        };
        match self.room(new, &record.session.resources).await? {
            Reservation::Taken => {}
            other => return Ok(other),
        }
        if !self.place_home(&record, new).await? {
            return Ok(Reservation::HomeElsewhere);
        }
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE sessions SET node_id = $3 WHERE id = $1 AND state = 'creating' AND node_id = $2",
            id.as_uuid(),
            old.as_uuid(),
            new.as_uuid()
        )?;
        if done != 1 {
            return Ok(Reservation::Moved);
        }
        self.stepped(id, SessionState::Creating, at, detail).await?;
        Ok(Reservation::Taken)
    }

    /// Moves a session from one state of its launch to the next. False where it is no longer in `from`, or where
    /// the state machine knows no such move. Behind `Creating` its home is made. To `Ending` use [`Self::begin_ending`], to a final state
    /// [`Self::finish_session`].
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn advance(
        &mut self,
        id: SessionId,
        from: SessionState,
        to: SessionState,
        at: Timestamp,
        detail: &str,
    ) -> Result<bool, StoreError> {
        if !from.may_become(to) || to == SessionState::Ending || to.is_final() {
            return Ok(false);
        }
        let ready_at = (to == SessionState::Ready).then_some(at.as_micros());
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE sessions SET state = $3, ready_at = $4 WHERE id = $1 AND state = $2",
            id.as_uuid(),
            from.as_str(),
            to.as_str(),
            ready_at
        )?;
        if done != 1 {
            return Ok(false);
        }
        if to == SessionState::Starting {
            self.home_was_made(id, at).await?;
        }
        self.stepped(id, to, at, detail).await?;
        Ok(true)
    }

    /// Notes that a ready session is meant to be paused since `at`, or to run. False where it is so already, or is not ready.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn set_paused(&mut self, id: SessionId, at: Option<Timestamp>) -> Result<bool, StoreError> {
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE sessions SET paused_at = $2 WHERE id = $1 AND state = 'ready' AND (paused_at IS NULL) = $3",
            id.as_uuid(),
            at.map(Timestamp::as_micros),
            at.is_some()
        )?;
        if done == 1 {
            self.changed(ChangeKind::Session, &id.to_string()).await?;
        }
        Ok(done == 1)
    }

    /// Moves a session to `Ending`, from wherever it is. False where it is ending or gone already; the first reason stays.
    ///
    /// # Errors
    /// `Json`, `Unavailable`.
    pub async fn begin_ending(&mut self, id: SessionId, reason: &EndReason, at: Timestamp, detail: &str) -> Result<bool, StoreError> {
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE sessions SET state = 'ending', end_reason = $2 WHERE id = $1 AND state NOT IN ('ending', 'ended', 'failed')",
            id.as_uuid(),
            json(reason)?
        )?;
        if done != 1 {
            return Ok(false);
        }
        self.stepped(id, SessionState::Ending, at, detail).await?;
        Ok(true)
    }

    /// Moves a session from `Ending` to `Failed` where its launch failed, else to `Ended`, deletes its secrets and frees its home.
    /// None where it is not ending.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn finish_session(&mut self, id: SessionId, at: Timestamp) -> Result<Option<SessionRecord>, StoreError> {
        let Some(mut record) = self.session(id).await?.filter(|r| r.session.state == SessionState::Ending) else {
            return Ok(None);
        };
        let to = match record.session.end {
            Some(EndReason::LaunchFailed(_) | EndReason::Interrupted) => SessionState::Failed,
            _ => SessionState::Ended,
        };
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE sessions SET state = $2, ended_at = $3 WHERE id = $1 AND state = 'ending'",
            id.as_uuid(),
            to.as_str(),
            at.as_micros()
        )?;
        if done != 1 {
            return Ok(None);
        }
        self.delete_secrets_of(id).await?;
        self.free_home_of(id).await?;
        self.stepped(id, to, at, "").await?;
        record.session.state = to;
        record.session.ended_at = Some(at);
        Ok(Some(record))
    }

    async fn room(&mut self, node: NodeId, wanted: &Resources) -> Result<Reservation, StoreError> {
        let Some(all) = lock_allocatable(self.connection(), node).await? else {
            return Ok(Reservation::NoNode);
        };
        let reserved = reserved_on(self.connection(), node).await?;
        Ok(match all.headroom(&reserved).fits(wanted) {
            Ok(()) => Reservation::Taken,
            Err(shortage) => Reservation::NoRoom(shortage),
        })
    }

    async fn stepped(&mut self, id: SessionId, state: SessionState, at: Timestamp, detail: &str) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "INSERT INTO session_steps (session_id, state, at, detail) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (session_id, state, at) DO UPDATE SET detail = excluded.detail",
            id.as_uuid(),
            state.as_str(),
            at.as_micros(),
            detail
        )?;
        self.changed(ChangeKind::Session, &id.to_string()).await
    }
}
