//! The store on a real file.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod concurrent;
mod events;
mod homes;
mod members;
mod opening;
mod plugins;
mod sessions;
mod support;
mod users;
mod workspaces;
