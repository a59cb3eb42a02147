//! Real components in the real host, with the real compiler process.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod calls;
mod compiling;
mod content;
mod files;
mod hostile;
mod http;
mod stand;
mod swapping;
