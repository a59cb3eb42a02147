//! What can be launched.

use axum::Json;
use axum::extract::State;

use crate::api::Workspaces;
use crate::app::WebApp;
use crate::error::{ApiError, Problem};
use crate::login::Login;

/// All workspaces.
#[utoipa::path(get, path = "/api/v1/workspaces", operation_id = "list_workspaces", tag = "workspaces", responses(
    (status = 200, body = Workspaces),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list(State(app): State<WebApp>, _: Login) -> Result<Json<Workspaces>, ApiError> {
    let items = app.control.workspaces().await?;
    Ok(Json(Workspaces {
        items: items.into_iter().map(Into::into).collect(),
    }))
}
