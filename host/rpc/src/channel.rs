//! A gw-rpc connection, seen from the side that calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gatewright_core::NodeIdentity;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::method::Method;
use crate::wire::{self, MAX_HEADER_LIST_BYTES, MAX_RESPONSE_BYTES, PortError};

/// How often the other side is asked whether it is there, and how long it may take to say so.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(4);
/// A call's own share of what may be under way: one slow reader leaves the others theirs.
pub(crate) const STREAM_WINDOW: u32 = 1 << 20;
/// What may be under way in all.
pub(crate) const CONNECTION_WINDOW: u32 = 64 << 20;

/// A connection that calls go over. Cheap to clone; dropping the last clone closes it.
#[derive(Debug, Clone)]
pub struct Channel {
    sender: SendRequest<Full<Bytes>>,
    peer: Arc<Peer>,
}

#[derive(Debug)]
struct Peer {
    identity: NodeIdentity,
    number: u64,
    closed: CancellationToken,
}

/// The call did not reach the other side, or its answer did not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

impl Channel {
    /// Shakes hands over `stream`. The connection's task runs on `tasks`.
    pub(crate) async fn open<S>(
        stream: S,
        identity: NodeIdentity,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEADER_LIST_BYTES)
            .handshake(TokioIo::new(stream))
            .await?;
        let closed = CancellationToken::new();
        let ended = closed.clone().drop_guard();
        tasks.spawn(async move {
            let _ended = ended;
            if let Some(Err(error)) = stop.run_until_cancelled(connection).await {
                tracing::debug!(%error, "A connection between nodes ended");
            }
        });
        Ok(Self {
            sender,
            peer: Arc::new(Peer {
                identity,
                number: NUMBER.fetch_add(1, Ordering::Relaxed),
                closed,
            }),
        })
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> &NodeIdentity {
        &self.peer.identity
    }

    /// Tells this connection from a later one to the same node.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.peer.number
    }

    /// Waits until the connection is gone. Cancel-safe.
    pub async fn closed(&self) {
        self.peer.closed.cancelled().await;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.peer.closed.is_cancelled()
    }

    /// Calls a method. Dropped, the call is reset, and dropped on the other side too.
    pub(crate) async fn send(&self, method: Method, body: Bytes) -> Result<(StatusCode, Bytes), Broken> {
        let request = Request::post(format!("https://node{}", method.path()))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|_| Broken)?;
        let mut sender = self.sender.clone();
        let call = async {
            let response = sender.send_request(request).await.map_err(|error| {
                tracing::debug!(%error, ?method, "A call did not get through");
                Broken
            })?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await.map_err(|_| Broken)?;
            Ok((head.status, body.to_bytes()))
        };
        match tokio::time::timeout(method.entry().deadline, call).await {
            Ok(outcome) => outcome,
            Err(_) => {
                tracing::warn!(?method, peer = %self.peer.identity.node, "A call took too long");
                Err(Broken)
            }
        }
    }

    /// Calls a method and reads its answer.
    pub(crate) async fn call<T: DeserializeOwned, E: PortError>(&self, method: Method, body: &impl Serialize) -> Result<T, E> {
        let body = serde_json::to_vec(body).map_err(|_| E::unavailable())?;
        let (status, body) = self.send(method, body.into()).await.map_err(|Broken| E::unavailable())?;
        wire::answer(status, &body)
    }
}
