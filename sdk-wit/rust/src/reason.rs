//! Reasons: a code that the manifest declares, and the numbers for its words.

use crate::{ParamValue, Reason};

/// Begins a reason. `code` and the parameters must be exactly what `plugin.toml` declares, else the host takes the call as failed.
///
/// ```
/// use gatewright_sdk::{Reason, reason};
/// let reason: Reason = reason("too-large").bytes("actual", 70_000).bytes("limit", 65_536).into();
/// assert_eq!(reason.code, "too-large");
/// ```
#[must_use]
pub fn reason(code: &str) -> ReasonBuilder {
    ReasonBuilder(Reason {
        code: code.to_owned(),
        params: Vec::new(),
    })
}

/// A reason in the making.
#[derive(Debug, Clone)]
pub struct ReasonBuilder(Reason);

impl ReasonBuilder {
    /// Adds a size in bytes.
    #[must_use]
    pub fn bytes(self, name: &str, value: u64) -> Self {
        self.with(name, ParamValue::Bytes(value))
    }

    /// Adds a number of things.
    #[must_use]
    pub fn count(self, name: &str, value: u64) -> Self {
        self.with(name, ParamValue::Count(value))
    }

    /// Adds a short name; 64 characters of it are shown.
    #[must_use]
    pub fn name(self, name: &str, value: &str) -> Self {
        self.with(name, ParamValue::Name(value.to_owned()))
    }

    /// The finished reason.
    #[must_use]
    pub fn build(self) -> Reason {
        self.0
    }

    fn with(mut self, name: &str, value: ParamValue) -> Self {
        self.0.params.push((name.to_owned(), value));
        self
    }
}

impl From<ReasonBuilder> for Reason {
    fn from(builder: ReasonBuilder) -> Self {
        builder.0
    }
}
