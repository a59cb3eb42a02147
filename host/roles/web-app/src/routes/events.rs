//! A session's changes as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use futures_util::stream::unfold;
use gatewright_control::SessionView;
use gatewright_core::SessionId;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::Session;
use crate::app::WebApp;
use crate::error::{ApiError, Problem};
use crate::extract::At;
use crate::login::Login;
use crate::routes::sessions::visible;

/// Keeps proxies and browsers from giving the connection up.
const PING_EVERY: Duration = Duration::from_secs(15);

/// A browser comes back by itself, and its login is looked at again.
const LONGEST: Duration = Duration::from_secs(300);

/// Follow a session: event `session` with it now and after every change, until it is over.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/events", operation_id = "follow_session", tag = "sessions", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Session, content_type = "text/event-stream", description = "Each event `session` has a session as its data."),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn follow(
    State(app): State<WebApp>,
    login: Login,
    At(id): At<SessionId>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    visible(&app, &login, id).await?;
    let session = app.control.subscribe(id).await?.ok_or_else(ApiError::not_found)?;
    let stream = changes(session, app.control.stopping(), Instant::now() + LONGEST);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(PING_EVERY).text("ping")))
}

enum Next {
    /// Nothing was sent yet.
    Now,
    /// The next change is to be sent.
    Change,
    /// A final state was sent.
    Over,
}

fn changes(
    session: watch::Receiver<SessionView>,
    stop: CancellationToken,
    until: Instant,
) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold((session, Next::Now), move |(mut session, next)| {
        let stop = stop.clone();
        async move {
            match next {
                Next::Now => {}
                Next::Change => tokio::select! {
                    changed = session.changed() => changed.ok()?,
                    () = stop.cancelled() => return None,
                    () = tokio::time::sleep_until(until) => return None,
                },
                Next::Over => return None,
            }
            let view = session.borrow_and_update().clone();
            let next = if view.state.is_final() { Next::Over } else { Next::Change };
            let event = Event::default().event("session").json_data(Session::from(view)).ok()?;
            Some((Ok(event), (session, next)))
        }
    })
}
