//! Looking at a session from outside: what it uses, what it wrote. Changes nothing, and waits for nobody's turn but to learn
//! which container it is.

use std::sync::Arc;

use gatewright_core::SessionId;
use gatewright_ports::AgentError;
use gatewright_ports::agent_control::{OutputPiece, OutputStream, SessionStats};
use gatewright_ports::control::Der;

use crate::agent::Inner;

impl Inner {
    /// See [`gatewright_ports::AgentControl::stats`].
    pub(crate) async fn stats(self: &Arc<Self>, session: SessionId) -> Result<SessionStats, AgentError> {
        let id = self.container(session).await?;
        let usage = self.calls.stats(session, &id).await?;
        Ok(SessionStats {
            cpu_micros: usage.cpu_micros,
            memory_bytes: usage.memory_bytes,
            memory_limit_bytes: usage.memory_limit_bytes,
            pids: usage.pids,
            received_bytes: usage.network.map(|(received, _)| received),
            sent_bytes: usage.network.map(|(_, sent)| sent),
        })
    }

    /// See [`gatewright_ports::AgentControl::logs`].
    pub(crate) async fn logs(self: &Arc<Self>, session: SessionId, lines: u32) -> Result<Vec<OutputPiece>, AgentError> {
        let id = self.container(session).await?;
        let pieces = self.calls.logs(session, &id, lines).await?;
        let ours = pieces.into_iter().map(|piece| OutputPiece {
            to: match piece.to {
                gatewright_plugin_host::OutputStream::Stdout => OutputStream::Stdout,
                gatewright_plugin_host::OutputStream::Stderr => OutputStream::Stderr,
            },
            bytes: Der(piece.bytes),
        });
        Ok(ours.collect())
    }
}
