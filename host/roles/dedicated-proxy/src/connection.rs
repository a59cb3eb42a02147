//! One connection: TLS, then HTTP/1.1 or HTTP/2 as ALPN chose.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::clients::{Place, Placed};
use crate::conf::EdgeLimits;
use crate::plain_http;
use crate::requests::Requests;

/// The first byte of a TLS connection: a handshake record (RFC 8446 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) tls: TlsAcceptor,
    pub(crate) requests: Arc<Requests>,
    pub(crate) limits: EdgeLimits,
    pub(crate) stop: CancellationToken,
}

/// Serves one connection until it closes, or until its last request after a stop is answered.
pub(crate) async fn serve(shared: Arc<Shared>, socket: TcpStream, client: SocketAddr, place: Place) {
    // Keys and small frames are not to wait for more: what is large is written in large pieces anyway.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%client, %error, "A socket option was refused");
    }
    let handshake = tokio::time::timeout(shared.limits.handshake, async {
        let mut first = [0];
        socket.peek(&mut first).await?;
        let socket = Placed::new(socket, place);
        if first == [TLS_HANDSHAKE] {
            shared.tls.accept(socket).await.map(Ok)
        } else {
            Ok(Err(socket))
        }
    });
    let handshake = tokio::select! {
        handshake = handshake => handshake,
        () = shared.stop.cancelled() => return,
    };
    match handshake {
        Err(_) => tracing::debug!(%client, "A TLS handshake took too long"),
        Ok(Err(error)) => tracing::debug!(%client, %error, "A TLS handshake failed"),
        Ok(Ok(Err(plain))) => {
            let limit = Duration::from_secs(5).min(shared.limits.headers);
            if let Ok(Err(error)) = tokio::time::timeout(limit * 2, plain_http::answer(plain, limit)).await {
                tracing::debug!(%client, %error, "A plain HTTP connection failed");
            }
        }
        Ok(Ok(Ok(stream))) => http(&shared, stream, client).await,
    }
}

async fn http(shared: &Shared, stream: tokio_rustls::server::TlsStream<Placed<TcpStream>>, client: SocketAddr) {
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let asked = AtomicBool::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        let requests = Arc::clone(&shared.requests);
        async move { Ok::<_, Infallible>(requests.answer(request.map(Body::new), client).await) }
    });
    let builder = builder(&shared.limits, http2);
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    // HTTP/1.1 has its own timeout for heads; a client of HTTP/2 that never gets to a request has none.
    let first_request = async {
        tokio::time::sleep(shared.limits.headers).await;
        if !http2 || asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = first_request => {
            tracing::debug!(%client, "A client asked for nothing");
            return;
        }
        () = shared.stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        // Clients cut connections whenever they like.
        tracing::debug!(%client, error, "A connection ended early");
    }
}

/// ALPN has chosen: guessing by the first bytes, as the builder else does, knows no timeout.
fn builder(limits: &EdgeLimits, http2: bool) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_headers(64)
        .max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_header_list_size(16 * 1024)
        .keep_alive_interval(limits.headers)
        .keep_alive_timeout(limits.headers);
    if http2 { builder.http2_only() } else { builder.http1_only() }
}
