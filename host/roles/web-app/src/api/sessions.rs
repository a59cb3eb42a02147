//! Sessions, and the tickets into them.

use gatewright_control::{NameView, SessionView, WorkspaceRef};
use gatewright_core::session::SessionState;
use gatewright_core::{SessionId, Timestamp, UserId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::names::SessionStateName;

/// A request for a session.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Launch {
    #[schema(value_type = Uuid)]
    pub(crate) workspace_id: WorkspaceId,
}

/// One's own sessions, newest first: those that run, and those that ended within a day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sessions {
    pub(crate) items: Vec<Session>,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    #[schema(value_type = Uuid)]
    id: SessionId,
    workspace: SessionWorkspace,
    #[schema(value_type = SessionStateName)]
    state: SessionState,
    /// What happens now, in words.
    step: String,
    /// The steps of its launch.
    steps: Vec<Step>,
    /// What the person should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Why it ended or is ending.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<End>,
    /// Microseconds since 1970.
    #[schema(value_type = i64)]
    created_at: Timestamp,
    /// Microseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    ready_at: Option<Timestamp>,
    /// Microseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    ended_at: Option<Timestamp>,
    /// Since when it is paused. Microseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    paused_at: Option<Timestamp>,
    user: SessionUser,
}

/// The workspace of a session, as it was called when it was launched.
#[derive(Debug, Serialize, ToSchema)]
struct SessionWorkspace {
    #[schema(value_type = Uuid)]
    id: WorkspaceId,
    name: String,
    /// `terminal`, `desktop` or `browser`.
    icon: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Step {
    #[schema(value_type = SessionStateName)]
    state: SessionState,
    label: String,
    done: bool,
}

/// Why a session ended.
#[derive(Debug, Serialize, ToSchema)]
struct End {
    /// Stable, such as `user`, `administrator`, `launch-failed`, `workspace-gone`, `idle`, `time-limit`, `unattended`, `paused-too-long`.
    code: String,
    /// What a person reads.
    text: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct SessionUser {
    #[schema(value_type = Uuid)]
    id: UserId,
    name: String,
}

impl From<SessionView> for Session {
    fn from(view: SessionView) -> Self {
        let WorkspaceRef { id, name, icon } = view.workspace;
        let NameView { id: user, name: user_name } = view.user;
        Self {
            id: view.id,
            workspace: SessionWorkspace { id, name, icon },
            state: view.state,
            step: view.step,
            steps: view
                .steps
                .into_iter()
                .map(|step| Step {
                    state: step.state,
                    label: step.label,
                    done: step.done,
                })
                .collect(),
            message: view.message,
            end: view.end.map(|end| End {
                code: end.code,
                text: end.text,
            }),
            created_at: view.created_at,
            ready_at: view.ready_at,
            ended_at: view.ended_at,
            paused_at: view.paused_at,
            user: SessionUser { id: user, name: user_name },
        }
    }
}

/// Lets one person into one session within a minute.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ticket {
    /// To be posted to `enter` below `base_url`.
    pub(crate) ticket: String,
    /// `/session/<id>/`
    pub(crate) base_url: String,
    /// Microseconds since 1970.
    #[schema(value_type = i64)]
    pub(crate) expires_at: Timestamp,
}
