//! Logging in and out, and who one is.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use gatewright_control::LoginError;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use secrecy::ExposeSecret as _;

use crate::api::{Credentials, Health, Me};
use crate::app::WebApp;
use crate::client::Client;
use crate::error::{ApiError, Problem};
use crate::extract::Body;
use crate::login::{LOGIN_COOKIE, Login, Origin, origin};

/// A request that no other site's page sent: else such a page could log its visitor in as somebody else.
pub(crate) struct NotForeign;

impl FromRequestParts<WebApp> for NotForeign {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &WebApp) -> Result<Self, ApiError> {
        match origin(parts, app) {
            Origin::Own | Origin::Unknown => Ok(Self),
            Origin::Foreign => Err(ApiError::csrf()),
        }
    }
}

/// Begin a login. Sets cookie `__Host-gatewright`.
#[utoipa::path(post, path = "/api/v1/login", operation_id = "login", tag = "login", security(()), request_body = Credentials, responses(
    (status = 200, body = Me, description = "Logged in; the cookie is set."),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "401 `bad-credentials`, 429 `too-many-requests`."),
))]
pub(crate) async fn login(
    State(app): State<WebApp>,
    client: Client,
    _: NotForeign,
    Body(Credentials { username, password }): Body<Credentials>,
) -> Result<Response, ApiError> {
    app.limits.login(&app.control, client, &username).await?;
    let done = app
        .control
        .login(&username, password, &client.text())
        .await
        .map_err(|error| match error {
            LoginError::Wrong => ApiError::new(StatusCode::UNAUTHORIZED, "bad-credentials", "The name or the password is wrong."),
            LoginError::Internal(internal) => internal.into(),
        })?;
    if let Err(error) = app.limits.logged_in(&app.control, client, &username).await {
        // The try stays counted, as those of others do: the person is in all the same.
        tracing::debug!(?error, "A login stays counted");
    }
    let lifetime = done.expires_at.since(std::time::SystemTime::now().into());
    let cookie = cookie(done.token.expose_secret(), lifetime.as_secs())?;
    Ok((cookie, Json(Me::new(&done.identity, &app.authorizer))).into_response())
}

/// End the login.
#[utoipa::path(post, path = "/api/v1/logout", operation_id = "logout", tag = "login", responses(
    (status = 204, description = "Logged out; the cookie is removed."),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn logout(State(app): State<WebApp>, login: Login) -> Result<Response, ApiError> {
    app.control.logout(&login.identity, &login.client).await?;
    Ok((StatusCode::NO_CONTENT, cookie("", 0)?).into_response())
}

/// Who is logged in.
#[utoipa::path(get, path = "/api/v1/me", operation_id = "me", tag = "login", responses(
    (status = 200, body = Me),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn me(State(app): State<WebApp>, login: Login) -> Json<Me> {
    Json(Me::new(&login.identity, &app.authorizer))
}

/// Whether the service runs.
#[utoipa::path(get, path = "/api/v1/health", operation_id = "health", tag = "service", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn health() -> Json<Health> {
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// Whether the database answers: what edges ask for load balancers. No part of the REST API.
pub(crate) async fn ready(State(app): State<WebApp>) -> StatusCode {
    match app.control.ready().await {
        Ok(()) => StatusCode::OK,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "Not ready: the database does not answer");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

pub(crate) fn cookie(token: &str, lifetime_secs: u64) -> Result<[(HeaderName, HeaderValue); 1], ApiError> {
    let text = format!("{LOGIN_COOKIE}={token}; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age={lifetime_secs}");
    let mut value = HeaderValue::from_str(&text).map_err(ApiError::internal)?;
    value.set_sensitive(true);
    Ok([(header::SET_COOKIE, value)])
}
