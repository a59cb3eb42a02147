//! Errors that every operation shares.

use gatewright_database::{AsStoreError, StoreError};

use crate::vault::VaultError;

/// Something that no caller can mend: answered with "unavailable" and logged.
#[derive(Debug, thiserror::Error)]
pub enum Internal {
    /// The database.
    #[error("database operation failed")]
    Store(#[from] StoreError),
    /// The vault.
    #[error("vault operation failed")]
    Vault(#[from] VaultError),
    /// A password could not be hashed.
    #[error("password hashing failed")]
    Hash,
    /// The control plane is shutting down.
    #[error("control plane is shutting down")]
    Stopping,
}

impl Internal {
    /// Whether another web-app has taken over what this one was doing.
    pub(crate) const fn is_fenced(&self) -> bool {
        matches!(self, Self::Store(StoreError::Fenced))
    }

    /// Whether the same may succeed later, with nothing changed by a person.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        match self {
            Self::Store(error) | Self::Vault(VaultError::Store(error)) => error.is_unavailable(),
            Self::Vault(_) | Self::Hash | Self::Stopping => false,
        }
    }
}

impl AsStoreError for Internal {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Vault(_) | Self::Hash | Self::Stopping => None,
        }
    }
}

/// Why the control plane could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database.
    #[error("database can't be opened")]
    Store(#[from] StoreError),
    /// The vault.
    #[error("vault can't be opened")]
    Vault(#[from] VaultError),
    /// A password of the configuration could not be hashed.
    #[error("first passwords can't be set")]
    Seed(#[from] Internal),
    /// The nodes' certificate authority.
    #[error("nodes' certificate authority can't be opened")]
    Authority(#[from] crate::nodes::NodeError),
    /// The watched folder.
    #[error("plugin folder can't be watched")]
    Watch(#[source] std::io::Error),
}
