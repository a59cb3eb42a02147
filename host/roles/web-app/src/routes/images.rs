//! Bringing the images of workspaces to nodes, and checking them there.

use axum::Json;
use axum::extract::State;
use gatewright_control::{CheckError, PullError};
use gatewright_core::{NodeId, WorkspaceId};
use http::StatusCode;

use crate::api::{Check, CheckWish, LastCheck, WorkspaceNodes};
use crate::app::WebApp;
use crate::error::{ApiError, Problem};
use crate::extract::{At, Body};
use crate::login::{May, WorkspacesManage};

/// How a workspace's image stands on each node.
#[utoipa::path(get, path = "/api/v1/workspaces/{id}/nodes", operation_id = "list_workspace_nodes", tag = "workspaces", params(("id" = Uuid, Path)),
    extensions(("x-permission" = json!("workspaces.manage"))), responses(
    (status = 200, body = WorkspaceNodes),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn nodes(
    State(app): State<WebApp>,
    _: May<WorkspacesManage>,
    At(id): At<WorkspaceId>,
) -> Result<Json<WorkspaceNodes>, ApiError> {
    let nodes = app.control.workspace_nodes(id).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(WorkspaceNodes {
        items: nodes.into_iter().map(Into::into).collect(),
    }))
}

/// Bring a workspace's image to a node. It goes on in the background: ask how it stands.
#[utoipa::path(post, path = "/api/v1/workspaces/{id}/nodes/{node}/pull", operation_id = "pull_image", tag = "workspaces",
    params(("id" = Uuid, Path), ("node" = Uuid, Path)),
    extensions(("x-permission" = json!("workspaces.manage"))), responses(
    (status = 202, description = "It is being brought."),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `node-away`, 409 `pull-refused`."),
))]
pub(crate) async fn pull(
    State(app): State<WebApp>,
    login: May<WorkspacesManage>,
    At((id, node)): At<(WorkspaceId, NodeId)>,
) -> Result<StatusCode, ApiError> {
    app.control.pull_image(id, node, &login.actor()).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Break off what brings a workspace's image to a node.
#[utoipa::path(delete, path = "/api/v1/workspaces/{id}/nodes/{node}/pull", operation_id = "cancel_pull", tag = "workspaces",
    params(("id" = Uuid, Path), ("node" = Uuid, Path)),
    extensions(("x-permission" = json!("workspaces.manage"))), responses(
    (status = 204, description = "It is broken off."),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `node-away`."),
))]
pub(crate) async fn cancel(
    State(app): State<WebApp>,
    login: May<WorkspacesManage>,
    At((id, node)): At<(WorkspaceId, NodeId)>,
) -> Result<StatusCode, ApiError> {
    app.control.cancel_pull(id, node, &login.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Check on a node whether a workspace's image keeps the image contract. A session is made for it, looked at, and removed.
#[utoipa::path(post, path = "/api/v1/workspaces/{id}/check", operation_id = "check_image", tag = "workspaces", params(("id" = Uuid, Path)),
    request_body = CheckWish, extensions(("x-permission" = json!("workspaces.manage"))), responses(
    (status = 202, body = Check, description = "It has begun."),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `node-away`, 409 `check-running`."),
))]
pub(crate) async fn check(
    State(app): State<WebApp>,
    login: May<WorkspacesManage>,
    At(id): At<WorkspaceId>,
    Body(wish): Body<CheckWish>,
) -> Result<(StatusCode, Json<Check>), ApiError> {
    let begun = app.control.check_image(&login.identity, &login.client, id, wish.node_id).await;
    let view = begun.map_err(|error| match error {
        CheckError::NotFound => ApiError::not_found(),
        CheckError::NodeAway(name) => node_away(&name),
        CheckError::Running => ApiError::conflict("check-running", "This image is being checked already. Wait for the end of it."),
        CheckError::Internal(internal) => internal.into(),
    })?;
    Ok((StatusCode::ACCEPTED, Json(view.into())))
}

/// The last check of a workspace's image, as far as it is.
#[utoipa::path(get, path = "/api/v1/workspaces/{id}/check", operation_id = "get_check", tag = "workspaces", params(("id" = Uuid, Path)),
    extensions(("x-permission" = json!("workspaces.manage"))), responses(
    (status = 200, body = LastCheck),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn last_check(
    State(app): State<WebApp>,
    _: May<WorkspacesManage>,
    At(id): At<WorkspaceId>,
) -> Result<Json<LastCheck>, ApiError> {
    let check = app.control.last_check(id).await?.map(Into::into);
    Ok(Json(LastCheck { check }))
}

fn node_away(name: &str) -> ApiError {
    ApiError::conflict("node-away", format!("{name} can't be reached now. Look whether its agent runs."))
}

impl From<PullError> for ApiError {
    fn from(error: PullError) -> Self {
        match error {
            PullError::NotFound => Self::not_found(),
            PullError::NodeAway(name) => node_away(&name),
            PullError::Refused(why) => Self::conflict("pull-refused", format!("The node does not pull it: {why}.")),
            PullError::Internal(internal) => internal.into(),
        }
    }
}
