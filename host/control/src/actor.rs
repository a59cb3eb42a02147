//! Who does something, as events remember it.

use gatewright_core::UserId;

/// Who asked for something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor {
    /// The person; none for the host itself.
    pub user: Option<UserId>,
    /// The login name, or `system`.
    pub name: String,
    /// The person's groups.
    pub groups: Vec<String>,
    /// The client's address as the edge saw it; empty for the host itself.
    pub client: String,
}

impl Actor {
    /// The host itself.
    #[must_use]
    pub fn system() -> Self {
        Self {
            name: "system".into(),
            ..Self::default()
        }
    }
}
