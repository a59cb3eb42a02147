//! `/session/<id>/`: a ticket becomes a cookie, and the cookie opens the session's paths.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use gatewright_core::{SessionId, Timestamp};
use gatewright_identity::{SESSION_PREFIX, SessionPath, TICKET_COOKIE, TICKET_LIFETIME, TicketError, TicketVerifier, VerifiedTicket};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use serde::Deserialize;

use crate::headers;
use crate::problem::Problem;

/// The largest body of `enter`.
const ENTER_MAX_BYTES: usize = 8 * 1024;

/// What a path below [`SESSION_PREFIX`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// To turn a ticket into a cookie.
    Enter(SessionId),
    /// A path that the cookie opens.
    Open(SessionId, SessionPath),
}

/// Reads a path. None for one that is not there.
pub(crate) fn wanted(path: &str) -> Option<Wanted> {
    let (session, rest) = path.strip_prefix(SESSION_PREFIX)?.split_once('/')?;
    // A UUID has other spellings too (no hyphens, braces); the cookie's path has this one only.
    let id: SessionId = session.parse().ok()?;
    if id.to_string() != session {
        return None;
    }
    match rest {
        "enter" => Some(Wanted::Enter(id)),
        segment => SessionPath::parse(segment).map(|path| Wanted::Open(id, path)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enter {
    ticket: String,
}

/// Checks the ticket in the body and sets the cookie.
pub(crate) async fn enter(
    tickets: &TicketVerifier,
    session: SessionId,
    request: Request<Body>,
    patience: Duration,
) -> Result<Response, Problem> {
    const NOT_JSON: Problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid-body",
        "The body is not a JSON object with a ticket and nothing else.",
    );
    if request.method() != Method::POST {
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Only POST works here."));
    }
    if !is_json(request.headers()) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "The body has to be application/json.",
        ));
    }
    let body = tokio::time::timeout(patience, axum::body::to_bytes(request.into_body(), ENTER_MAX_BYTES))
        .await
        .map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "The body did not arrive in time."))?
        .map_err(|_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is larger than 8 KiB."))?;
    let Enter { ticket } = serde_json::from_slice(&body).map_err(|_| NOT_JSON)?;
    verified(tickets, &ticket, session)?;
    let cookie = format!(
        "{TICKET_COOKIE}={ticket}; Path={SESSION_PREFIX}{session}/; HttpOnly; Secure; SameSite=Strict; Max-Age={}",
        TICKET_LIFETIME.as_secs()
    );
    let mut cookie = HeaderValue::from_str(&cookie).map_err(|_| NOT_JSON)?;
    cookie.set_sensitive(true);
    let set = [
        (header::SET_COOKIE, cookie),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::NO_CONTENT, set).into_response())
}

/// Checks the cookie for `path`, and leaves the request with the verified ticket and no other cookie.
pub(crate) fn open(tickets: &TicketVerifier, session: SessionId, path: SessionPath, request: &mut Request<Body>) -> Result<(), Problem> {
    let token = headers::ticket(request.headers()).ok_or(Problem::new(
        StatusCode::UNAUTHORIZED,
        "ticket-required",
        "The session has to be entered with a ticket first.",
    ))?;
    let ticket = verified(tickets, &token, session)?;
    if !ticket.opens(path) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "ticket-path",
            "The ticket does not open this part of the session.",
        ));
    }
    headers::only_ticket(request.headers_mut(), &token);
    request.extensions_mut().insert(ticket);
    Ok(())
}

fn verified(tickets: &TicketVerifier, token: &str, session: SessionId) -> Result<VerifiedTicket, Problem> {
    let now = Timestamp::from(SystemTime::now());
    tickets.verify(token, session, now).map_err(|error| {
        tracing::debug!(%session, %error, "A ticket was refused");
        match error {
            TicketError::Expired => Problem::new(
                StatusCode::UNAUTHORIZED,
                "ticket-expired",
                "The ticket has expired. Ask for a new one.",
            ),
            TicketError::OtherSession => Problem::new(StatusCode::FORBIDDEN, "ticket-session", "The ticket is for another session."),
            TicketError::Invalid | TicketError::NotYetValid => {
                Problem::new(StatusCode::UNAUTHORIZED, "ticket-invalid", "The ticket is not valid.")
            }
        }
    })
}

/// A form of another site can send `text/plain` without asking; for JSON a browser asks first.
fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        let text = "0190163d-8694-739b-aea5-966c26f8ad91";
        let id = text.parse().unwrap();
        for (path, found) in [
            (format!("/session/{text}/enter"), Some(Wanted::Enter(id))),
            (format!("/session/{text}/vnc"), Some(Wanted::Open(id, SessionPath::Vnc))),
            (format!("/session/{text}/notices"), Some(Wanted::Open(id, SessionPath::Notices))),
            (format!("/session/{text}"), None),
            (format!("/session/{text}/"), None),
            (format!("/session/{text}/vnc/"), None),
            (format!("/session/{text}/unknown"), None),
            (format!("/session//{text}/vnc"), None),
            (format!("/session/{}/vnc", text.to_uppercase()), None),
            (format!("/session/{}/vnc", text.replace('-', "")), None),
            ("/session/x/vnc".into(), None),
        ] {
            assert_eq!(wanted(&path), found, "{path}");
        }
    }
}
