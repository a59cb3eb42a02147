//! Lines for administrators. At most 100 lines of 1,024 bytes a call; the host drops and counts the rest.
//!
//! Never log content: what a person copied, a credential, a request's body.

/// A detail for whoever hunts a fault.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Something worth knowing.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Something that an administrator should look at.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// Something that failed.
pub fn error(message: &str) {
    write(Level::Error, message);
}

use crate::bindings::gatewright::types::log::Level;

#[cfg(target_arch = "wasm32")]
fn write(level: Level, message: &str) {
    crate::bindings::gatewright::types::log::write(level, message);
}

#[cfg(not(target_arch = "wasm32"))]
fn write(level: Level, message: &str) {
    eprintln!("{level:?}: {message}");
}
