//! One browser at one desktop: who may, the two handshakes, the relay, and the end with its reason.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::BytesMut;
use futures_util::StreamExt as _;
use gatewright_core::session::{EndReason, SessionState};
use gatewright_identity::VerifiedTicket;
use gatewright_ports::control::SessionContext;
use gatewright_ports::{ByteStream, ControlError, StreamError};
use gatewright_rfb::{
    BrowserHandshake, Config, HandshakeError, Limits, Progress, ServerInit, TargetHandshake, VncPassword, inspect, write_server_init,
};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::credential::desktop_password;
use crate::end::StreamEnd;
use crate::live::LiveSession;
use crate::proxy::Inner;
use crate::relay::{Clipboard, Relay};

/// Both handshakes together: a desktop on the same host answers in milliseconds.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// How long a client may take to answer a close.
const CLOSE: Duration = Duration::from_secs(2);
/// A handshake's messages are short.
const HANDSHAKE_BUFFER: usize = 4096;

const UNREACHABLE: StreamEnd = StreamEnd::DesktopUnreachable("The desktop does not answer.");

/// Serves a client from upgrade to close.
#[tracing::instrument(skip_all, fields(session_id = %ticket.grant.session, user_id = %ticket.grant.user))]
pub(crate) async fn serve(mut socket: WebSocket, inner: Arc<Inner>, ticket: VerifiedTicket, client: String) {
    let live = inner.registry.enter(ticket.grant.session);
    let end = match admit(&inner, &ticket).await {
        Ok(context) => {
            let mut seat = live.sit(context.clone(), &client);
            tokio::select! {
                end = stream(&mut socket, &inner, &context, &live, client, ticket.grant.view_only) => end,
                end = seat.ended() => end,
                () = inner.stop.cancelled() => StreamEnd::Restarting,
            }
        }
        Err(end) => end,
    };
    tracing::info!(end = ?end, "Stream closed");
    if let StreamEnd::DesktopViolation(why) = &end {
        let reason = EndReason::ProtocolViolation(why.clone());
        if let Err(error) = inner.control.end_session(ticket.grant.session, reason).await {
            tracing::error!(%error, "A session that can't be inspected could not be ended");
        }
        live.end(&end);
    }
    close(socket, &end).await;
}

/// Whether the ticket's person may connect now.
pub(crate) async fn admit(inner: &Inner, ticket: &VerifiedTicket) -> Result<SessionContext, StreamEnd> {
    let context = match inner.control.session(ticket.grant.session).await {
        Ok(context) => context,
        Err(ControlError::NotFound) => return Err(StreamEnd::SessionEnded(EndReason::Administrator)),
        Err(ControlError::Unavailable) => return Err(UNREACHABLE),
    };
    if context.user != ticket.grant.user {
        return Err(StreamEnd::SessionEnded(EndReason::Administrator));
    }
    match context.state {
        SessionState::Ready if context.paused => Err(StreamEnd::Paused),
        SessionState::Ready if inner.gate.policy().current().is_fresh() => Ok(context),
        SessionState::Ending | SessionState::Ended | SessionState::Failed => {
            Err(StreamEnd::SessionEnded(context.end.unwrap_or(EndReason::Administrator)))
        }
        _ => Err(UNREACHABLE),
    }
}

async fn stream(
    socket: &mut WebSocket,
    inner: &Arc<Inner>,
    context: &SessionContext,
    live: &Arc<LiveSession>,
    client: String,
    view_only: bool,
) -> StreamEnd {
    let handshakes = async {
        let (target, init, early) = reach_desktop(inner, context).await?;
        let early_client = greet_browser(socket).await?;
        Ok((target, init, early, early_client))
    };
    let (target, init, early_target, early_client) = match tokio::time::timeout(HANDSHAKE, handshakes).await {
        Ok(Ok(both)) => both,
        Ok(Err(end)) => return end,
        Err(_) => return UNREACHABLE,
    };
    let config = Config {
        limits: Limits {
            max_clipboard_bytes: inner.clipboard_max_bytes,
            ..Limits::default()
        },
        view_only,
        desktop_name: context.workspace_name.clone(),
    };
    let (server, browser) = match inspect(config, &init) {
        Ok(halves) => halves,
        Err(violation) => return StreamEnd::DesktopViolation(violation.to_string()),
    };
    let mut hello = BytesMut::new();
    write_server_init(init.size, &context.workspace_name, &mut hello);
    if socket.send(Message::Binary(hello.freeze())).await.is_err() {
        return StreamEnd::ClientGone;
    }
    let clipboard = Clipboard::new(Arc::clone(inner), Arc::clone(live), client, u64::from(inner.clipboard_max_bytes));
    Relay {
        server,
        browser,
        early_target,
        early_client,
        clipboard,
    }
    .run(socket, target)
    .await
}

