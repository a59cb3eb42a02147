//! What every response says to the browser.

use std::fmt::Write as _;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use gatewright_control::EdgeView;
use http::{HeaderName, HeaderValue, header};

use crate::app::WebApp;

/// For pages: only what this site serves, no inline script or style, no frame around it.
const PAGE_POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; \
                           frame-ancestors 'none'";

/// For answers of the API, should a browser ever take one for a page.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=(self), clipboard-write=(self), fullscreen=(self)",
    ),
];

/// Adds them, to errors too.
pub(crate) async fn secure(State(app): State<WebApp>, request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policy = if api {
        HeaderValue::from_static(API_POLICY)
    } else {
        page_policy(&app.control.edges_or_last().await)
    };
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    if api {
        // People's data, and answers that change with the login.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// A page may also ask the other edges how far they are, and take its person there.
fn page_policy(edges: &[EdgeView]) -> HeaderValue {
    let own = |directive: &str| {
        edges.iter().fold(format!("; {directive} 'self'"), |mut text, edge| {
            // Text that can't fail to be written to.
            let _ = write!(text, " {}", edge.origin);
            text
        })
    };
    let text = format!("{PAGE_POLICY}{}{}", own("connect-src"), own("form-action"));
    // Origins were parsed when they were taken: nothing else stands in one. What could not be sent allows nothing.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(API_POLICY))
}
