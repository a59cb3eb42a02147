//! The gatewright binary.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;

/// Gives freed memory back: checking a password takes 19 MiB, of which glibc keeps one block for every thread that checked one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gatewright_app::run(Arc::new(gatewright_control::NoHooks))
}
