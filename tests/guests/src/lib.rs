//! Plugins that misbehave, and quiet ones to run beside them.
//!
//! Each is a real component against the real WIT, assembled from a few lines of WebAssembly text, so that what it does is
//! plain to see and needs no toolchain. [`hostile`] has the bad ones with what must become of them; [`quiet`] the others.
#![forbid(unsafe_code)]

mod component;
mod hostile;
mod manifest;
mod quiet;
mod sleeper;

pub use hostile::{Fate, Hostile, hostile};
pub use quiet::{Quiet, clipboard, credential, file, placement, quiet, runtime};
pub use sleeper::{WAKES_AT_BYTES, sleepers};
