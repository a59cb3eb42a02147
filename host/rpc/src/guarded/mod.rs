//! The ports behind the table: each call is checked against its caller's certificate, in one process and between.

mod agent;
mod control;
mod proxy;
mod streams;

pub use agent::GuardedAgent;
pub use control::{CachedPlaces, GuardedControl, Places};
pub use proxy::GuardedProxy;
pub use streams::GuardedStreams;
