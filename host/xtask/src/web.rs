//! The web UI: its dependencies, its build, and its checks.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::cache::{self, InputHash};
use crate::process::{Run, on_path};
use crate::workspace::Workspace;

/// The oldest Node.js that the web UI's tools run on.
const NODE_MAJOR: u32 = 20;

/// Installs the dependencies and builds the UI to `web/dist`, when something changed since the last time.
///
/// # Errors
/// No Node.js, or npm failed; it says why on the terminal.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let dir = workspace.join("web");
    let mut hash = InputHash::default();
    hash.add_tree(&dir, &|name| {
        matches!(name, "node_modules" | "dist" | "tests" | "test-results" | "coverage")
    })?;
    let hash = hash.finish();
    let stamp = workspace.target().join("web.stamp");
    if dir.join("dist/index.html").is_file() && fs::read_to_string(&stamp).is_ok_and(|built| built == hash) {
        return Ok(());
    }
    install(workspace, "web")?;
    npm()?.args(["run", "--silent", "build"]).dir(&dir).run()?;
    fs::create_dir_all(workspace.target())?;
    fs::write(&stamp, hash).with_context(|| format!("write {}", stamp.display()))
}

/// Type check, lint and unit tests.
///
/// # Errors
/// One of them failed; it says why on the terminal.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    install(workspace, "web")?;
    for script in ["typecheck", "lint", "test"] {
        npm()?
            .args(["run", "--silent", script])
            .dir(&workspace.join("web"))
            .env("CI", "true")
            .run()?;
    }
    Ok(())
}

/// Runs `npm ci` in `folder` when its lock file changed since the last time.
///
/// # Errors
/// No Node.js, or npm failed; it says why on the terminal.
pub(crate) fn install(workspace: &Workspace, folder: &str) -> Result<()> {
    let dir = workspace.join(folder);
    let mut hash = InputHash::default();
    for name in ["package.json", "package-lock.json"] {
        hash.add(name, &fs::read(dir.join(name)).with_context(|| format!("read {folder}/{name}"))?);
    }
    let hash = hash.finish();
    let stamp: PathBuf = dir.join("node_modules/.installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == hash) {
        return Ok(());
    }
    npm()?
        .args(["ci", "--prefer-offline", "--no-audit", "--no-fund", "--cache"])
        .arg(cache::section("npm")?)
        .dir(&dir)
        .run()?;
    fs::write(&stamp, hash).with_context(|| format!("write {}", stamp.display()))
}

/// npm, when a Node.js is there that is new enough.
fn npm() -> Result<Run> {
    if !on_path("node") || !on_path("npm") {
        bail!("Node.js {NODE_MAJOR} or newer with npm is missing: install it first");
    }
    let version = Run::new("node").arg("--version").read()?;
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_MAJOR) {
        bail!("Node.js {NODE_MAJOR} or newer is needed; this is {version}");
    }
    Ok(Run::new("npm"))
}
