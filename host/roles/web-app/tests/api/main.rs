//! The application without a socket, over a real control plane and its database.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod activity;
mod desk;
mod edges;
mod engine;
mod fixture;
mod login;
mod nodes;
mod openapi;
mod pages;
mod plugins;
mod sessions;
mod walk;
mod workspaces;
