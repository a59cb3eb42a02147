//! Asking for a session, and asking for its end.

use std::collections::BTreeSet;

use gatewright_core::record::Node;
use gatewright_core::session::EndReason;
use gatewright_core::{HomeId, NodeId, SessionId, Timestamp, UserId, WorkspaceId, ZoneId};
use gatewright_database::{Constraint, NewSession, SessionRecord, StoreError, Write};
use uuid::Uuid;

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::random;
use crate::users::login::Identity;
use crate::views::SessionView;
use crate::workspaces::unavailable;

/// A launch, as asked for.
#[derive(Debug, Clone)]
pub struct LaunchRequest {
    /// What.
    pub workspace: WorkspaceId,
    /// Chosen by the client: the same key is the same session.
    pub key: Option<Uuid>,
    /// The client's address as the edge saw it.
    pub client: String,
    /// The zone of the edge that it came through: the session is placed there, if a node of that zone lives.
    pub zone: Option<ZoneId>,
}

/// Why a session was not even requested.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is no such workspace.
    #[error("no such workspace")]
    NotFound,
    /// The workspace can't be launched; the text is for the person.
    #[error("workspace can't be launched: {0}")]
    Unavailable(String),
    /// The user has as many sessions as are allowed.
    #[error("user has {limit} sessions already")]
    TooMany {
        /// How many are allowed.
        limit: u32,
    },
    /// Something of ours.
    #[error("session can't be requested")]
    Internal(#[from] Internal),
}

impl From<StoreError> for LaunchError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl ControlPlane {
    /// Requests a session for a user who may launch. It is launched in the background; follow it by [`Self::subscribe`].
    ///
    /// # Errors
    /// [`LaunchError`].
    pub async fn launch(&self, who: &Identity, request: LaunchRequest) -> Result<SessionView, LaunchError> {
        if self.0.stop.is_cancelled() {
            return Err(Internal::Stopping.into());
        }
        if let Some(known) = self.requested_before(who.user.id, request.key).await? {
            return Ok(self.view(&known).await?);
        }
        let record = self.0.store.workspace(request.workspace).await?.ok_or(LaunchError::NotFound)?;
        let workspace = record.workspace;
        if let Some(reason) = unavailable(&workspace) {
            return Err(LaunchError::Unavailable(reason));
        }
        let home_zone = match workspace.keep_home {
            true => self.home_zone(who.user.id, workspace.id).await?,
            false => None,
        };
        let new = NewSession {
            id: SessionId::from_uuid(random::id()),
            request_key: request.key,
            user: who.user.id,
            user_name: who.user.name.clone(),
            workspace: workspace.id,
            workspace_name: workspace.name,
            workspace_icon: workspace.icon,
            image: workspace.image,
            network: workspace.network,
            devices: workspace.devices,
            resources: workspace.resources,
            zone: match &home_zone {
                Some(zone) => *zone,
                None => self.launch_zone(request.zone).await?,
            },
            client: request.client,
        };
        let mut write = self.0.store.begin().await?;
        if !self.is_enabled(who.user.id).await? {
            return Err(LaunchError::Unavailable("Your account is disabled.".into()));
        }
        let limit = self.0.config.sessions_per_user;
        if write.count_open_sessions_of(who.user.id).await? >= i64::from(limit) {
            return Err(LaunchError::TooMany { limit });
        }
        match write.insert_session(&new, self.now()).await {
            Ok(()) => {}
            // The same request came twice at once, and the other one was first.
            Err(StoreError::Conflict(Constraint::SessionRequest)) => {
                drop(write);
                let known = self
                    .requested_before(who.user.id, request.key)
                    .await?
                    .ok_or(LaunchError::NotFound)?;
                return Ok(self.view(&known).await?);
            }
            Err(error) => return Err(error.into()),
        }
        let mut record = write.session(new.id).await?.ok_or(LaunchError::NotFound)?;
        if workspace.keep_home {
            let fresh = HomeId::from_uuid(random::id());
            if !write.claim_home(&record, fresh, self.now()).await? {
                return Err(LaunchError::Unavailable(format!(
                    "{} is already open and keeps your home; resume that one.",
                    record.workspace_name
                )));
            }
            record = write.session(new.id).await?.ok_or(LaunchError::NotFound)?;
        }
        let event = self.audit_session(&who.actor(&record.client), "session.requested", &record, "", true);
        write.append_event(&event).await?;
        write.commit().await?;
        self.drive(new.id);
        Ok(self.view(&record).await?)
    }

