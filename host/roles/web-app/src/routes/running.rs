//! Everybody's sessions, for administrators. Reading a log is on the record.

use axum::Json;
use axum::extract::State;
use gatewright_control::InspectError;
use gatewright_core::SessionId;
use gatewright_ports::AgentError;
use http::StatusCode;

use crate::api::{Log, LogSearch, RunningSessions, Stats};
use crate::app::WebApp;
use crate::error::{ApiError, Problem};
use crate::extract::{Asked, At};
use crate::login::{May, SessionsInspect, SessionsManage};

/// Lines of a log where nobody says how many.
const LINES: u32 = 200;
/// The most lines of a log.
const MAX_LINES: u32 = 10_000;

/// Everybody's sessions that are not over.
#[utoipa::path(get, path = "/api/v1/running-sessions", operation_id = "list_running_sessions", tag = "sessions",
    extensions(("x-permission" = json!("sessions.manage"))), responses(
    (status = 200, body = RunningSessions),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list(State(app): State<WebApp>, _: May<SessionsManage>) -> Result<Json<RunningSessions>, ApiError> {
    let items = app.control.running_sessions().await?;
    Ok(Json(RunningSessions {
        items: items.into_iter().map(Into::into).collect(),
    }))
}

/// What a session uses now.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/stats", operation_id = "get_session_stats", tag = "sessions", params(("id" = Uuid, Path)),
    extensions(("x-permission" = json!("sessions.manage"))), responses(
    (status = 200, body = Stats),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `not-told`, 503 `node-away`."),
))]
pub(crate) async fn stats(State(app): State<WebApp>, _: May<SessionsManage>, At(id): At<SessionId>) -> Result<Json<Stats>, ApiError> {
    let stats = app.control.session_stats(id).await.map_err(not_told)?;
    Ok(Json(stats.into()))
}

/// What a session's desktop logged.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/logs", operation_id = "get_session_log", tag = "sessions",
    params(("id" = Uuid, Path), LogSearch), extensions(("x-permission" = json!("sessions.inspect"))), responses(
    (status = 200, body = Log),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `not-told`, 503 `node-away`."),
))]
pub(crate) async fn logs(
    State(app): State<WebApp>,
    login: May<SessionsInspect>,
    At(id): At<SessionId>,
    Asked(search): Asked<LogSearch>,
) -> Result<Json<Log>, ApiError> {
    let lines = search.lines.unwrap_or(LINES);
    if !(1..=MAX_LINES).contains(&lines) {
        return Err(ApiError::unprocessable("invalid-query", "A log has 1 to 10,000 lines."));
    }
    let pieces = app.control.session_logs(id, lines, &login.actor()).await.map_err(not_told)?;
    Ok(Json(Log {
        items: pieces.into_iter().map(Into::into).collect(),
    }))
}

fn not_told(error: InspectError) -> ApiError {
    match error {
        InspectError::NotFound => ApiError::not_found(),
        InspectError::Internal(internal) => internal.into(),
        InspectError::Agent(AgentError::Unavailable) => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "node-away",
            "The session's node does not answer. Try again in a moment.",
        ),
        InspectError::Agent(error) => ApiError::conflict("not-told", format!("The session's node can't tell: {error}.")),
    }
}
