//! How long a request may take.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

/// For what only reads and writes the database.
pub(crate) const QUICK: Duration = Duration::from_secs(30);

/// For an upload: it arrives, is compiled and tried.
pub(crate) const UPLOAD: Duration = Duration::from_secs(300);

/// Answers for a handler that takes longer.
pub(crate) async fn limit(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    tokio::time::timeout(limit, next.run(request))
        .await
        .unwrap_or_else(|_| ApiError::timeout().into_response())
}
