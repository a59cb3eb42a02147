//! HTTP for runtime plugins, over an endpoint that the caller supplies.

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use crate::grants::Method;

/// What stands behind the endpoint that a plugin was granted: a unix socket with the guard before it.
///
/// This crate has checked method and path against the manifest and the operator's approval when [`Self::send`] is
/// called; what they and the body may say is the implementation's to decide.
#[async_trait]
pub trait HttpEndpoint: Send + Sync {
    /// Sends a request and returns with the response's head.
    ///
    /// Dropping the future, or the body, must end the exchange.
    ///
    /// # Errors
    /// [`HttpError`], each of which the guest learns.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError>;
}

/// A request of a guest.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// Path with query, beginning with `/`, visible ASCII only.
    pub path: String,
    /// Names in lower case with their values. No `host`, no framing and no connection headers: those are the endpoint's.
    pub headers: Vec<(String, String)>,
    /// At most 1 MiB.
    pub body: Bytes,
}

impl fmt::Debug for HttpRequest {
    /// Not the body, and not the headers: either may carry a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A response's body, piece by piece.
pub type HttpBody = Pin<Box<dyn Stream<Item = Result<Bytes, HttpError>> + Send>>;

/// A response, its body yet to be read.
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Headers, names in lower case. What is not text is left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: HttpBody,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The guard refused it.
    #[error("guard refused the request: {0}")]
    Refused(String),
    /// Nothing answers there.
    #[error("endpoint does not answer")]
    Unreachable,
    /// No answer in time.
    #[error("endpoint did not answer in time")]
    Timeout,
    /// A body or head over its limit.
    #[error("response is too large")]
    TooLarge,
    /// What came back is not HTTP.
    #[error("endpoint does not speak HTTP")]
    Protocol,
}
