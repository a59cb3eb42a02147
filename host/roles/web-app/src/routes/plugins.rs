//! Plugins: uploaded, looked at, activated, rolled back.

use axum::Json;
use axum::extract::State;
use gatewright_control::{ActivateError, DeleteError, RollBackError, UploadError};
use gatewright_core::plugin::PluginName;
use http::StatusCode;

use crate::api::{Impact, Plugin, PluginFile, Plugins, Uploaded};
use crate::app::WebApp;
use crate::error::{ApiError, Problem};
use crate::extract::{At, PluginBytes};
use crate::login::{May, PluginsActivate, PluginsUpload, PluginsView};

/// All plugins.
#[utoipa::path(get, path = "/api/v1/plugins", operation_id = "list_plugins", tag = "plugins", extensions(("x-permission" = json!("plugins.view"))), responses(
    (status = 200, body = Plugins),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list(State(app): State<WebApp>, _: May<PluginsView>) -> Result<Json<Plugins>, ApiError> {
    let items = app.control.plugins().await?;
    Ok(Json(Plugins {
        items: items.into_iter().map(Into::into).collect(),
    }))
}

/// Upload a version. It is checked, compiled and tried; nothing uses it until it is activated.
#[utoipa::path(post, path = "/api/v1/plugins", operation_id = "upload_plugin", tag = "plugins", extensions(("x-permission" = json!("plugins.upload"))),
    request_body(content = PluginFile, content_type = "application/wasm", description = "The file as it is, 32 MiB at the most."),
    responses(
        (status = 201, body = Uploaded),
        (status = "default", body = Problem, content_type = "application/problem+json",
            description = "422 `bad-plugin` with the stage; 409 `version-taken`, 409 `kind-taken`."),
))]
pub(crate) async fn upload(
    State(app): State<WebApp>,
    login: May<PluginsUpload>,
    PluginBytes(bytes): PluginBytes,
) -> Result<(StatusCode, Json<Uploaded>), ApiError> {
    app.limits.upload(login.identity.user.id)?;
    let done = app
        .control
        .upload_plugin(bytes, &login.actor())
        .await
        .map_err(|error| match error {
            UploadError::Bad(bad) => ApiError::unprocessable("bad-plugin", bad.detail).at_stage(bad.stage.as_str()),
            UploadError::VersionTaken { plugin, version } => ApiError::conflict(
                "version-taken",
                format!("{plugin} {version} is here already, with other bytes. Give the new file a new version."),
            ),
            UploadError::KindTaken { plugin, kind } => ApiError::conflict(
                "kind-taken",
                format!("{plugin} is a {} plugin. Give the new one another id.", kind.as_str()),
            ),
            UploadError::Internal(internal) => internal.into(),
        })?;
    Ok((StatusCode::CREATED, Json(done.into())))
}

/// What activating a version would touch.
#[utoipa::path(get, path = "/api/v1/plugins/{name}/versions/{version}/impact", operation_id = "get_impact", tag = "plugins",
    params(("name" = String, Path), ("version" = String, Path)),
    extensions(("x-permission" = json!("plugins.view"))), responses(
    (status = 200, body = Impact),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn impact(
    State(app): State<WebApp>,
    _: May<PluginsView>,
    At((name, version)): At<(PluginName, String)>,
) -> Result<Json<Impact>, ApiError> {
    let view = app.control.plugin_impact(&name, &version).await?;
    Ok(Json(view.ok_or_else(ApiError::not_found)?.into()))
}

/// Activate a version: the next call goes to it, in open sessions too.
#[utoipa::path(post, path = "/api/v1/plugins/{name}/versions/{version}/activate", operation_id = "activate_version", tag = "plugins",
    params(("name" = String, Path), ("version" = String, Path)),
    extensions(("x-permission" = json!("plugins.activate"))), responses(
    (status = 200, body = Plugin),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `not-ready`, 422 `bad-plugin`."),
))]
pub(crate) async fn activate(
    State(app): State<WebApp>,
    login: May<PluginsActivate>,
    At((name, version)): At<(PluginName, String)>,
) -> Result<Json<Plugin>, ApiError> {
    let done = app.control.activate_plugin(&name, &version, &login.actor()).await;
    done.map(|view| Json(view.into())).map_err(|error| match error {
        ActivateError::NotFound => ApiError::not_found(),
        ActivateError::NotReady { .. } => ApiError::conflict(
            "not-ready",
            format!("{name} {version} is not ready. Its state on the plugin's page says why."),
        ),
        ActivateError::Bad(bad) => ApiError::unprocessable("bad-plugin", bad.detail).at_stage(bad.stage.as_str()),
        ActivateError::Internal(internal) => internal.into(),
    })
}

/// Activate the version that was active before.
#[utoipa::path(post, path = "/api/v1/plugins/{name}/rollback", operation_id = "roll_back_plugin", tag = "plugins", params(("name" = String, Path)),
    extensions(("x-permission" = json!("plugins.activate"))), responses(
    (status = 200, body = Plugin),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `nothing-to-roll-back`."),
))]
pub(crate) async fn roll_back(
    State(app): State<WebApp>,
    login: May<PluginsActivate>,
    At(name): At<PluginName>,
) -> Result<Json<Plugin>, ApiError> {
    let done = app.control.roll_back_plugin(&name, &login.actor()).await;
    done.map(|view| Json(view.into())).map_err(|error| match error {
        RollBackError::NotFound => ApiError::not_found(),
        RollBackError::Nothing => ApiError::conflict(
            "nothing-to-roll-back",
            format!("No other version of {name} was active before this one."),
        ),
        RollBackError::Internal(internal) => internal.into(),
    })
}

/// Remove a version that is not active.
#[utoipa::path(delete, path = "/api/v1/plugins/{name}/versions/{version}", operation_id = "remove_version", tag = "plugins",
    params(("name" = String, Path), ("version" = String, Path)),
    extensions(("x-permission" = json!("plugins.upload"))), responses(
    (status = 204, description = "It is gone."),
    (status = "default", body = Problem, content_type = "application/problem+json", description = "409 `active`."),
))]
pub(crate) async fn remove(
    State(app): State<WebApp>,
    login: May<PluginsUpload>,
    At((name, version)): At<(PluginName, String)>,
) -> Result<StatusCode, ApiError> {
    let done = app.control.delete_plugin_version(&name, &version, &login.actor()).await;
    done.map(|()| StatusCode::NO_CONTENT).map_err(|error| match error {
        DeleteError::NotFound => ApiError::not_found(),
        DeleteError::Active => ApiError::conflict("active", format!("{name} {version} is active. Activate another version first.")),
        DeleteError::Internal(internal) => internal.into(),
    })
}
