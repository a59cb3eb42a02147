//! The control plane over a real database, with agents that are little programs with state.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod agent;
mod checks;
mod crash;
mod devices;
mod faults;
mod heartbeats;
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
