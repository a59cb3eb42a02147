//! The ports of other processes.

mod agent;
mod control;
mod proxy;
mod streams;

pub use agent::RemoteAgent;
pub use control::{JoinError, RemoteControl, join};
pub use proxy::RemoteProxy;
pub use streams::{PendingStreams, RemoteStreams};
