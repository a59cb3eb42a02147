//! The edges that a person can come in by, and going on at another one.

use std::fmt::Write as _;

use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Form, Json};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::ExposeSecret as _;

use crate::api::{ComeOver, Edges, HandoverCode};
use crate::app::WebApp;
use crate::client::Client;
use crate::error::{ApiError, Problem};
use crate::login::{Login, Origin, origin};
use crate::routes::login::cookie;

/// The edges that people can come in by.
#[utoipa::path(get, path = "/api/v1/edges", operation_id = "list_edges", tag = "edges", responses(
    (status = 200, body = Edges),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list(State(app): State<WebApp>, _: Login) -> Result<Json<Edges>, ApiError> {
    let edges = app.control.edges().await?;
    Ok(Json(Edges {
        items: edges.iter().cloned().map(Into::into).collect(),
    }))
}

/// Get a code with which this login goes on at another edge.
#[utoipa::path(post, path = "/api/v1/handover", operation_id = "hand_over", tag = "edges", responses(
    (status = 200, body = HandoverCode),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn hand_over(State(app): State<WebApp>, login: Login) -> Result<Json<HandoverCode>, ApiError> {
    let made = app.control.hand_over(&login.identity).await?;
    made.map(|made| Json(made.into())).ok_or_else(ApiError::login_required)
}

/// Come from another edge with a code: a page's form is sent here by its browser. Sets cookie `__Host-gatewright` and leads to
/// the page that was wanted, or to the login where the code is no longer good.
#[utoipa::path(post, path = "/api/v1/handover/enter", operation_id = "come_over", tag = "edges", security(()),
    request_body(content = ComeOver, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 303, description = "To the page that was wanted, logged in; or to the login."),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn come_over(
    State(app): State<WebApp>,
    client: Client,
    OfAnEdge(known): OfAnEdge,
    form: Result<Form<ComeOver>, FormRejection>,
) -> Result<Response, ApiError> {
    let Ok(Form(ComeOver { code, next })) = form else {
        return to("/login", HeaderMap::new());
    };
    let next = next.filter(|next| is_own_path(next)).unwrap_or_else(|| "/".into());
    let entered = if known {
        app.control.come_over(&code, &client.text()).await?
    } else {
        tracing::debug!(client = client.text(), "A handover from a page that is no edge's was refused");
        None
    };
    let Some(entered) = entered else {
        // The person logs in as ever, and gets where they wanted to be.
        return to(&format!("/login?next={}", in_query(&next)), HeaderMap::new());
    };
    let lifetime = entered.expires_at.since(std::time::SystemTime::now().into());
    to(
        &next,
        cookie(entered.token.expose_secret(), lifetime.as_secs())?.into_iter().collect(),
    )
}

/// Whether the request comes from a page of an edge: of any other, it might log a person in as somebody else.
pub(crate) struct OfAnEdge(bool);

impl FromRequestParts<WebApp> for OfAnEdge {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &WebApp) -> Result<Self, ApiError> {
        if origin(parts, app) == Origin::Own {
            return Ok(Self(true));
        }
        let mut origins = parts.headers.get_all(header::ORIGIN).iter();
        let (Some(from), None) = (origins.next(), origins.next()) else {
            return Ok(Self(false));
        };
        let edges = app.control.edges().await?;
        Ok(Self(edges.iter().any(|edge| edge.origin.as_bytes() == from.as_bytes())))
    }
}

/// Whether it is a path of this site and nothing else: neither `//host` nor what a browser makes that of.
fn is_own_path(next: &str) -> bool {
    let after = next.strip_prefix('/');
    after.is_some_and(|rest| !rest.starts_with(['/', '\\']))
        && next.len() <= 1024
        && next.bytes().all(|byte| byte.is_ascii_graphic())
        && !next.starts_with("/login")
}

/// As a value in a query (RFC 3986 3.4).
fn in_query(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            text.push(byte.into());
        } else {
            // Text that can't fail to be written to.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

fn to(place: &str, mut headers: HeaderMap) -> Result<Response, ApiError> {
    headers.insert(header::LOCATION, HeaderValue::from_str(place).map_err(ApiError::internal)?);
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_led_to() {
        for (next, own) in [
            ("/", true),
            ("/sessions/0190163d-8694-739b-aea5-966c26f8ad91", true),
            ("/activity?kind=file", true),
            ("", false),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("https://evil.example", false),
            ("/a\r\nset-cookie: x", false),
            ("/a b", false),
            ("/login?next=/", false),
            (&"/a".repeat(600), false),
        ] {
            assert_eq!(is_own_path(next), own, "{next:?}");
        }
        assert_eq!(in_query("/activity?kind=a&b"), "/activity%3Fkind%3Da%26b");
    }
}
