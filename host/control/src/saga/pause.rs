//! Pausing and going on. What is meant is persisted first, as a part of the session's record; its agent is made to follow, by
//! whoever drives the session, and by comparing when that one is gone: both calls may be repeated.

use std::error::Error;

use gatewright_core::SessionId;
use gatewright_core::error_chain::chain_of;
use gatewright_core::session::SessionState;
use gatewright_database::{Lease, SessionRecord, StoreError};
use gatewright_ports::AgentError;

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::saga::drive::fence;
use crate::views::SessionView;

/// Why a session was not paused, or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    /// There is no such session.
    #[error("no such session")]
    NotFound,
    /// It does not run: it is launching, or over.
    #[error("session is {}", .0.as_str())]
    NotReady(SessionState),
    /// Something of ours.
    #[error("session can't be paused")]
    Internal(#[from] Internal),
}

impl From<StoreError> for PauseError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl ControlPlane {
    /// Pauses a ready session. It keeps its memory and its place, and nobody connects to it. Idempotent.
    ///
    /// # Errors
    /// [`PauseError`].
    pub async fn pause(&self, id: SessionId, by: &Actor) -> Result<SessionView, PauseError> {
        self.set_paused(id, true, by).await
    }

    /// Lets a paused session go on. Idempotent.
    ///
    /// # Errors
    /// [`PauseError`].
    pub async fn resume(&self, id: SessionId, by: &Actor) -> Result<SessionView, PauseError> {
        self.set_paused(id, false, by).await
    }

    async fn set_paused(&self, id: SessionId, paused: bool, by: &Actor) -> Result<SessionView, PauseError> {
        let mut write = self.0.store.begin().await?;
        let record = write.session(id).await?.ok_or(PauseError::NotFound)?;
        if record.session.state != SessionState::Ready {
            return Err(PauseError::NotReady(record.session.state));
        }
        if write.set_paused(id, paused.then(|| self.now())).await? {
            let action = if paused { "session.paused" } else { "session.resumed" };
            write.append_event(&self.audit_session(by, action, &record, "", true)).await?;
            write.commit().await?;
            self.drive(id);
        }
        self.session(id).await?.ok_or(PauseError::NotFound)
    }

    /// Makes a ready session's agent follow what is meant. What can't be done now is done when the node is compared again.
    pub(crate) async fn follow_pause(&self, record: &SessionRecord, lease: &Lease) -> Result<(), Internal> {
        let id = record.session.id;
        let Some(agent) = record.session.node.and_then(|node| self.agent(node)) else {
            return Ok(());
        };
        let paused = record.session.paused_at.is_some();
        let call = async {
            if paused {
                agent.pause(id, fence(lease)).await
            } else {
                agent.resume(id, fence(lease)).await
            }
        };
        let failed = match tokio::time::timeout(self.0.config.step_timeout, call).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(AgentError::Fenced)) => return Err(StoreError::Fenced.into()),
            Ok(Err(error)) => error,
            Err(_) => AgentError::Unavailable,
        };
        tracing::warn!(session = %id, paused, error = &failed as &dyn Error, "Session's agent does not follow");
        // A person who asked for a pause that the engine refuses has a session that runs, and is told so.
        if paused && !matches!(failed, AgentError::Unavailable | AgentError::NotFound) {
            let mut write = self.begin_as(lease).await?;
            if write.set_paused(id, None).await? {
                let event = self.audit_session(&Actor::system(), "session.pause-failed", record, chain_of(&failed), false);
                write.append_event(&event).await?;
                write.commit().await?;
            }
        }
        Ok(())
    }
}
