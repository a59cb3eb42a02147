//! Plain HTTP on the HTTPS port: somebody typed the address without `https://`.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::uri::Authority;
use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

/// Answers one request with a redirect to HTTPS, or with a sentence, and closes.
pub(crate) async fn answer(socket: impl AsyncRead + AsyncWrite + Unpin, patience: Duration) -> hyper::Result<()> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .keep_alive(false)
        .max_buf_size(16 * 1024)
        .serve_connection(
            TokioIo::new(socket),
            service_fn(async |request| Ok::<_, Infallible>(redirect(&request))),
        )
        .await
}

fn redirect(request: &Request<Incoming>) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<Authority>().ok())
        .filter(|host| !host.as_str().contains('@'));
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let location = host.and_then(|host| HeaderValue::from_str(&format!("https://{host}{path}")).ok());
    let mut response = Response::new(Body::from("This port speaks HTTPS: the address begins with https://\n"));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    match location {
        // A body that was sent in clear is not to be sent again without a thought.
        Some(location) if matches!(*request.method(), Method::GET | Method::HEAD) => {
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert(header::LOCATION, location);
        }
        _ => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}
