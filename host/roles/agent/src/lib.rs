//! Runs workspaces through a runtime plugin behind the engine guard; opens streams into its own sessions.
//!
//! [`Agent`] drives sessions step by step, one change of a session at a time. What the plugin asks of the engine passes
//! [`guard`], which reads it, checks it and builds it anew, and learns from the engine's answers which containers are
//! ours: neither what exists nor what is gone is taken on the plugin's word.
//!
//! **Invariant:** a desktop's password goes from the caller to a file in the session's folder, never to the plugin, the
//! engine, a log or an error.
//!
//! **Invariant:** nothing that a container put into its session's folder is followed out of it.
#![forbid(unsafe_code)]

mod agent;
mod calls;
mod config;
mod contract;
mod disk;
mod endpoint;
mod engine;
mod engine_user;
mod fences;
mod files;
mod folder;
#[cfg(test)]
mod folder_tests;
pub mod guard;
mod homes;
mod lifecycle;
mod network;
mod outside;
mod process;
mod pulls;
mod readiness;
mod remove_tree;
mod runtime_plugin;
mod status;
mod streams;
mod turns;

pub use agent::{Agent, OpenError};
pub use config::{AgentConfig, EngineLanguage, Reserve};
pub use endpoint::guarded_endpoint;
pub use folder::FolderError;
pub use guard::Limit;
pub use guard::other::{AllowedRequest, InvalidRequest};
pub use network::{NetworkConfig, Pool, PoolError, is_public};
pub use runtime_plugin::follow_runtime_plugin;
