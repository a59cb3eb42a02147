//! What can be launched, and how that is set.

use axum::Json;
use axum::extract::State;
use gatewright_control::WorkspaceError;
use gatewright_core::WorkspaceId;
use http::StatusCode;

use crate::api::{AllWorkspaceSettings, DeleteWorkspace, WorkspaceSettings, WorkspaceWish, Workspaces};
use crate::app::WebApp;
use crate::error::{ApiError, Problem, WrongField};
use crate::extract::{Asked, At, Body};
use crate::login::{Login, May, WorkspacesManage};

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

/// All workspaces with all that can be set.
#[utoipa::path(get, path = "/api/v1/workspaces/settings", operation_id = "list_workspace_settings", tag = "workspaces",
    extensions(("x-permission" = json!("workspaces.manage"))), responses(
    (status = 200, body = AllWorkspaceSettings),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_settings(State(app): State<WebApp>, _: May<WorkspacesManage>) -> Result<Json<AllWorkspaceSettings>, ApiError> {
    let items = app.control.workspace_settings().await?;
    Ok(Json(AllWorkspaceSettings {
        items: items.into_iter().map(Into::into).collect(),
    }))
}

/// One workspace with all that can be set.
#[utoipa::path(get, path = "/api/v1/workspaces/{id}", operation_id = "get_workspace_settings", tag = "workspaces", params(("id" = Uuid, Path)),
    extensions(("x-permission" = json!("workspaces.manage"))), responses(
    (status = 200, body = WorkspaceSettings),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn settings(
    State(app): State<WebApp>,
    _: May<WorkspacesManage>,
    At(id): At<WorkspaceId>,
) -> Result<Json<WorkspaceSettings>, ApiError> {
    let found = app.control.workspace_setting(id).await?;
    Ok(Json(found.ok_or_else(ApiError::not_found)?.into()))
}

/// Make a workspace.
#[utoipa::path(post, path = "/api/v1/workspaces", operation_id = "create_workspace", tag = "workspaces", request_body = WorkspaceWish,
    extensions(("x-permission" = json!("workspaces.manage"))), responses(
    (status = 201, body = WorkspaceSettings),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "422 `invalid-fields` with each field."),
))]
pub(crate) async fn create(
    State(app): State<WebApp>,
    login: May<WorkspacesManage>,
    Body(wish): Body<WorkspaceWish>,
) -> Result<(StatusCode, Json<WorkspaceSettings>), ApiError> {
    let made = app.control.create_workspace(wish.into(), &login.actor()).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Change a workspace. Sessions that are open stay as they are.
#[utoipa::path(put, path = "/api/v1/workspaces/{id}", operation_id = "change_workspace", tag = "workspaces", params(("id" = Uuid, Path)),
    request_body = WorkspaceWish, extensions(("x-permission" = json!("workspaces.manage"))), responses(
    (status = 200, body = WorkspaceSettings),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "422 `invalid-fields` with each field."),
))]
pub(crate) async fn change(
    State(app): State<WebApp>,
    login: May<WorkspacesManage>,
    At(id): At<WorkspaceId>,
    Body(wish): Body<WorkspaceWish>,
) -> Result<Json<WorkspaceSettings>, ApiError> {
    let changed = app.control.change_workspace(id, wish.into(), &login.actor()).await?;
    Ok(Json(changed.into()))
}

/// Delete a workspace with the rules on it.
#[utoipa::path(delete, path = "/api/v1/workspaces/{id}", operation_id = "delete_workspace", tag = "workspaces",
    params(("id" = Uuid, Path), DeleteWorkspace),
    extensions(("x-permission" = json!("workspaces.manage"))), responses(
    (status = 204, description = "It is gone."),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `in-use` while sessions of it are open."),
))]
pub(crate) async fn remove(
    State(app): State<WebApp>,
    login: May<WorkspacesManage>,
    At(id): At<WorkspaceId>,
    Asked(how): Asked<DeleteWorkspace>,
) -> Result<StatusCode, ApiError> {
    app.control.delete_workspace(id, how.end_sessions, &login.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<WorkspaceError> for ApiError {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::NotFound => Self::not_found(),
            WorkspaceError::Invalid(fields) => Self::wrong_fields(
                fields
                    .into_iter()
                    .map(|one| WrongField {
                        name: one.field,
                        detail: one.text,
                    })
                    .collect(),
            ),
            WorkspaceError::InUse(sessions) => Self::conflict(
                "in-use",
                match sessions {
                    1 => "One session of it is open. End it first.".to_owned(),
                    more => format!("{more} sessions of it are open. End them first."),
                },
            ),
            WorkspaceError::HasHomes(homes) => Self::conflict(
                "has-homes",
                match homes {
                    1 => "One person has a saved home in it. It has to be deleted first.".to_owned(),
                    more => format!("{more} people have a saved home in it. These have to be deleted first."),
                },
            ),
            WorkspaceError::Internal(internal) => internal.into(),
        }
    }
}