type Reached = (Box<dyn ByteStream>, ServerInit, BytesMut);

/// Opens the desktop and authenticates with the injected credential. The browser never sees it.
async fn reach_desktop(inner: &Inner, context: &SessionContext) -> Result<Reached, StreamEnd> {
    let password = desktop_password(&inner.control, inner.gate.policy(), context)
        .await
        .map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "No credential for the desktop");
            StreamEnd::DesktopUnreachable("The desktop can't be unlocked just now. Your administrator can see why.")
        })?;
    let agent = inner.agents.get(context.node).ok_or(UNREACHABLE)?;
    let mut target = match agent.open(context.session, "vnc").await {
        Ok(target) => target,
        Err(error) => return Err(not_opened(inner, context, &error).await),
    };
    let mut handshake = TargetHandshake::new(Some(VncPassword::new(password.expose_secret().as_bytes())), false, false);
    drop(password);
    let (mut input, mut out) = (BytesMut::with_capacity(HANDSHAKE_BUFFER), BytesMut::new());
    loop {
        let progress = handshake.advance(&mut input, &mut out);
        if target.write_all_buf(&mut out).await.is_err() {
            return Err(UNREACHABLE);
        }
        match progress {
            Ok(Progress::Done(init)) => return Ok((target, init, input)),
            Ok(Progress::NeedMore) => {}
            Err(error) => return Err(StreamEnd::DesktopViolation(error.to_string())),
        }
        input.reserve(HANDSHAKE_BUFFER);
        match target.read_buf(&mut input).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return Err(UNREACHABLE),
        }
    }
}

async fn not_opened(inner: &Inner, context: &SessionContext, error: &StreamError) -> StreamEnd {
    tracing::warn!(%error, "The desktop's socket could not be opened");
    match error {
        StreamError::Tampered => StreamEnd::DesktopViolation(error.to_string()),
        StreamError::NotFound => {
            let reason = EndReason::WorkspaceGone;
            match inner.control.end_session(context.session, reason.clone()).await {
                Ok(()) | Err(ControlError::NotFound) => StreamEnd::SessionEnded(reason),
                Err(ControlError::Unavailable) => UNREACHABLE,
            }
        }
        StreamError::Unavailable | StreamError::Refused | StreamError::NoSuchService { .. } => UNREACHABLE,
    }
}

/// Talks the browser through its handshake; its ticket has authenticated it. What it sent beyond comes back.
async fn greet_browser(socket: &mut WebSocket) -> Result<BytesMut, StreamEnd> {
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    let mut handshake = BrowserHandshake::start(&mut out);
    loop {
        if !out.is_empty() && socket.send(Message::Binary(out.split().freeze())).await.is_err() {
            return Err(StreamEnd::ClientGone);
        }
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => input.extend_from_slice(&bytes),
            Some(Ok(Message::Text(_))) => return Err(StreamEnd::ClientViolation("text frame".into())),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(StreamEnd::ClientGone),
        }
        match handshake.advance(&mut input, &mut out) {
            Ok(Progress::Done(_)) => break,
            Ok(Progress::NeedMore) => {}
            Err(error) => return Err(refused(socket, &error, out).await),
        }
    }
    if !out.is_empty() && socket.send(Message::Binary(out.freeze())).await.is_err() {
        return Err(StreamEnd::ClientGone);
    }
    Ok(input)
}

async fn refused(socket: &mut WebSocket, error: &HandshakeError, out: BytesMut) -> StreamEnd {
    if !out.is_empty() {
        drop(socket.send(Message::Binary(out.freeze())).await);
    }
    StreamEnd::ClientViolation(error.to_string())
}

/// Sends the close frame and waits shortly for the client's, so that the reason arrives.
async fn close(mut socket: WebSocket, end: &StreamEnd) {
    if *end == StreamEnd::ClientGone {
        return;
    }
    let frame = CloseFrame {
        code: end.close_code(),
        reason: end.close_reason().into(),
    };
    let goodbye = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(message)) = socket.next().await {
                if matches!(message, Message::Close(_)) {
                    break;
                }
            }
        }
    };
    drop(tokio::time::timeout(CLOSE, goodbye).await);
}