    /// Whether a user may have sessions.
    pub(crate) async fn is_enabled(&self, user: UserId) -> Result<bool, StoreError> {
        Ok(self.0.store.user(user).await?.is_some_and(|user| user.user.enabled))
    }

    /// Where a session is to run: near its person, else with the control plane, else wherever a node lives.
    async fn launch_zone(&self, wished: Option<ZoneId>) -> Result<ZoneId, Internal> {
        let removed = self.0.store.removed_members().await?;
        let mut found = self.living_zone(wished, &removed).await?;
        if found.is_none() {
            // The first node may have come by another web-app, just now.
            self.forget_nodes();
            found = self.living_zone(wished, &removed).await?;
        }
        // None lives: the message is the same for every zone.
        Ok(found.or(wished).unwrap_or(self.0.zone))
    }

    /// A zone with a node that lives.
    async fn living_zone(&self, wished: Option<ZoneId>, removed: &BTreeSet<NodeId>) -> Result<Option<ZoneId>, Internal> {
        let nodes = self.nodes().await?;
        let now = self.now();
        let lives = |node: &&Node| !removed.contains(&node.id) && now.since(nodes.seen_at(node)) <= self.0.config.node_timeout;
        let in_zone = |zone: &ZoneId| nodes.all().iter().filter(|node| node.zone == *zone).any(|node| lives(&node));
        let preferred = [wished, Some(self.0.zone)].into_iter().flatten().find(in_zone);
        Ok(preferred.or_else(|| nodes.all().iter().filter(lives).map(|node| node.zone).min()))
    }

    /// Where the person's home is, where one was made.
    async fn home_zone(&self, user: UserId, workspace: WorkspaceId) -> Result<Option<ZoneId>, StoreError> {
        let home = self.0.store.home_of(user, workspace).await?;
        let Some(node) = home.filter(|home| home.made_at.is_some()).and_then(|home| home.node) else {
            return Ok(None);
        };
        let nodes = self.0.store.nodes().await?;
        Ok(nodes.into_iter().find(|one| one.id == node).map(|one| one.zone))
    }

    async fn requested_before(&self, user: UserId, key: Option<Uuid>) -> Result<Option<SessionRecord>, StoreError> {
        match key {
            Some(key) => self.0.store.session_by_request(user, key).await,
            None => Ok(None),
        }
    }

    /// A session. None where there is none.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn session(&self, id: SessionId) -> Result<Option<SessionView>, Internal> {
        match self.0.store.session(id).await? {
            Some(record) => Ok(Some(self.view(&record).await?)),
            None => Ok(None),
        }
    }

    /// A user's sessions: those not final, and what became final on the last day. Newest first.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn sessions_of(&self, user: UserId) -> Result<Vec<SessionView>, Internal> {
        const DAY_MICROS: i64 = 86_400_000_000;
        let since = Timestamp::from_micros(self.now().as_micros().saturating_sub(DAY_MICROS));
        let mut views = Vec::new();
        for record in self.0.store.sessions_of(user, since).await? {
            views.push(self.view(&record).await?);
        }
        Ok(views)
    }

    /// Ends a session from whatever state. Idempotent: the first reason stays. None where there is no such session.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn end(&self, id: SessionId, reason: EndReason, by: &Actor) -> Result<Option<SessionView>, Internal> {
        let Some(record) = self.0.store.session(id).await? else {
            return Ok(None);
        };
        let mut write = self.0.store.begin().await?;
        self.begin_end(&mut write, &record, &reason, by).await?;
        write.commit().await?;
        self.drive(id);
        self.session(id).await
    }

    /// Notes that a session ends, unless it does already. Once that is committed, it is to be driven.
    pub(crate) async fn begin_end(
        &self,
        write: &mut Write,
        record: &SessionRecord,
        reason: &EndReason,
        by: &Actor,
    ) -> Result<(), StoreError> {
        if write.begin_ending(record.session.id, reason, self.now(), "").await? {
            let detail = match reason {
                EndReason::ProtocolViolation(what) | EndReason::LaunchFailed(what) => what.clone(),
                other => other.text(),
            };
            write
                .append_event(&self.audit_session(by, "session.ending", record, detail, true))
                .await?;
        }
        Ok(())
    }
}
