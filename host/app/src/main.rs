//! The gatewright binary.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    gatewright_app::run(Arc::new(gatewright_control::NoHooks))
}
