//! `cargo xtask run`: everything built, and the product started.

use anyhow::{Context as _, Result, bail};

use crate::engine::{Engine, Preference};
use crate::process::Run;
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;
use crate::{guests, images, web};

/// Builds what is out of date and serves until a signal comes. `serve` are more flags for `gatewright serve`.
///
/// # Errors
/// A step failed, or the product ended with an error.
pub(crate) fn run(workspace: &Workspace, serve: &[String]) -> Result<()> {
    setup::run(Purpose::Run)?;
    guests::build_guests(workspace).context("build the plugins")?;
    web::build(workspace).context("build the web UI")?;
    let engine = Engine::obtain(Preference::System)?;
    images::build(workspace, &engine, &[], false)?;
    Run::cargo()
        .args(["build", "--package", "gatewright-app"])
        .dir(workspace.root())
        .run()?;

    // An absolute path: the data folder holds unix sockets' folders, and the product may change its own folder.
    let data = workspace.target().join("dev-data");
    let program = workspace.target().join("debug/gatewright");
    let status = engine
        .known_to(Run::new(program))
        .arg("serve")
        .arg("--data-dir")
        .arg(&data)
        .args(serve)
        .env("GATEWRIGHT_GUESTS_DIR", workspace.target().join("guests"))
        .env("GATEWRIGHT_WEB_DIST", workspace.join("web/dist"))
        .dir(workspace.root())
        .serve()?;
    if !status.success() {
        bail!("gatewright ended with an error ({status})");
    }
    Ok(())
}
