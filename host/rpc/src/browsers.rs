//! Requests of browsers on their way from an edge to the role that answers: HTTP/1.1 over gw-stream, upgrades included.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use gatewright_core::{NodeRole, SessionId, ZoneId};
use gatewright_identity::{ClientAddr, EntryZone, VerifiedTicket};
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri, Version, header};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::dial::{DialError, Dialer};
use crate::header::StreamHeader;

/// Where the client's connection came from, as the edge saw it. An edge removes what a client says of that kind; only an
/// edge's certificate opens the stream that it is believed on.
const CLIENT: HeaderName = HeaderName::from_static("x-gatewright-client");
/// Idle connections kept for the next request, for each upstream.
const IDLE: usize = 64;
/// Read from one side of an upgraded connection at once.
const RELAY: usize = 64 * 1024;

/// What is read of a request that was answered: more than a slice of an upload, and not all that a stranger would send.
const REST_BYTES: usize = 32 << 20;
const REST_WITHIN: Duration = Duration::from_secs(20);

/// Answers an edge's requests until the stream ends.
pub(crate) async fn serve<S>(stream: S, edge: ZoneId, router: axum::Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(EntryZone(edge));
        let client = request.headers_mut().remove(CLIENT);
        let client = client.and_then(|value| value.to_str().ok()?.parse::<SocketAddr>().ok());
        if let Some(client) = client {
            request.extensions_mut().insert(ClientAddr(client));
        }
        let router = router.clone();
        async move {
            Ok::<_, Infallible>(
                router
                    .oneshot(request.map(Unread::body))
                    .await
                    .unwrap_or_else(|never| match never {}),
            )
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        // Idle connections are the edge's to close.
        .header_read_timeout(None)
        .max_headers(64)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "A stream of browsers' requests ended early");
    }
}

/// A request's body, of which the rest is read and thrown away where it was answered without it. A connection with bytes that
/// nobody reads is closed, and with it goes an answer that the other side has not read yet, or the next request.
struct Unread(Option<Incoming>);

impl Unread {
    fn body(incoming: Incoming) -> Body {
        Body::new(Self(Some(incoming)))
    }
}

impl hyper::body::Body for Unread {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(hyper::body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), hyper::body::Body::size_hint)
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let Some(mut rest) = self.0.take().filter(|rest| !hyper::body::Body::is_end_stream(rest)) else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        // Ends with the connection, too.
        runtime.spawn(tokio::time::timeout(REST_WITHIN, async move {
            let mut left = REST_BYTES;
            while let Some(Ok(frame)) = rest.frame().await {
                match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                    Some(less) => left = less,
                    None => return,
                }
            }
        }));
    }
}

/// One place that a request may be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where it listens for other nodes.
    pub address: String,
    /// Which node it is.
    pub node: gatewright_core::NodeId,
}

/// Knows where requests go, best place first.
pub trait Upstreams: Send + Sync {
    /// The places for a request that concerns a session of a zone, or none in particular.
    fn places(&self, session: Option<(ZoneId, SessionId)>) -> Vec<Place>;
}

/// Sends requests to a role of other processes.
#[derive(Clone)]
pub struct RemoteUpstream {
    inner: Arc<Inner>,
}

