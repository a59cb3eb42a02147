//! The side of a gw-rpc connection that answers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method as HttpMethod, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;
use crate::channel::{CONNECTION_WINDOW, KEEPALIVE, STREAM_WINDOW};
use crate::method::Method;
use crate::wire::{MAX_HEADER_LIST_BYTES, MAX_REQUEST_BYTES, MAX_STRANGER_BYTES, response};

/// Calls at once on one connection. Each waiting `watch` is one.
const CALLS: u32 = 256;
/// Beyond a method's own deadline, at which its caller has given up.
const GRACE: Duration = Duration::from_secs(5);

/// What a call's body is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadBody;

/// Answers calls. Each port has one.
#[async_trait]
pub(crate) trait Answers: Send + Sync {
    /// Answers one call whose caller has a role that may make it. None for a method of another port.
    async fn answer(&self, method: Method, body: &[u8]) -> Result<Option<Response<Full<Bytes>>>, BadBody>;
}

/// Reads a body. Unknown fields are a newer version's.
pub(crate) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BadBody> {
    serde_json::from_slice(bytes).map_err(|_| BadBody)
}

/// Serves one connection until it ends, or `stop`, after which calls that run are answered.
pub(crate) async fn connection<S>(stream: S, caller: Caller, ports: Vec<Arc<dyn Answers>>, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let caller = Arc::new(caller);
    let ports = Arc::new(ports);
    let service = service_fn(|request: Request<Incoming>| {
        let (caller, ports) = (Arc::clone(&caller), Arc::clone(&ports));
        async move { Ok::<_, Infallible>(call(&caller, &ports, request).await) }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(CALLS)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "A connection between nodes ended");
    }
}

async fn call(caller: &Caller, ports: &[Arc<dyn Answers>], request: Request<Incoming>) -> Response<Full<Bytes>> {
    let empty = |status| response(status, Bytes::new());
    if request.method() != HttpMethod::POST {
        return empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let Some(method) = Method::of_path(request.uri().path()) else {
        return empty(StatusCode::NOT_FOUND);
    };
    // Before the body is read: whoever has no such right has no room in memory either.
    if !caller.may_call(method) {
        tracing::warn!(?caller, ?method, "A call was refused: the caller's certificate does not allow it");
        return empty(StatusCode::FORBIDDEN);
    }
    let limit = match caller {
        Caller::Stranger => MAX_STRANGER_BYTES,
        Caller::Node(_) => MAX_REQUEST_BYTES,
    };
    let deadline = method.entry().deadline + GRACE;
    let answered = tokio::time::timeout(deadline, async {
        let body = match Limited::new(request.into_body(), limit).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return empty(StatusCode::PAYLOAD_TOO_LARGE),
        };
        for port in ports {
            match port.answer(method, &body).await {
                Ok(Some(response)) => return response,
                Err(BadBody) => return empty(StatusCode::BAD_REQUEST),
                Ok(None) => {}
            }
        }
        // The method is known, and nobody here has its port.
        empty(StatusCode::NOT_FOUND)
    });
    answered.await.unwrap_or_else(|_| empty(StatusCode::GATEWAY_TIMEOUT))
}
