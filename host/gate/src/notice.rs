//! What a person is shown over the picture.

use gatewright_core::gate::Gate;
use gatewright_core::{Reference, Timestamp};
use serde::Serialize;

/// A notice for the person in a session. The text is the same in Activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// The gate, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// The whole sentence, its reference included.
    pub text: String,
    /// What to quote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// When.
    pub at: Timestamp,
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// Something did not pass.
    Blocked,
    /// Something passed, changed.
    Changed,
    /// A message from an administrator or the service.
    Info,
}