struct Inner {
    to: NodeRole,
    dialer: Dialer,
    upstreams: Arc<dyn Upstreams>,
    idle: Mutex<HashMap<String, Vec<SendRequest<Body>>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl RemoteUpstream {
    /// To `role`, wherever `upstreams` says.
    #[must_use]
    pub fn new(role: NodeRole, dialer: Dialer, upstreams: Arc<dyn Upstreams>, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        Self {
            inner: Arc::new(Inner {
                to: role,
                dialer,
                upstreams,
                idle: Mutex::default(),
                tasks: tasks.clone(),
                stop,
            }),
        }
    }

    /// As routes beside a connection proxy of this process, which serves the sessions of its zone.
    pub fn routes_beside(self, own: axum::Router, zone: ZoneId) -> axum::Router {
        let away = self.routes();
        axum::Router::new().fallback(move |request: Request<Body>| {
            let ticket = request.extensions().get::<VerifiedTicket>();
            let here = ticket.is_none_or(|ticket| ticket.grant.zone == zone);
            let router = if here { own.clone() } else { away.clone() };
            async move { router.oneshot(request).await.unwrap_or_else(|never| match never {}) }
        })
    }

    /// As routes: an edge needs not know that they lead away.
    pub fn routes(self) -> axum::Router {
        axum::Router::new().fallback(move |request: Request<Body>| {
            let upstream = self.clone();
            async move { upstream.inner.answer(request).await }
        })
    }
}

impl Inner {
    async fn answer(self: Arc<Self>, mut request: Request<Body>) -> Response {
        let ticket = request.extensions().get::<VerifiedTicket>();
        let session = ticket.map(|ticket| (ticket.grant.zone, ticket.grant.session));
        let browser = request.extensions_mut().remove::<OnUpgrade>();
        if prepare(&mut request).is_none() {
            return failed();
        }
        for place in self.upstreams.places(session) {
            loop {
                let (mut sender, used) = match self.connection(&place).await {
                    Ok(ready) => ready,
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, to = %self.to, "A node behind the edge was not reached");
                        break;
                    }
                };
                let error = match sender.try_send_request(request).await {
                    Ok(response) => return self.answered(place, sender, response, browser),
                    Err(mut error) => match error.take_message() {
                        // Not a byte of it was sent: an idle connection had just been closed.
                        Some(unsent) => {
                            request = unsent;
                            if used {
                                continue;
                            }
                            break;
                        }
                        None => error.into_error(),
                    },
                };
                tracing::warn!(%error, to = %self.to, "A request was not answered");
                return failed();
            }
        }
        (
            StatusCode::BAD_GATEWAY,
            "This service can't be reached just now. Try again in a moment.",
        )
            .into_response()
    }

    /// A connection that is ready for a request: one that was used before, or a new one.
    async fn connection(&self, place: &Place) -> Result<(SendRequest<Body>, bool), DialError> {
        loop {
            let idle = self
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_mut(&place.address)
                .and_then(Vec::pop);
            let Some(mut sender) = idle else { break };
            if sender.ready().await.is_ok() {
                return Ok((sender, true));
            }
        }
        let header = StreamHeader::Http { to: self.to };
        let (stream, _) = self
            .dialer
            .stream(&place.address, &header, |peer| peer.node == place.node && peer.has(self.to))
            .await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| DialError::Connect {
            address: place.address.clone(),
            source: std::io::Error::other(error),
        })?;
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            if let Some(Err(error)) = stop.run_until_cancelled(connection.with_upgrades()).await {
                tracing::debug!(%error, "A stream of browsers' requests ended early");
            }
        });
        Ok((sender, false))
    }

    fn answered(
        self: Arc<Self>,
        place: Place,
        mut sender: SendRequest<Body>,
        mut response: http::Response<Incoming>,
        browser: Option<OnUpgrade>,
    ) -> Response {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some(browser) = browser else { return failed() };
            let upstream = hyper::upgrade::on(&mut response);
            let stop = self.stop.clone();
            self.tasks.spawn(async move {
                stop.run_until_cancelled(relay(browser, upstream)).await;
            });
            return response.map(Body::new);
        }
        let headers = response.headers_mut();
        for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE] {
            headers.remove(name);
        }
        // Ready again once the body has been read to its end; whoever takes it waits for that, or takes a new one.
        let me = Arc::clone(&self);
        self.tasks.spawn(async move {
            if let Some(Ok(())) = me.stop.run_until_cancelled(sender.ready()).await {
                let mut idle = me.idle.lock().unwrap_or_else(PoisonError::into_inner);
                let kept = idle.entry(place.address).or_default();
                if kept.len() < IDLE {
                    kept.push(sender);
                }
            }
        });
        response.map(Body::new)
    }
}

fn failed() -> Response {
    (StatusCode::BAD_GATEWAY, "This service did not answer. Try again in a moment.").into_response()
}

/// Makes a request fit for one hop in HTTP/1.1. None for one that names nothing.
fn prepare(request: &mut Request<Body>) -> Option<()> {
    let path = request.uri().path_and_query()?.as_str().to_owned();
    *request.uri_mut() = path.parse::<Uri>().ok()?;
    *request.version_mut() = Version::HTTP_11;
    let client = request.extensions().get::<ClientAddr>().copied();
    let headers = request.headers_mut();
    headers.remove(CLIENT);
    if let Some(ClientAddr(client)) = client {
        headers.insert(CLIENT, HeaderValue::from_str(&client.to_string()).ok()?);
    }
    Some(())
}

async fn relay(browser: OnUpgrade, upstream: OnUpgrade) {
    let (browser, upstream) = match tokio::try_join!(browser, upstream) {
        Ok(both) => both,
        Err(error) => return tracing::debug!(%error, "An upgrade failed"),
    };
    let (mut browser, mut upstream) = (TokioIo::new(browser), TokioIo::new(upstream));
    if let Err(error) = copy_bidirectional_with_sizes(&mut browser, &mut upstream, RELAY, RELAY).await {
        tracing::debug!(%error, "An upgraded connection ended early");
    }
}
