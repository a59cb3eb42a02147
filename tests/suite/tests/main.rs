//! The whole stack: the product in a process of its own, a real engine, and clients of the tests' own.
//!
//! One binary: linking it is the slow part. The tests share the engine and nothing else.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod apart;
mod clipboard;
mod devices;
mod engines;
mod files;
mod homes;
mod hostile_browser;
mod hostile_container;
mod hostile_guests;
mod images;
mod limits;
mod pause;
mod rootless;
mod saga;
mod swap;
mod toy_engine;
