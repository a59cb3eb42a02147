//! The control plane over a real database, with agents that are little programs with state.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod agent;
mod crash;
mod faults;
mod homes;
mod hooks;
mod launch;
mod limits;
mod login;
mod nodes;
mod pause;
mod plugins;
mod reconcile;
mod seed;
mod shared;
mod support;
