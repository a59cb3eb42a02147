//! The four ports that cross roles, with their data transfer objects and errors. A fifth needs an ADR.
//!
//! A port is an object-safe trait: in one process the other role's own value stands behind it, between processes a
//! client. Every error has `Unavailable`; every mutation is idempotent by id. Whoever reads from the wire ignores
//! unknown fields, so that neighbouring versions understand each other.
#![forbid(unsafe_code)]

pub mod agent_control;
pub mod control;
pub mod images;
pub mod proxy_control;
pub mod session_streams;

pub use agent_control::{AgentControl, AgentError};
pub use control::{Control, ControlError};
pub use images::{ImageFacts, ImageStatus, PullProgress};
pub use proxy_control::{ProxyControl, ProxyError};
pub use session_streams::{ByteStream, SessionStreams, StreamError};
