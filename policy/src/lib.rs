//! The decision point: who may do what (casbin), and which rules stand on a gate.
//!
//! **Invariant:** decides and never acts: no I/O, no clock, no plugin is called here. `gate` enforces the chain,
//! `roles/web-app` the permissions.
#![forbid(unsafe_code)]

mod authorizer;
mod chain;
mod permission;

pub use authorizer::{Authorizer, AuthorizerError};
pub use chain::{Chain, ClosedWhy, chain};
pub use permission::Permission;
