//! What happened. Reading it is itself on the record.

use axum::Json;
use axum::extract::State;

use crate::api::{ActivityPage, ActivitySearch};
use crate::app::WebApp;
use crate::error::{ApiError, Problem};
use crate::extract::Asked;
use crate::login::{ActivityView, May};

/// Verdicts and audit events, newest first.
#[utoipa::path(get, path = "/api/v1/activity", operation_id = "list_activity", tag = "activity", params(ActivitySearch),
    extensions(("x-permission" = json!("activity.view"))), responses(
    (status = 200, body = ActivityPage),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list(
    State(app): State<WebApp>,
    login: May<ActivityView>,
    Asked(search): Asked<ActivitySearch>,
) -> Result<Json<ActivityPage>, ApiError> {
    let query = search
        .query()
        .map_err(|name| ApiError::unprocessable("invalid-query", format!("Parameter {name} has no such value.")))?;
    let words = search.words();
    // Before anything is shown. A page that refreshes itself is one reading, not hundreds.
    if app.limits.is_new_reading(login.identity.user.id, &words) {
        app.control
            .record(&login.actor(), "activity.viewed", "activity", &words, true)
            .await?;
    }
    Ok(Json(app.control.activity(&query).await?.into()))
}
