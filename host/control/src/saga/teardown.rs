//! The one undo: streams, container, folder, secrets. Repeated until the agent confirms.

use std::error::Error;
use std::time::Duration;

use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::{NodeId, SessionId};
use gatewright_database::{Lease, SessionRecord, StoreError};
use gatewright_ports::AgentError;

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::saga::drive::fence;
use crate::saga::hooks::{HookFailure, Step};

/// The first wait between two tries; doubled each time.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Why one try did not go through.
#[derive(Debug, thiserror::Error)]
enum TryFailed {
    #[error("agent did not confirm that nothing is left")]
    Agent(#[from] AgentError),
    #[error("agent did not answer in time")]
    Timeout,
    #[error("agent still has something of it")]
    Left,
    #[error("database operation failed")]
    Internal(#[from] Internal),
    #[error("step was stopped")]
    Hook(#[from] HookFailure),
}

impl From<gatewright_database::StoreError> for TryFailed {
    fn from(error: gatewright_database::StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl ControlPlane {
    /// Destroys an ending session. Returns only when nothing of it is left and the database says so.
    pub(crate) async fn tear_down(&self, record: &SessionRecord, lease: &Lease) -> Result<(), Internal> {
        let id = record.session.id;
        let mut wait = BACKOFF_FIRST;
        let mut changed = self.0.agents_changed.subscribe();
        while let Err(error) = self.try_tear_down(record, lease).await {
            let error = match error {
                TryFailed::Internal(internal) if internal.is_fenced() => return Err(internal),
                // Should it be the database that is behind: each lease has a higher number.
                TryFailed::Agent(AgentError::Fenced) => {
                    tokio::time::sleep(wait).await;
                    return Err(StoreError::Fenced.into());
                }
                other => other,
            };
            tracing::warn!(session = %id, error = &error as &dyn Error, "Session is not gone yet");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // The agent that it waits for may have come just now.
                _ = changed.changed() => {}
            }
            wait = (wait * 2).min(BACKOFF_MAX);
        }
        Ok(())
    }

    async fn try_tear_down(&self, record: &SessionRecord, lease: &Lease) -> Result<(), TryFailed> {
        let id = record.session.id;
        let hooks = &self.0.config.hooks;
        let reason = record.session.end.clone().unwrap_or(EndReason::Interrupted);

        hooks.before(Step::Disconnect, id).await?;
        self.terminate_streams(id, &reason).await;
        hooks.after(Step::Disconnect, id).await?;

        hooks.before(Step::Destroy, id).await?;
        if let Some(node) = record.session.node
            && !self.is_removed(node).await?
        {
            self.destroy_on(node, id, lease).await?;
        }
        hooks.after(Step::Destroy, id).await?;
        let check = self.0.store.check_of_session(id).await?;
        if check.is_some() {
            self.nothing_left(record).await?;
        }

        hooks.before(Step::Finish, id).await?;
        let actor = self.owner(record).await;
        let mut write = self.begin_as(lease).await?;
        if let Some(finished) = write.finish_session(id, self.now()).await? {
            let action = if finished.session.state == SessionState::Failed {
                "session.failed"
            } else {
                "session.ended"
            };
            write
                .append_event(&self.audit_session(&actor, action, &finished, reason.text(), true))
                .await?;
        }
        if let Some(check) = &check {
            self.finish_check(&mut write, record, check).await?;
        }
        write.commit().await?;
        hooks.after(Step::Finish, id).await?;
        Ok(())
    }

    /// Makes sure that the agent has nothing of a session that it was told to destroy.
    async fn nothing_left(&self, record: &SessionRecord) -> Result<(), TryFailed> {
        let Some(node) = record.session.node else {
            return Ok(());
        };
        if self.is_removed(node).await? {
            return Ok(());
        }
        let agent = self.agent(node).ok_or(AgentError::Unavailable)?;
        let listed = tokio::time::timeout(self.0.config.step_timeout, agent.list())
            .await
            .map_err(|_| TryFailed::Timeout)??;
        if listed.iter().any(|one| one.session == record.session.id) {
            return Err(TryFailed::Left);
        }
        Ok(())
    }

    async fn destroy_on(&self, node: NodeId, id: SessionId, lease: &Lease) -> Result<(), TryFailed> {
        let agent = self.agent(node).ok_or(AgentError::Unavailable)?;
        tokio::time::timeout(self.0.config.step_timeout, agent.destroy(id, fence(lease)))
            .await
            .map_err(|_| TryFailed::Timeout)??;
        Ok(())
    }

    /// Begins the end of a launch that the process which drove it did not finish.
    pub(crate) async fn interrupt(&self, id: SessionId, lease: &Lease) -> Result<(), Internal> {
        let Some(record) = self.0.store.session(id).await? else {
            return Ok(());
        };
        let mut write = self.begin_as(lease).await?;
        if write
            .begin_ending(id, &EndReason::Interrupted, self.now(), "the host stopped during the launch")
            .await?
        {
            write
                .append_event(&self.audit_session(&Actor::system(), "session.interrupted", &record, "", true))
                .await?;
        }
        write.commit().await?;
        Ok(())
    }
}
