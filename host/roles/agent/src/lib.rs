//! Runs workspaces through a runtime plugin behind the engine guard; opens streams into its own sessions.
//!
//! What a plugin asks of the engine passes [`guard`], which reads it, checks it and builds it anew.
#![forbid(unsafe_code)]

pub mod guard;
