//! The store on a real file.
#![expect(clippy::unwrap_used, reason = "tests")]

mod events;
mod opening;
mod plugins;
mod sessions;
mod support;
mod users;
