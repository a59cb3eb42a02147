//! Looking into a session from outside: what it uses, what it wrote, what a program in it says. Waits for nobody's turn but to
//! learn which container it is.

use std::sync::Arc;

use gatewright_core::SessionId;
use gatewright_ports::AgentError;
use gatewright_ports::agent_control::{ExecOutcome, ExecProgram, OutputPiece, OutputStream, SessionStats};
use gatewright_ports::control::Der;
use tracing::{Instrument as _, warn};

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

    /// See [`gatewright_ports::AgentControl::exec`]. To its end even when the caller goes away: what runs is to be ended.
    pub(crate) async fn exec(self: &Arc<Self>, session: SessionId, program: ExecProgram) -> Result<ExecOutcome, AgentError> {
        program.check()?;
        if self.tasks.is_closed() {
            return Err(AgentError::Unavailable);
        }
        let id = self.container(session).await?;
        let inner = Arc::clone(self);
        let task = async move { inner.calls.exec(session, &id, program).await };
        match self.tasks.spawn(task.in_current_span()).await {
            Ok(result) => result,
            Err(error) => {
                warn!(%session, %error, "A program in a session was lost");
                Err(AgentError::Node {
                    why: "a program in the session was lost".into(),
                })
            }
        }
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
