//! `/session/{id}/vnc`, `/session/{id}/notices` and what `files` adds. The edge has checked ticket and Origin; the ticket is checked again
//! here, since an edge may stand in another network.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gatewright_core::{SessionId, Timestamp};
use gatewright_identity::{ClientAddr, SessionPath, TICKET_COOKIE, VerifiedTicket, cookie_value};

use crate::proxy::Inner;
use crate::{files, notices, vnc};

/// Larger than any message of noVNC but a clipboard text; what is longer ends the connection.
const MESSAGE_OVERHEAD: usize = 64 * 1024;
/// The relay hands over whole buffers: a large buffer of the WebSocket's own would only hold memory.
const SOCKET_BUFFER: usize = 16 * 1024;

pub(crate) fn routes(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/session/{session}/vnc", get(open_vnc))
        .route("/session/{session}/notices", get(open_notices))
        .merge(files::routes())
        .with_state(inner)
}

async fn open_vnc(
    State(inner): State<Arc<Inner>>,
    Path(session): Path<SessionId>,
    client: Option<Extension<ClientAddr>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(ticket) = ticket(&inner, &headers, session, SessionPath::Vnc) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let client = client.map_or_else(String::new, |Extension(ClientAddr(address))| address.ip().to_string());
    let longest = usize::try_from(inner.clipboard_max_bytes)
        .unwrap_or(usize::MAX)
        .saturating_add(MESSAGE_OVERHEAD);
    upgrade
        .protocols(["binary"])
        .read_buffer_size(SOCKET_BUFFER)
        .write_buffer_size(SOCKET_BUFFER)
        .max_message_size(longest)
        .max_frame_size(longest)
        .on_upgrade(move |socket: WebSocket| async move {
            // The upgrade's own task is nobody's: this one is waited for when the proxy stops.
            let streams = inner.streams.clone();
            if let Err(error) = streams.spawn(vnc::serve(socket, inner, ticket, client)).await {
                tracing::error!(%session, %error, "A session's stream failed");
            }
        })
}

async fn open_notices(State(inner): State<Arc<Inner>>, Path(session): Path<SessionId>, headers: HeaderMap) -> Response {
    match ticket(&inner, &headers, session, SessionPath::Notices) {
        Some(_) => notices::stream_of(inner.registry.enter(session), inner.stop.clone()).into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

pub(crate) fn ticket(inner: &Inner, headers: &HeaderMap, session: SessionId, path: SessionPath) -> Option<VerifiedTicket> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    let token = cookie_value(cookies, TICKET_COOKIE)?;
    let now = Timestamp::from(SystemTime::now());
    match inner.tickets.verify(token, session, now) {
        Ok(ticket) => ticket.opens(path).then_some(ticket),
        Err(error) => {
            tracing::debug!(%session, %error, "A ticket was refused");
            None
        }
    }
}
