//! The connection proxy. Its router carries session traffic to its target: for a container desktop an inspected RFB
//! relay that authenticates with the injected credential, passes pixels on untouched, and takes every clipboard text
//! through the gate.
//!
//! **Invariant:** shows nobody a target's address or password; opens nothing but declared services of sessions.
#![forbid(unsafe_code)]

mod agents;
mod credential;
mod end;
mod files;
mod live;
mod notices;
mod proxy;
mod relay;
mod routes;
mod vnc;

pub use agents::Agents;
pub use proxy::{ConnectionProxy, ProxyConf};
