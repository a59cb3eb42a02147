//! How a call looks on the wire: bodies, answers, errors, bounds.
//!
//! 200 carries the answer; 422 the port's own error, as JSON; 403 means that the table said no. Everything else, and
//! whatever can't be understood, is `Unavailable` to the caller.

use bytes::Bytes;
use gatewright_core::session::EndReason;
use gatewright_core::{HomeId, NodeId, SecretId, SessionId};
use gatewright_ports::agent_control::{ExecProgram, Fence, SessionSpec};
use gatewright_ports::control::{RenewRequest, SecretText};
use gatewright_ports::{AgentError, ControlError, ProxyError, StreamError};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::caller::Denied;

/// The largest body of a call.
pub(crate) const MAX_REQUEST_BYTES: usize = 4 << 20;
/// The largest body of a call by somebody without a certificate.
pub(crate) const MAX_STRANGER_BYTES: usize = 16 << 10;
/// The largest answer: a plugin has 32 MiB at the most.
pub(crate) const MAX_RESPONSE_BYTES: usize = 40 << 20;
/// All headers of a call together.
pub(crate) const MAX_HEADER_LIST_BYTES: u32 = 16 << 10;

/// What every port's error has in common.
pub(crate) trait PortError: Serialize + DeserializeOwned + Send + 'static {
    /// The other side was not reached, or was not understood.
    fn unavailable() -> Self;
    /// The other side says that the caller may not: to the caller there is no such thing.
    fn denied() -> Self;
}

macro_rules! port_errors {
    ($($error:ident denied as $denied:ident;)*) => {$(
        impl PortError for $error {
            fn unavailable() -> Self {
                Self::Unavailable
            }

            fn denied() -> Self {
                Self::$denied
            }
        }

        impl From<Denied> for $error {
            fn from(_: Denied) -> Self {
                Self::$denied
            }
        }
    )*};
}

// Cross-crate: the errors are the ports', the conversion is ours, so `From<Denied>` is allowed by the orphan rule.
port_errors! {
    ControlError denied as NotFound;
    AgentError denied as Unavailable;
    StreamError denied as NotFound;
    ProxyError denied as Unavailable;
}

/// A body without content.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Nothing {}

/// One session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OneSession {
    pub(crate) session: SessionId,
}

/// One session, and the lease by which it is driven. A neighbouring version may not name one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Driven {
    pub(crate) session: SessionId,
    #[serde(default)]
    pub(crate) fence: Fence,
}

/// `AgentControl::stop`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) session: SessionId,
    pub(crate) grace_secs: u64,
    #[serde(default)]
    pub(crate) fence: Fence,
}

/// `AgentControl::exec`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Exec {
    pub(crate) session: SessionId,
    pub(crate) program: ExecProgram,
}

/// `AgentControl::logs`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Logs {
    pub(crate) session: SessionId,
    pub(crate) lines: u32,
}

/// `Control::renew`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Renew {
    pub(crate) node: NodeId,
    #[serde(flatten)]
    pub(crate) request: RenewRequest,
}

/// `Control::watch`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Since {
    pub(crate) since: u64,
}

/// `Control::secret`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OneSecret {
    pub(crate) session: SessionId,
    pub(crate) secret: SecretId,
}

/// An opened secret.
#[derive(Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) value: SecretText,
}

/// `Control::end_session`, `ProxyControl::terminate`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) session: SessionId,
    pub(crate) reason: EndReason,
}

/// `ProxyControl::message`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) session: SessionId,
    pub(crate) text: String,
}

/// `AgentControl::create`: the password is no part of the plan itself, which is printed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Create {
    pub(crate) spec: SessionSpec,
    pub(crate) desktop_password: Option<SecretText>,
    #[serde(default)]
    pub(crate) fence: Fence,
}

/// `AgentControl::check`
#[derive(Serialize, Deserialize)]
pub(crate) struct Check {
    pub(crate) session: SessionId,
    pub(crate) password: SecretText,
    #[serde(default)]
    pub(crate) fence: Fence,
}

/// One image.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OneImage {
    pub(crate) name: String,
}

/// One home.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OneHome {
    pub(crate) home: HomeId,
}

/// `SessionStreams::open`: the asked dials a stream with this id.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) session: SessionId,
    pub(crate) service: String,
    pub(crate) answer: String,
}

/// A port's answer as a response.
pub(crate) fn reply<T: Serialize, E: PortError>(outcome: Result<T, E>) -> Response<Full<Bytes>> {
    let (status, body) = match &outcome {
        Ok(value) => (StatusCode::OK, serde_json::to_vec(value)),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, serde_json::to_vec(error)),
    };
    match body {
        Ok(body) => response(status, body.into()),
        Err(_) => response(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
    }
}

/// A response.
pub(crate) fn response(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}

/// A response as a port's answer.
pub(crate) fn answer<T: DeserializeOwned, E: PortError>(status: StatusCode, body: &[u8]) -> Result<T, E> {
    match status {
        StatusCode::OK => serde_json::from_slice(body).map_err(|error| {
            tracing::warn!(%error, "An answer could not be understood");
            E::unavailable()
        }),
        // A newer version's error that we do not know is still an error.
        StatusCode::UNPROCESSABLE_ENTITY => Err(serde_json::from_slice(body).unwrap_or_else(|_| E::unavailable())),
        StatusCode::FORBIDDEN => Err(E::denied()),
        _ => Err(E::unavailable()),
    }
}
