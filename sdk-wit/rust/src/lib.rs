//! Write Gatewright plugins in Rust.
//!
//! A plugin is a sandboxed WASM component that answers one question for the host: which node runs a session, what may
//! pass the clipboard or a file transfer, which credential opens a target, how an engine runs a container. Each question is a *world*, and
//! each world is a cargo feature and a module of this crate:
//!
//! | feature | module | implement | then call |
//! |---|---|---|---|
//! | `dlp` | `dlp` | `dlp::ClipboardRule` | `export_clipboard_rule!` |
//! | `dlp` | `dlp_file` | `dlp_file::FileRule` | `export_file_rule!` |
//! | `placement` | `placement` | `placement::Strategy` | `export_placement!` |
//! | `credential` | `credential` | `credential::Provider` | `export_credential!` |
//! | `runtime` | `runtime` | `runtime::Lifecycle`, `Images`, `Suspension`, `Inspection`, `Execution` | `export_runtime!` |
//!
//! # A whole plugin
//! ```toml
//! # Cargo.toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//!
//! [dependencies]
//! gatewright-sdk = { version = "0.1", features = ["dlp"] }
//! ```
#![cfg_attr(feature = "dlp", doc = "```")]
#![cfg_attr(not(feature = "dlp"), doc = "```ignore")]
//! use gatewright_sdk::dlp::{ClipboardRule, Error, Offer, Verdict};
//! use gatewright_sdk::{config, reason};
//!
//! #[derive(Default, serde::Deserialize)]
//! #[serde(deny_unknown_fields, default)]
//! struct Config {
//!     max_bytes: u64,
//! }
//!
//! struct SizeRule;
//!
//! impl ClipboardRule for SizeRule {
//!     fn decide(offer: Offer) -> Result<Verdict, Error> {
//!         let config: Config = config()?;
//!         let actual = offer.text.len() as u64;
//!         if actual <= config.max_bytes {
//!             return Ok(Verdict::Allow);
//!         }
//!         Ok(Verdict::Deny(reason("too-large").bytes("actual", actual).bytes("limit", config.max_bytes).into()))
//!     }
//! }
//!
//! gatewright_sdk::export_clipboard_rule!(SizeRule);
//! ```
//! Beside `Cargo.toml` goes `plugin.toml`, the manifest: id, version, what it was built for, what it asks for, and the words of
//! its reasons. A guest names a reason's code and gives numbers; it never supplies the words that a person reads.
//!
//! # How it is built
//! Target `wasm32-unknown-unknown`, linked by `wasm-component-ld`: cargo emits a component whose only imports are those
//! of its world. `cargo xtask guests` does that and puts the manifest into the file.
//!
//! # How it runs
//! - Every call gets a **fresh instance**: statics start anew and nothing is remembered. What must last is kept by the
//!   host or the engine.
//! - Time, memory, output and log lines are limited. A call that runs over, or panics, ends: a rule that does so closes its gate.
//! - There is no clock (`std::time::Instant::now()` panics), no file, no network but a granted HTTP endpoint.
//! - A panic's text reaches the host's log with file and line; the macros see to it.
//!
//! # Hashing
//! There is no randomness on this target, so the seed of `std::collections::HashMap` is a constant: whoever chooses the keys can
//! make them collide, and a lookup that should be quick takes quadratic time. Use `BTreeMap`, or sort and search, for
//! anything that comes from a session, a person or an engine; a `HashMap` only for keys that you wrote yourself.
//! Iteration order of a `HashMap` is no promise either: sort what decides.
//!
//! # Tests
//! On any other target than wasm the macros export nothing, the log goes to standard error, and configuration and HTTP answers
//! come from `testing`: plain `cargo test` runs a guest's logic.
#![deny(unsafe_code)]

mod bindings;
mod config;
#[cfg(feature = "credential")]
pub mod credential;
#[cfg(feature = "dlp")]
pub mod dlp;
#[cfg(feature = "dlp")]
pub mod dlp_file;
#[cfg(feature = "runtime")]
pub mod engine;
#[cfg(feature = "runtime")]
pub mod http;
pub mod log;
mod panic_hook;
#[cfg(feature = "placement")]
pub mod placement;
mod reason;
#[cfg(feature = "runtime")]
pub mod runtime;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use bindings::gatewright::types::types::{ParamValue, Reason};
pub use config::{ConfigError, config, parse_config};
pub use reason::{ReasonBuilder, reason};
