//! `ProxyControl`: what the control plane asks of a connection proxy.

use async_trait::async_trait;
use gatewright_core::SessionId;
use gatewright_core::session::EndReason;
use serde::{Deserialize, Serialize};

/// Asks one connection proxy about its open streams.
#[async_trait]
pub trait ProxyControl: Send + Sync {
    /// The sessions with a client connected here.
    ///
    /// # Errors
    /// [`ProxyError::Unavailable`].
    async fn list(&self) -> Result<Vec<OpenStream>, ProxyError>;

    /// Closes every stream of a session and tells its clients why. Idempotent.
    ///
    /// # Errors
    /// [`ProxyError::Unavailable`].
    async fn terminate(&self, session: SessionId, reason: EndReason) -> Result<(), ProxyError>;

    /// Shows a text to the clients of a session, as a notice over the picture.
    ///
    /// # Errors
    /// [`ProxyError::Unavailable`].
    async fn message(&self, session: SessionId, text: String) -> Result<(), ProxyError>;
}

/// One connected client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenStream {
    /// The session.
    pub session: SessionId,
    /// The client's address as the edge saw it.
    pub client: String,
    /// Seconds since something was last typed, clicked or pasted. A proxy that does not say counts as just now.
    #[serde(default)]
    pub idle_secs: u64,
}

/// Why a proxy could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyError {
    /// The proxy can't be reached.
    #[error("connection proxy is unavailable")]
    Unavailable,
}
