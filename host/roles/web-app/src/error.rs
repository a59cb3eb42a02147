//! Errors as RFC 9457 bodies. What went wrong inside is logged under a reference, never returned.

use std::error::Error;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use gatewright_control::Internal;
use gatewright_core::Reference;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// What a request is answered with where it is not answered as asked.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
    stage: Option<&'static str>,
    fields: Vec<WrongField>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// An error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// `about:blank`: the status says what kind it is.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What the person reads.
    detail: String,
    /// Stable, for programs.
    code: &'static str,
    /// What an administrator looks for in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    reference: Option<Reference>,
    /// Where a plugin was found to be bad: `manifest`, `imports`, `compile` or `self-test`.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'static str>,
    /// The fields that have to be mended, with what is wrong with each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<WrongField>,
}

/// What is wrong with one field of a body.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WrongField {
    /// Its name.
    pub(crate) name: &'static str,
    /// What the person reads.
    pub(crate) detail: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            stage: None,
            fields: Vec::new(),
            retry_after: None,
            source: None,
        }
    }

    pub(crate) fn login_required() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "login-required", "Please log in.")
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "You are not allowed to do this.")
    }

    pub(crate) fn csrf() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "csrf",
            "This request did not come from a page of this site. Reload the page and try again.",
        )
    }

    /// Also for what is there and not for this person.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing here, or it is not for you.")
    }

    pub(crate) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    pub(crate) fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    pub(crate) fn too_many(wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-requests",
                format!("Too many attempts. Try again in {}.", seconds(wait)),
            )
        }
    }

    pub(crate) fn timeout() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "This took too long. Try again.")
    }

    pub(crate) fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", String::new())
        }
    }

    /// A body whose fields hold what can't be.
    pub(crate) fn wrong_fields(fields: Vec<WrongField>) -> Self {
        Self {
            fields,
            ..Self::unprocessable("invalid-fields", "Some fields have to be mended.")
        }
    }

    pub(crate) const fn at_stage(mut self, stage: &'static str) -> Self {
        self.stage = Some(stage);
        self
    }
}

impl From<Internal> for ApiError {
    fn from(error: Internal) -> Self {
        match error {
            Internal::Stopping => Self {
                retry_after: Some(Duration::from_secs(5)),
                ..Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "stopping",
                    "The service is restarting. Try again in a moment.",
                )
            },
            other if other.is_unavailable() => Self {
                retry_after: Some(Duration::from_secs(5)),
                source: Some(Box::new(other)),
                ..Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "The service can't reach its database. Try again in a moment.",
                )
            },
            other => Self::internal(other),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let reference = self.source.as_ref().map(|source| {
            let random = uuid::Uuid::now_v7().as_u64_pair().1;
            let reference = Reference::from_random(u32::try_from(random & 0xffff_ffff).unwrap_or(0));
            tracing::error!(%reference, error = &**source as &dyn Error, "A request failed");
            reference
        });
        let detail = match reference {
            Some(reference) if self.detail.is_empty() => format!("Something went wrong on our side. Ref {reference}"),
            Some(reference) => format!("{} Ref {reference}", self.detail),
            None => self.detail,
        };
        let problem = Problem {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail,
            code: self.code,
            reference,
            stage: self.stage,
            fields: self.fields,
        };
        let mut response = (self.status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        response
    }
}

/// Rounded up: whoever comes back a moment early is refused again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn seconds(wait: Duration) -> String {
    match whole_seconds(wait) {
        0 | 1 => "a second".into(),
        more => format!("{more} seconds"),
    }
}
