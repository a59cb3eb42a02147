//! The agent with its runtime plugins, each scenario against a real Docker and a real Podman, with an independent witness.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod beating;
mod contract;
mod devices;
mod failing;
mod guarding;
mod homes;
mod hostile;
mod living;
mod network;
mod outside;
mod podman;
mod pulling;
mod registry;
mod relay;
mod stand;
mod verbs;
mod witness;
