//! The agent with the Docker runtime plugin, against a real engine. `bollard` is the independent witness.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod beating;
mod failing;
mod guarding;
mod hostile;
mod living;
mod relay;
mod stand;
