//! Everybody's sessions, for administrators.

use gatewright_control::RunningView;
use gatewright_core::session::SessionState;
use gatewright_core::{SessionId, Timestamp};
use gatewright_ports::agent_control::{OutputPiece, OutputStream, SessionStats};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::names::SessionStateName;

/// Everybody's sessions that are not over, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunningSessions {
    pub(crate) items: Vec<RunningSession>,
}

/// Somebody's session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunningSession {
    #[schema(value_type = Uuid)]
    id: SessionId,
    /// Login name.
    user: String,
    /// The workspace's name.
    workspace: String,
    /// The node's name, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[schema(value_type = SessionStateName)]
    state: SessionState,
    /// Microseconds since 1970.
    #[schema(value_type = i64)]
    created_at: Timestamp,
    /// Since when it is paused. Microseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    paused_at: Option<Timestamp>,
}

impl From<RunningView> for RunningSession {
    fn from(view: RunningView) -> Self {
        Self {
            id: view.id,
            user: view.user.name,
            workspace: view.workspace.name,
            node: view.node,
            state: view.state,
            created_at: view.created_at,
            paused_at: view.paused_at,
        }
    }
}

/// What a session uses.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stats {
    /// Processor time since it was started, in microseconds.
    cpu_micros: u64,
    memory_bytes: u64,
    /// 0 where the engine does not say.
    memory_limit_bytes: u64,
    /// Processes and threads.
    pids: u32,
    /// Absent where it has no network.
    #[serde(skip_serializing_if = "Option::is_none")]
    received_bytes: Option<u64>,
    /// Absent where it has no network.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_bytes: Option<u64>,
}

impl From<SessionStats> for Stats {
    fn from(stats: SessionStats) -> Self {
        Self {
            cpu_micros: stats.cpu_micros,
            memory_bytes: stats.memory_bytes,
            memory_limit_bytes: stats.memory_limit_bytes,
            pids: stats.pids,
            received_bytes: stats.received_bytes,
            sent_bytes: stats.sent_bytes,
        }
    }
}

/// How much of a log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogSearch {
    /// The newest lines: 1 to 10,000. Default 200.
    pub(crate) lines: Option<u32>,
}

/// What a session's desktop logged, oldest first: the newest 256 KiB at the most.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Log {
    pub(crate) items: Vec<LogPiece>,
}

/// A piece of a log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogPiece {
    /// `stdout` or `stderr`.
    stream: &'static str,
    /// What is no text is replaced.
    text: String,
}

impl From<OutputPiece> for LogPiece {
    fn from(piece: OutputPiece) -> Self {
        Self {
            stream: match piece.to {
                OutputStream::Stdout => "stdout",
                OutputStream::Stderr => "stderr",
            },
            text: String::from_utf8_lossy(&piece.bytes.0).into_owned(),
        }
    }
}
