//! The gatewright binary as a library: configuration, wiring of the roles, supervision. No business logic.
//!
//! The binary calls [`run`]; the whole-stack tests call it too, with hooks in the session saga.
#![forbid(unsafe_code)]

pub mod agent_conf;
mod apart;
pub mod cli;
pub mod conf;
mod data_dir;
mod device_conf;
mod first_login;
mod here;
mod join;
mod links;
mod logging;
mod network_conf;
mod node;
mod node_command;
mod peers;
mod run;
mod serve;
pub mod welcome;

pub use run::run;
