//! The machines of the deployment: seen, added, removed.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use gatewright_control::{JoinTokenWish, NodeError, RemoveNodeError};
use gatewright_core::{NodeId, NodeRole};
use http::StatusCode;

use crate::api::{JoinCommands, NewNode, Nodes};
use crate::app::WebApp;
use crate::error::{ApiError, Problem, WrongField};
use crate::extract::{At, Body};
use crate::login::{May, NodesManage};

/// All nodes, removed ones last.
#[utoipa::path(get, path = "/api/v1/nodes", operation_id = "list_nodes", tag = "nodes", extensions(("x-permission" = json!("nodes.manage"))), responses(
    (status = 200, body = Nodes),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list(State(app): State<WebApp>, _: May<NodesManage>) -> Result<Json<Nodes>, ApiError> {
    let items = app.control.node_views().await?;
    Ok(Json(Nodes {
        items: items.into_iter().map(Into::into).collect(),
    }))
}

/// Make a token for one new machine. The answer has the commands to run there, with the token in them.
#[utoipa::path(post, path = "/api/v1/nodes", operation_id = "add_node", tag = "nodes", request_body = NewNode,
    extensions(("x-permission" = json!("nodes.manage"))), responses(
    (status = 201, body = JoinCommands),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "422 `invalid-fields`, 409 `no-listener`."),
))]
pub(crate) async fn add(
    State(app): State<WebApp>,
    login: May<NodesManage>,
    Body(wanted): Body<NewNode>,
) -> Result<(StatusCode, Json<JoinCommands>), ApiError> {
    let mut wrong = Vec::new();
    let mut mend = |name, detail: &str| {
        wrong.push(WrongField {
            name,
            detail: detail.into(),
        })
    };
    if wanted.roles.is_empty() {
        mend("roles", "Choose one at least.");
    } else if wanted.roles.contains(&NodeRole::WebApp) {
        mend("roles", "A web-app joins by its database and master key, not by a token.");
    }
    if wanted.zone.trim().is_empty() || wanted.zone.len() > 64 || wanted.zone.chars().any(char::is_control) {
        mend("zone", "Give a name of up to 64 letters.");
    }
    if !(1..=168).contains(&wanted.hours) {
        mend("hours", "Give 1 to 168 hours.");
    }
    if !wrong.is_empty() {
        return Err(ApiError::wrong_fields(wrong));
    }
    let wish = JoinTokenWish {
        roles: wanted.roles,
        zone: wanted.zone,
        uses: 1,
        lifetime: Duration::from_hours(wanted.hours.into()),
    };
    let made = app.control.join_commands(&wish, &login.actor()).await;
    let commands = made.map_err(|error| match error {
        NodeError::NoListener => ApiError::conflict(
            "no-listener",
            "No web-app listens for other machines. Set rpc.listen in its configuration and start it again.",
        ),
        NodeError::Store(error) => gatewright_control::Internal::from(error).into(),
        other => ApiError::internal(other),
    })?;
    Ok((StatusCode::CREATED, Json(JoinCommands { commands })))
}

/// Remove a machine for good: it is cut off, and its sessions end.
#[utoipa::path(delete, path = "/api/v1/nodes/{id}", operation_id = "remove_node", tag = "nodes", params(("id" = Uuid, Path)),
    extensions(("x-permission" = json!("nodes.manage"))), responses(
    (status = 204, description = "It is removed."),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `own-node`."),
))]
pub(crate) async fn remove(State(app): State<WebApp>, login: May<NodesManage>, At(id): At<NodeId>) -> Result<StatusCode, ApiError> {
    let done = app.control.remove_node(id, &login.actor()).await;
    done.map(|()| StatusCode::NO_CONTENT).map_err(|error| match error {
        RemoveNodeError::NotFound => ApiError::not_found(),
        RemoveNodeError::Own => ApiError::conflict(
            "own-node",
            "This is the process that answers you. Stop it, and remove it from another one.",
        ),
        RemoveNodeError::Internal(internal) => internal.into(),
    })
}
