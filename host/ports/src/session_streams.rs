//! `SessionStreams`: byte streams into the sessions of one agent.

use async_trait::async_trait;
use gatewright_core::SessionId;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream in both directions.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// Opens streams into sessions. In one process it returns the socket itself.
#[async_trait]
pub trait SessionStreams: Send + Sync {
    /// Opens a declared service (`vnc`) of a session. Names a session and a service, never an address; the agent
    /// checks that the session is its own. Each call is a connection of its own.
    ///
    /// # Errors
    /// [`StreamError`].
    async fn open(&self, session: SessionId, service: &str) -> Result<Box<dyn ByteStream>, StreamError>;
}

/// Why a stream could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamError {
    /// The agent can't be reached.
    #[error("agent is unavailable")]
    Unavailable,
    /// No such session here, or it does not run.
    #[error("session does not run on this node")]
    NotFound,
    /// The workspace declares no such service.
    #[error("workspace has no service {service:?}")]
    NoSuchService {
        /// As asked for.
        service: String,
    },
    /// What lies at the service's place is not the session's own socket: a link, a folder, another owner's.
    #[error("the session's socket was tampered with")]
    Tampered,
    /// Nothing listens.
    #[error("the service does not answer")]
    Refused,
}
