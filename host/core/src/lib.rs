//! Ids, records, the session state machine and capacity arithmetic.
//!
//! **Invariant:** no I/O, no clock, no randomness, no tokio. `now` is always an argument.
#![forbid(unsafe_code)]

pub mod capacity;
pub mod device;
pub mod error_chain;
pub mod event;
pub mod file_name;
pub mod gate;
pub mod id;
pub mod image_name;
pub mod node_identity;
pub mod plugin;
pub mod reason;
pub mod record;
pub mod session;
pub mod time;

pub use device::DeviceName;
pub use id::{EventId, GroupId, HomeId, NodeId, Reference, RuleId, SecretId, SessionId, UserId, WorkspaceId, ZoneId};
pub use node_identity::{NodeIdentity, NodeRole};
pub use time::Timestamp;
