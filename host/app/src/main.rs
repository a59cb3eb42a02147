//! The gatewright binary.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;

/// Gives freed memory back: checking a password takes 19 MiB, of which glibc keeps one block for every thread that checked one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator asks for huge pages, and an idle process touches a little of each: 30 MiB of 110. Where they can't be had
    // back, nothing is lost.
    let _kept = rustix::thread::disable_transparent_huge_pages(true);
    gatewright_app::run(Arc::new(gatewright_control::NoHooks))
}
