//! The home page, and the examples that it offers to remove.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::api::Home;
use crate::app::WebApp;
use crate::error::{ApiError, Problem};
use crate::login::{ExamplesRemove, Login, May};

/// The home page.
#[utoipa::path(get, path = "/api/v1/home", operation_id = "home", tag = "home", responses(
    (status = 200, body = Home),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn home(State(app): State<WebApp>, login: Login) -> Result<Json<Home>, ApiError> {
    Ok(Json(app.control.home(&login.identity).await?.into()))
}

/// Remove everything that was seeded as an example.
#[utoipa::path(delete, path = "/api/v1/examples", operation_id = "remove_examples", tag = "home", extensions(("x-permission" = json!("examples.remove"))), responses(
    (status = 204, description = "They are gone."),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn remove_examples(State(app): State<WebApp>, login: May<ExamplesRemove>) -> Result<StatusCode, ApiError> {
    app.control.remove_examples(&login.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
