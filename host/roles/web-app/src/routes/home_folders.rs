//! The home folders that a person keeps.

use axum::Json;
use axum::extract::State;
use gatewright_control::HomeError;
use gatewright_core::HomeId;
use http::StatusCode;

use crate::api::SavedHomes;
use crate::app::WebApp;
use crate::error::{ApiError, Problem};
use crate::extract::At;
use crate::login::Login;

/// One's own saved home folders.
#[utoipa::path(get, path = "/api/v1/homes", operation_id = "list_homes", tag = "homes", responses(
    (status = 200, body = SavedHomes),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list(State(app): State<WebApp>, login: Login) -> Result<Json<SavedHomes>, ApiError> {
    let items = app.control.home_folders(login.identity.user.id).await?;
    Ok(Json(SavedHomes {
        items: items.into_iter().map(Into::into).collect(),
    }))
}

/// Delete one's own saved home folder with everything in it.
#[utoipa::path(delete, path = "/api/v1/homes/{id}", operation_id = "delete_home", tag = "homes", params(("id" = Uuid, Path)), responses(
    (status = 204, description = "It is out of reach; its node removes it."),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `in-use`."),
))]
pub(crate) async fn delete(State(app): State<WebApp>, login: Login, At(id): At<HomeId>) -> Result<StatusCode, ApiError> {
    let deleted = app.control.delete_home_folder(id, login.identity.user.id, &login.actor()).await;
    deleted.map_err(|error| match error {
        HomeError::NotFound => ApiError::not_found(),
        HomeError::InUse => ApiError::conflict("in-use", "A session has this home open. End it first."),
        HomeError::Internal(internal) => internal.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}
