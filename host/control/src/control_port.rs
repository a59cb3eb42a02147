//! `Control`: what the other roles ask.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::event::Event;
use gatewright_core::plugin::Digest;
use gatewright_core::session::EndReason;
use gatewright_core::{NodeId, SecretId, SessionId};
use gatewright_database::SealedSecret;
use gatewright_ports::agent_control::NodeStatus;
use gatewright_ports::control::{Deployment, JoinRequest, Joined, PolicySnapshot, RenewRequest, SecretEntry, SessionContext};
use gatewright_ports::{Control, ControlError};
use secrecy::SecretString;
use tokio::sync::watch;

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::vault::session_target;

/// How long `watch` waits at the most.
const WATCH: Duration = Duration::from_secs(30);

pub(crate) fn unavailable<E: Into<Internal>>(error: E) -> ControlError {
    let error = error.into();
    tracing::error!(error = &error as &dyn std::error::Error, "Request of another role failed");
    ControlError::Unavailable
}

#[async_trait]
impl Control for ControlPlane {
    async fn join(&self, request: JoinRequest) -> Result<Joined, ControlError> {
        self.join_node(request).await
    }

    async fn renew(&self, node: NodeId, request: RenewRequest) -> Result<Joined, ControlError> {
        self.renew_node(node, request).await
    }

    async fn deployment(&self) -> Result<Deployment, ControlError> {
        self.whole_deployment().await.map_err(unavailable)
    }

    async fn heartbeat(&self, status: NodeStatus) -> Result<(), ControlError> {
        self.note_heartbeat(&status).await.map_err(unavailable)
    }

    async fn watch(&self, since: u64) -> Result<u64, ControlError> {
        self.wait_for_change(self.0.store.changes(), since).await
    }

    async fn watch_settings(&self, since: u64) -> Result<u64, ControlError> {
        self.wait_for_change(self.0.store.changed_settings(), since).await
    }

    async fn policy(&self) -> Result<Arc<PolicySnapshot>, ControlError> {
        self.policy_snapshot().await.map_err(unavailable)
    }

    async fn session(&self, session: SessionId) -> Result<SessionContext, ControlError> {
        let store = &self.0.store;
        let record = store.session(session).await.map_err(unavailable)?.ok_or(ControlError::NotFound)?;
        // A disabled user connects to nothing. Whose session ends by that is told so.
        if record.session.end.is_none() && !self.is_enabled(record.session.user).await.map_err(unavailable)? {
            return Err(ControlError::NotFound);
        }
        Ok(SessionContext {
            session,
            user: record.session.user,
            user_name: record.user_name,
            groups: store.groups_of(record.session.user).await.map_err(unavailable)?,
            workspace: record.session.workspace,
            workspace_name: record.workspace_name,
            zone: record.session.zone,
            node: record.session.node.ok_or(ControlError::NotFound)?,
            state: record.session.state,
            paused: record.session.paused_at.is_some(),
            end: record.session.end,
        })
    }

    async fn component(&self, digest: Digest) -> Result<Bytes, ControlError> {
        let bytes = self.0.store.plugin_file(&digest).await.map_err(unavailable)?;
        bytes.map(Bytes::from).ok_or(ControlError::NotFound)
    }

    async fn secrets(&self, session: SessionId) -> Result<Vec<SecretEntry>, ControlError> {
        let entries = self.usable_secrets(session).await?;
        Ok(entries
            .into_iter()
            .map(|entry| SecretEntry {
                id: entry.id,
                label: entry.label,
            })
            .collect())
    }

    async fn secret(&self, session: SessionId, secret: SecretId) -> Result<SecretString, ControlError> {
        let entries = self.usable_secrets(session).await?;
        let entry = entries.into_iter().find(|entry| entry.id == secret).ok_or(ControlError::NotFound)?;
        // Opened for the target that this session has, not for the one that the row names.
        self.0.vault.unseal(&entry, &session_target(session, "vnc")).map_err(unavailable)
    }

    async fn append_events(&self, events: Vec<Event>) -> Result<(), ControlError> {
        let stored = self.0.store.retry(|| async {
            let mut write = self.0.store.begin().await?;
            for event in &events {
                write.append_event(event).await?;
            }
            write.commit().await
        });
        stored.await.map_err(unavailable)
    }

    async fn end_session(&self, session: SessionId, reason: EndReason) -> Result<(), ControlError> {
        let ended = self.end(session, reason, &Actor::system()).await.map_err(unavailable)?;
        ended.map(|_| ()).ok_or(ControlError::NotFound)
    }
}

impl ControlPlane {
    async fn wait_for_change(&self, mut head: watch::Receiver<u64>, since: u64) -> Result<u64, ControlError> {
        let changed = tokio::select! {
            () = self.0.stop.cancelled() => return Err(ControlError::Unavailable),
            // Unequal rather than greater: a database restored from yesterday is behind its readers.
            changed = tokio::time::timeout(WATCH, head.wait_for(|now| *now != since)) => changed,
        };
        match changed {
            Ok(Ok(now)) => Ok(*now),
            Ok(Err(_)) => Err(ControlError::Unavailable),
            Err(_) => Ok(since),
        }
    }

    /// The entries of a session that runs. What is over has no secrets.
    async fn usable_secrets(&self, session: SessionId) -> Result<Vec<SealedSecret>, ControlError> {
        let record = self
            .0
            .store
            .session(session)
            .await
            .map_err(unavailable)?
            .ok_or(ControlError::NotFound)?;
        if record.session.state.is_final() {
            return Err(ControlError::NotFound);
        }
        self.0.store.sealed_secrets_of(session).await.map_err(unavailable)
    }
}
