//! Cargo subcommands that are not part of Rust: installed once, into the cache.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::cache;
use crate::process::{Run, find};

/// Where the program of the cargo subcommand `name` is, installing it into the cache when it is nowhere.
///
/// # Errors
/// It has to be installed and does not compile, or crates cannot be downloaded.
pub(crate) fn cargo_tool(name: &str) -> Result<PathBuf> {
    let home = cache::section("tools")?;
    let cached = home.join("bin").join(name);
    if cached.is_file() {
        return Ok(cached);
    }
    if let Some(found) = find(name) {
        return Ok(found);
    }
    let _lock = cache::lock(&home.join(".lock"))?;
    if !cached.is_file() {
        eprintln!("xtask: installing {name} once (it is compiled, which takes minutes)");
        Run::cargo()
            .args(["install", name, "--locked", "--quiet", "--root"])
            .arg(&home)
            .run()
            .with_context(|| format!("install {name} (or install it yourself: cargo install {name} --locked)"))?;
    }
    Ok(cached)
}
