//! `cargo xtask fuzz`: every fuzz target of the protocols and of the roles.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::process::Run;
use crate::setup::{self, Purpose};
use crate::steps::Steps;
use crate::tools;
use crate::workspace::Workspace;

/// Where crates are that read what others send.
const FOLDERS: [&str; 2] = ["host/protocols", "host/roles"];

/// Runs each target for `time`.
///
/// # Errors
/// No nightly toolchain, or a target crashed; the input that did it is kept in the crate's `fuzz/artifacts`.
pub(crate) fn run(workspace: &Workspace, time: Duration) -> Result<()> {
    // A proxy of rustup picks the toolchain by its first argument; a plain cargo refuses it.
    let nightly = Run::new("cargo")
        .args(["+nightly", "--version"])
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .output()?;
    if !nightly.status.success() {
        bail!("fuzzing needs a nightly Rust for its instrumentation: rustup toolchain install nightly");
    }
    setup::run(Purpose::Fuzz)?;
    let program = tools::cargo_tool("cargo-fuzz")?;
    let crates = fuzz_crates(&FOLDERS.map(|folder| workspace.join(folder)))?;
    if crates.is_empty() {
        bail!("there is no fuzz target below {}", FOLDERS.join(" or "));
    }
    let mut steps = Steps::default();
    let result = (|| {
        for dir in &crates {
            for target in targets(dir)? {
                steps.step(
                    &format!("{} {target}", dir.strip_prefix(workspace.root()).unwrap_or(dir).display()),
                    || one(&program, dir, &target, time),
                )?;
            }
        }
        Ok(())
    })();
    eprintln!("\n{}", steps.table());
    result
}

fn one(program: &Path, dir: &Path, target: &str, time: Duration) -> Result<()> {
    Run::new(program)
        .args(["fuzz", "run", "--fuzz-dir"])
        .arg(dir)
        .args([target, "--"])
        .args([
            format!("-max_total_time={}", time.as_secs()),
            "-timeout=10".to_owned(),
            "-rss_limit_mb=2048".to_owned(),
        ])
        .dir(dir.parent().unwrap_or(dir))
        .env("RUSTUP_TOOLCHAIN", "nightly")
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .run()
}

/// The `fuzz` folders of the crates in `folders`.
fn fuzz_crates(folders: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut crates = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
            let dir = entry?.path().join("fuzz");
            if dir.join("Cargo.toml").is_file() {
                crates.push(dir);
            }
        }
    }
    crates.sort();
    Ok(crates)
}

/// The names of a fuzz crate's targets.
fn targets(dir: &Path) -> Result<Vec<String>> {
    let manifest: toml::Table = fs::read_to_string(dir.join("Cargo.toml"))?
        .parse()
        .context("read the fuzz crate's manifest")?;
    let bins = manifest.get("bin").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let names: Vec<String> = bins.iter().filter_map(|bin| Some(bin.get("name")?.as_str()?.to_owned())).collect();
    if names.is_empty() {
        bail!("{} has no targets", dir.display());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn targets_come_from_the_manifest() {
        let root = tempfile::tempdir().unwrap();
        let folders = [root.path().join("protocols"), root.path().join("roles")];
        let (dir, other) = (folders[0].join("rfb/fuzz"), folders[1].join("agent/fuzz"));
        for folder in [&dir, &other, &folders[1].join("none")] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(other.join("Cargo.toml"), "").unwrap();
        fs::write(
            dir.join("Cargo.toml"),
            "[package]\nname = \"f\"\n[[bin]]\nname = \"one\"\n[[bin]]\nname = \"two\"\n",
        )
        .unwrap();
        assert_eq!(fuzz_crates(&folders).unwrap(), [dir.clone(), other]);
        assert_eq!(targets(&dir).unwrap(), ["one", "two"]);
    }
}
