//! What administrators see of everybody's sessions from outside: never what is on their screens.

use gatewright_core::SessionId;
use gatewright_database::{SessionRecord, StoreError};
use gatewright_ports::AgentError;
use gatewright_ports::agent_control::{OutputPiece, SessionStats};

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::views::{NameView, RunningView, WorkspaceRef};

/// How long an agent may take to tell.
const TOLD_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// Why nothing can be told of a session.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// There is no such session, or nothing of it runs.
    #[error("no such session runs")]
    NotFound,
    /// Its agent could not tell.
    #[error("agent can't tell")]
    Agent(#[from] AgentError),
    /// Something of ours.
    #[error("session can't be looked at")]
    Internal(#[from] Internal),
}

impl From<StoreError> for InspectError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl ControlPlane {
    /// Everybody's sessions that are not over, oldest first.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn running_sessions(&self) -> Result<Vec<RunningView>, Internal> {
        let nodes = self.0.store.nodes().await?;
        let records = self.0.store.open_sessions().await?;
        let views = records.into_iter().map(|record| {
            let session = record.session;
            let node = session.node.and_then(|id| nodes.iter().find(|node| node.id == id));
            RunningView {
                id: session.id,
                user: NameView {
                    id: session.user,
                    name: record.user_name,
                },
                workspace: WorkspaceRef {
                    id: session.workspace,
                    name: record.workspace_name,
                    icon: record.workspace_icon,
                },
                node: node.map(|node| node.name.clone()),
                state: session.state,
                created_at: session.created_at,
                paused_at: session.paused_at,
            }
        });
        Ok(views.collect())
    }

    /// What a session uses now.
    ///
    /// # Errors
    /// [`InspectError`].
    pub async fn session_stats(&self, id: SessionId) -> Result<SessionStats, InspectError> {
        let (_, agent) = self.inspected(id).await?;
        told(agent.stats(id)).await
    }

    /// The newest lines that a session's desktop logged. That they were read is on the record before they are.
    ///
    /// # Errors
    /// [`InspectError`].
    pub async fn session_logs(&self, id: SessionId, lines: u32, by: &Actor) -> Result<Vec<OutputPiece>, InspectError> {
        let (record, agent) = self.inspected(id).await?;
        let detail = format!("of {}, {lines} lines at the most", record.user_name);
        self.append(&self.audit_session(by, "session.log-read", &record, detail, true))
            .await?;
        told(agent.logs(id, lines)).await
    }

    async fn inspected(&self, id: SessionId) -> Result<(SessionRecord, std::sync::Arc<dyn gatewright_ports::AgentControl>), InspectError> {
        let record = self.0.store.session(id).await?;
        let record = record
            .filter(|record| !record.session.state.is_final())
            .ok_or(InspectError::NotFound)?;
        let node = record.session.node.ok_or(InspectError::NotFound)?;
        let agent = self.agent(node).ok_or(AgentError::Unavailable)?;
        Ok((record, agent))
    }
}

async fn told<T>(call: impl Future<Output = Result<T, AgentError>>) -> Result<T, InspectError> {
    match tokio::time::timeout(TOLD_WITHIN, call).await {
        Ok(Err(AgentError::NotFound)) => Err(InspectError::NotFound),
        Ok(told) => Ok(told?),
        Err(_) => Err(AgentError::Unavailable.into()),
    }
}
