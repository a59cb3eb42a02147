//! Launching, looking at, entering and ending sessions.

use std::time::SystemTime;

use axum::extract::State;
use axum::{Extension, Json};
use gatewright_control::{LaunchError, LaunchRequest, PauseError, SessionView};
use gatewright_core::SessionId;
use gatewright_core::session::{EndReason, SessionState};
use gatewright_identity::{EntryZone, SESSION_PREFIX, SessionPath, TicketGrant};
use gatewright_policy::Permission;
use http::{HeaderMap, StatusCode};
use uuid::Uuid;

use crate::api::{Launch, Session, Sessions, Ticket};
use crate::app::WebApp;
use crate::error::{ApiError, Problem};
use crate::extract::{At, Body, idempotency_key};
use crate::login::{Login, May, SessionsLaunch};

/// Launch a workspace. It starts in the background: follow its events.
#[utoipa::path(post, path = "/api/v1/sessions", operation_id = "launch_session", tag = "sessions", request_body = Launch,
    params(("Idempotency-Key" = Option<Uuid>, Header, description = "The same key is the same session.")),
    extensions(("x-permission" = json!("sessions.launch"))),
    responses(
        (status = 202, body = Session),
        (status = "default", body = Problem, content_type = "application/problem+json",
            description = "409 `unavailable`, 409 `too-many-sessions`."),
))]
pub(crate) async fn launch(
    State(app): State<WebApp>,
    login: May<SessionsLaunch>,
    entry: Option<Extension<EntryZone>>,
    headers: HeaderMap,
    Body(wanted): Body<Launch>,
) -> Result<(StatusCode, Json<Session>), ApiError> {
    let key = idempotency_key(&headers)?;
    app.limits.launch(login.identity.user.id)?;
    let request = LaunchRequest {
        workspace: wanted.workspace_id,
        key,
        client: login.client.clone(),
        zone: entry.map(|Extension(EntryZone(zone))| zone),
    };
    let view = app.control.launch(&login.identity, request).await.map_err(|error| match error {
        LaunchError::NotFound => ApiError::not_found(),
        LaunchError::Unavailable(why) => ApiError::conflict("unavailable", why),
        LaunchError::TooMany { limit } => ApiError::conflict(
            "too-many-sessions",
            format!("You have {limit} sessions already. End one of them first."),
        ),
        LaunchError::Internal(internal) => internal.into(),
    })?;
    Ok((StatusCode::ACCEPTED, Json(view.into())))
}

/// One's own sessions.
#[utoipa::path(get, path = "/api/v1/sessions", operation_id = "list_sessions", tag = "sessions", responses(
    (status = 200, body = Sessions),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list(State(app): State<WebApp>, login: Login) -> Result<Json<Sessions>, ApiError> {
    let items = app.control.sessions_of(login.identity.user.id).await?;
    Ok(Json(Sessions {
        items: items.into_iter().map(Into::into).collect(),
    }))
}

/// One session.
#[utoipa::path(get, path = "/api/v1/sessions/{id}", operation_id = "get_session", tag = "sessions", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Session),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn one(State(app): State<WebApp>, login: Login, At(id): At<SessionId>) -> Result<Json<Session>, ApiError> {
    Ok(Json(visible(&app, &login, id).await?.into()))
}

/// End a session.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", operation_id = "end_session", tag = "sessions", params(("id" = Uuid, Path)), responses(
    (status = 202, body = Session, description = "It is ending."),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn end(State(app): State<WebApp>, login: Login, At(id): At<SessionId>) -> Result<(StatusCode, Json<Session>), ApiError> {
    let session = visible(&app, &login, id).await?;
    let reason = if session.user.id == login.identity.user.id {
        EndReason::User
    } else {
        EndReason::Administrator
    };
    let view = app.control.end(id, reason, &login.actor()).await?.ok_or_else(ApiError::not_found)?;
    Ok((StatusCode::ACCEPTED, Json(view.into())))
}

/// Pause a session: it keeps its memory and its place. Once it was asked for it is so, or Activity says why not.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/pause", operation_id = "pause_session", tag = "sessions", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Session, description = "It is paused, or about to be."),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `not-ready`."),
))]
pub(crate) async fn pause(State(app): State<WebApp>, login: Login, At(id): At<SessionId>) -> Result<Json<Session>, ApiError> {
    visible(&app, &login, id).await?;
    let view = app.control.pause(id, &login.actor()).await.map_err(not_paused)?;
    Ok(Json(view.into()))
}

/// Let a paused session go on.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/resume", operation_id = "resume_session", tag = "sessions", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Session, description = "It goes on, or is about to."),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `not-ready`."),
))]
pub(crate) async fn resume(State(app): State<WebApp>, login: Login, At(id): At<SessionId>) -> Result<Json<Session>, ApiError> {
    visible(&app, &login, id).await?;
    let view = app.control.resume(id, &login.actor()).await.map_err(not_paused)?;
    Ok(Json(view.into()))
}

fn not_paused(error: PauseError) -> ApiError {
    match error {
        PauseError::NotFound => ApiError::not_found(),
        PauseError::NotReady(state) => not_ready(state),
        PauseError::Internal(internal) => internal.into(),
    }
}

fn not_ready(state: SessionState) -> ApiError {
    ApiError::conflict("not-ready", format!("The session is {}.", state.as_str()))
}

/// Get a ticket into one's own session, good for a minute.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/ticket", operation_id = "get_ticket", tag = "sessions", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Ticket),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `not-ready`, 409 `paused`."),
))]
pub(crate) async fn ticket(State(app): State<WebApp>, login: Login, At(id): At<SessionId>) -> Result<Json<Ticket>, ApiError> {
    let session = app.control.session(id).await?;
    // An administrator may end other people's sessions, not look into them.
    let session = session
        .filter(|session| session.user.id == login.identity.user.id)
        .ok_or_else(ApiError::not_found)?;
    if session.state != SessionState::Ready {
        return Err(not_ready(session.state));
    }
    if session.paused_at.is_some() {
        return Err(ApiError::conflict("paused", "This session is paused."));
    }
    let grant = TicketGrant {
        user: session.user.id,
        session: id,
        zone: session.zone,
        paths: [
            SessionPath::Vnc,
            SessionPath::Notices,
            SessionPath::Files,
            SessionPath::Upload,
            SessionPath::Download,
        ]
        .into(),
        view_only: false,
    };
    let signed = app.signer.sign(grant, Uuid::now_v7(), SystemTime::now().into());
    let (token, ticket) = signed.map_err(ApiError::internal)?;
    Ok(Json(Ticket {
        ticket: token,
        base_url: format!("{SESSION_PREFIX}{id}/"),
        expires_at: ticket.expires_at,
    }))
}

/// A session of one's own, or anybody's for who manages sessions. Others are not there.
pub(super) async fn visible(app: &WebApp, login: &Login, id: SessionId) -> Result<SessionView, ApiError> {
    let user = &login.identity.user;
    let session = app.control.session(id).await?;
    session
        .filter(|session| session.user.id == user.id || app.authorizer.allows(&user.role, Permission::SessionsManage))
        .ok_or_else(ApiError::not_found)
}
