//! The ports between processes: one contract for both forms, who may call what, and what goes wrong with links.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod access;
mod browsers;
mod contract;
mod desk;
mod faults;
mod told;
mod world;
