//! Has the crate built again when the web UI was.

use std::path::Path;

fn main() {
    let dist = Path::new("../../../web/dist");
    // Only optimised builds hold the pages. Where there are none yet, each of those looks again.
    if dist.exists() || std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed={}", dist.display());
    } else {
        println!("cargo::rerun-if-changed=build.rs");
    }
}
