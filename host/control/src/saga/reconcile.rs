//! Comparing what a node has with what the database says.

use std::collections::HashMap;
use std::error::Error;

use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::{NodeId, SessionId};
use gatewright_database::EventFilter;
use gatewright_ports::AgentError;
use gatewright_ports::agent_control::{Fence, OwnedSession};

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::{ControlPlane, lock};

/// What Activity calls a workspace that the database does not know.
const QUARANTINED: &str = "session.quarantined";

/// Why a node could not be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    #[error("agent does not answer")]
    Agent(#[from] AgentError),
    #[error("database operation failed")]
    Internal(#[from] Internal),
}

impl From<gatewright_database::StoreError> for ReconcileError {
    fn from(error: gatewright_database::StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl ControlPlane {
    /// Compares a node with the database at once and then from time to time, until its agent is forgotten.
    pub(crate) async fn watch_node(self, node: NodeId) {
        let mut tick = tokio::time::interval(self.0.config.reconcile_every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut first = true;
        loop {
            tick.tick().await;
            let Some(agent) = self.agent(node) else {
                return;
            };
            if first {
                // The first launch need not wait for the first heartbeat.
                if let Ok(status) = agent.status().await
                    && let Err(error) = self.note_heartbeat(&status).await
                {
                    tracing::warn!(%node, error = &error as &dyn Error, "Node's state can't be stored");
                }
                first = false;
            }
            if let Err(error) = self.reconcile(node).await {
                tracing::warn!(%node, error = &error as &dyn Error, "Node can't be compared with the database");
            }
        }
    }

    /// Compares a node with the database once. Containers of sessions that are over are destroyed, ready sessions without a
    /// container are ended, those that are paused against what is meant are driven on, containers that nobody knows are reported and left alone.
    pub(crate) async fn reconcile(&self, node: NodeId) -> Result<(), ReconcileError> {
        let agent = self.agent(node).ok_or(AgentError::Unavailable)?;
        // Read before the list: a session that becomes ready while the agent lists is none that lost its container.
        let open = self.0.store.open_sessions_on(node).await?;
        let listed: HashMap<SessionId, OwnedSession> = agent.list().await?.into_iter().map(|one| (one.session, one)).collect();

        for record in open.iter().filter(|one| one.session.state == SessionState::Ready) {
            match listed.get(&record.session.id).filter(|one| one.running) {
                None => {
                    tracing::info!(session = %record.session.id, "Workspace is gone");
                    self.end(record.session.id, EndReason::WorkspaceGone, &Actor::system()).await?;
                }
                // Who was to tell the agent did not come so far.
                Some(one) if one.paused.is_some_and(|paused| paused != record.session.paused_at.is_some()) => {
                    self.drive(record.session.id);
                }
                Some(_) => {}
            }
        }
        // What was not over before the list is none of these.
        for id in listed.into_keys().filter(|id| !open.iter().any(|one| one.session.id == *id)) {
            // Read after the list: what is final now was never to be created later.
            match self.0.store.session(id).await? {
                Some(record) if record.session.state.is_final() => {
                    tracing::info!(session = %id, "Removing what is left of a session that is over");
                    agent.destroy(id, Fence::OVER).await?;
                }
                Some(_) => {}
                None => self.quarantine(node, id).await?,
            }
        }
        Ok(())
    }

    /// Reports a container that belongs to this deployment and that the database does not know: a database restored from
    /// yesterday must not cost today's work.
    async fn quarantine(&self, node: NodeId, id: SessionId) -> Result<(), Internal> {
        if !lock(&self.0.quarantined).insert(id) {
            return Ok(());
        }
        // Another web-app may have told of it, or this one before it was started anew.
        let filter = EventFilter {
            action: Some(QUARANTINED.into()),
            session: Some(id),
            ..EventFilter::default()
        };
        if self.0.store.newest_event(&filter).await?.is_some() {
            return Ok(());
        }
        tracing::warn!(session = %id, %node, "Workspace is not in the database: left alone");
        let detail = format!("node {node} has a workspace that the database does not know; it was left alone");
        let mut event = self.audit(&Actor::system(), QUARANTINED, format!("session {id}"), detail, true);
        event.session = Some(id);
        self.append(&event).await
    }
}
