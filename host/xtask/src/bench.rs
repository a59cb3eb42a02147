//! `cargo xtask bench`: the product's figures beside the bare ones, in the release build.

use std::path::{Path, absolute};

use anyhow::{Context as _, Result};

use crate::engine::{Engine, Preference};
use crate::postgres::Postgres;
use crate::process::Run;
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;
use crate::{guests, images, web};

/// Builds everything for release and runs the benchmark. `json` is where the figures go, `rest` are more flags for it.
///
/// # Errors
/// A step failed, or the benchmark did.
pub(crate) fn run(workspace: &Workspace, json: Option<&Path>, rest: &[String]) -> Result<()> {
    setup::run(Purpose::Test)?;
    guests::build_guests(workspace).context("build the plugins")?;
    web::build(workspace).context("build the web UI")?;
    let engine = Engine::obtain(Preference::Own)?;
    images::build(workspace, &engine, &[], false)?;
    let packages = ["--release", "--package", "gatewright-app", "--package", "gatewright-bench"];
    Run::cargo().arg("build").args(packages).dir(workspace.root()).run()?;

    let release = workspace.target().join("release");
    let server = Postgres::obtain()?;
    let mut bench = server
        .known_to(engine.known_to(Run::new(release.join("gatewright-bench"))))
        .env("GATEWRIGHT_BIN", release.join("gatewright"))
        .env("GATEWRIGHT_GUESTS_DIR", workspace.target().join("guests"))
        .env("GATEWRIGHT_WEB_DIST", workspace.join("web/dist"));
    if let Some(file) = json {
        // The person means a path from where they are; the benchmark starts in the root.
        bench = bench.arg("--json").arg(absolute(file)?);
    }
    bench.args(rest).dir(workspace.root()).run()
}
