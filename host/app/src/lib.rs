//! The gatewright binary as a library: configuration, wiring of the roles, supervision. No business logic.
//!
//! The whole-stack tests start the product through [`serve`], in their own process or in a child.
#![forbid(unsafe_code)]

pub mod cli;
pub mod conf;
pub mod data_dir;
pub mod logging;
pub mod serve;
pub mod welcome;
