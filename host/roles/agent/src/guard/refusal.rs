//! Why the guard let a request not pass.

/// The rule that a request broke. What the guest sent is quoted escaped and cut, so that it is safe in a log line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request line is not in the one form that the guard reads.
    #[error("request line: {0}")]
    Target(&'static str),
    /// No such operation in the allow-list.
    #[error("operation {0} is not allowed")]
    Operation(String),
    /// The operation is in the allow-list, but not for what the agent is doing now.
    #[error("operation {0} is not part of this call")]
    OutOfScope(&'static str),
    /// A header that is not in the allow-list, or with another value than it may have.
    #[error("header {0} is not allowed")]
    Header(String),
    /// A query parameter that the operation does not know, comes twice or has another value than it may have.
    #[error("query parameter {0} is not allowed")]
    Query(String),
    /// A container that this agent did not make for this session.
    #[error("container is not one of this session's")]
    Container,
    /// A program that this call does not run.
    #[error("program is not one of this call's")]
    Exec,
    /// The body is not what the operation takes.
    #[error("body: {0}")]
    Body(&'static str),
    /// A field that the guard does not know, with something in it.
    #[error("field {0} may not be set")]
    Field(String),
    /// A known field with a value that it may not have.
    #[error("field {field}: {why}")]
    Value {
        /// Which, with the fields that it lies in.
        field: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// What a guest sent, made safe to print: escaped, and at most 80 characters.
pub(super) fn quoted(text: &str) -> String {
    let mut out: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}
