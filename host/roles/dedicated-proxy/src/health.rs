//! Whether this process lives, and whether it can serve people: for load balancers, and for the pages of other edges, which
//! measure how far this one is. Without a login and without details.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, Request, StatusCode, header};

use crate::problem::Problem;
use crate::requests::Upstream;

/// Asked of the edge: it lives. It asks nobody else.
pub(crate) const LIVES: &str = "/healthz";
/// Asked of the edge, and by it of a web-app: a database answers there.
pub(crate) const READY: &str = "/readyz";
/// How long a web-app may take to say so.
const ANSWER: Duration = Duration::from_secs(3);

/// Answers for `path`, where it is one of these.
pub(crate) async fn answer(method: &Method, path: &str, web_app: &Upstream) -> Option<Result<Response, Problem>> {
    if path != LIVES && path != READY {
        return None;
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Some(Err(Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method",
            "This method does not work here.",
        )));
    }
    if path == LIVES {
        return Some(Ok(said(StatusCode::OK, "alive\n")));
    }
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = http::Uri::from_static(READY);
    // An upstream in another process wants to know for which host it is asked.
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("localhost"));
    let answered = tokio::time::timeout(ANSWER, web_app.call(request)).await;
    let ready = answered.is_ok_and(|response| response.status() == StatusCode::OK);
    Some(Ok(if ready {
        said(StatusCode::OK, "ready\n")
    } else {
        said(StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }))
}

fn said(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Nothing here is anybody's: every page may read it.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
