//! What a request about files is answered with when it can't be done. RFC 9457.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use gatewright_files::Failure;
use gatewright_gate::{FileOutcome, Notice};
use gatewright_ports::StreamError;
use serde_json::json;

/// A request that was not done, in the words of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    /// The rule that denied it, and what to quote.
    pub(crate) rule: Option<String>,
    pub(crate) reference: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            rule: None,
            reference: None,
        }
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The session can't be reached just now. Try again.",
        )
    }

    pub(crate) fn no_ticket() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "ticket-required",
            "The session has to be entered with a ticket first.",
        )
    }

    pub(crate) fn no_transfer() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no-transfer", "This transfer is over. Begin it again.")
    }

    pub(crate) fn denied(notice: &Notice, rule: Option<String>) -> Self {
        Self {
            rule,
            reference: notice.reference.map(|reference| reference.to_string()),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "denied", notice.text.clone())
        }
    }

    /// For what was not released.
    pub(crate) fn of(outcome: &FileOutcome) -> Self {
        match outcome {
            FileOutcome::Denied { notice, rule } => Self::denied(notice, rule.clone()),
            FileOutcome::WrongSize => Self::new(
                StatusCode::CONFLICT,
                "wrong-size",
                "The file is not of the size that was announced. It may have changed meanwhile. Try again.",
            ),
            FileOutcome::NotTaken(why) => Self::new(StatusCode::CONFLICT, "not-taken", why.clone()),
            FileOutcome::Incomplete | FileOutcome::Released(_) => Self::new(
                StatusCode::CONFLICT,
                "incomplete",
                "The transfer was cut off before the file was whole. Nothing of it was kept. Try again.",
            ),
        }
    }
}

/// What a person reads of a failure at the folder.
pub(crate) fn words(failure: Failure) -> &'static str {
    match failure {
        Failure::NotFound => "The file is not there any more.",
        Failure::Link => "Links can't be transferred. Copy the file itself into Transfer.",
        Failure::NotAFile => "Only files can be transferred. Put a folder into an archive first.",
        Failure::Name => "This name can't be used. Rename the file and try again.",
        Failure::NoRoom => "There is no room for this file in the session just now.",
        Failure::Changed => "The file changed while it was read. Try again when nothing writes to it.",
        Failure::Protocol | Failure::Io | Failure::Other => "The file could not be read or written. Try again.",
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let (status, code) = match failure {
            Failure::NotFound => (StatusCode::NOT_FOUND, "no-file"),
            Failure::Link => (StatusCode::CONFLICT, "link"),
            Failure::NotAFile => (StatusCode::CONFLICT, "no-plain-file"),
            Failure::Name => (StatusCode::UNPROCESSABLE_ENTITY, "name"),
            Failure::NoRoom => (StatusCode::INSUFFICIENT_STORAGE, "no-room"),
            Failure::Changed => (StatusCode::CONFLICT, "changed"),
            Failure::Protocol | Failure::Io | Failure::Other => (StatusCode::BAD_GATEWAY, "failed"),
        };
        Self::new(status, code, words(failure))
    }
}

impl From<StreamError> for Problem {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::NoSuchService { .. } => Self::new(StatusCode::NOT_FOUND, "no-files", "This workspace has no Transfer folder."),
            _ => Self::unavailable(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
            "rule": self.rule,
            "reference": self.reference,
        });
        let kind = [
            (header::CONTENT_TYPE, "application/problem+json"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        (self.status, kind, body.to_string()).into_response()
    }
}
