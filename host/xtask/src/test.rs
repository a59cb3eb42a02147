//! `cargo xtask test`: what continuous integration runs. Nothing is skipped; the first failing step ends it.

use anyhow::Result;

use crate::engine::{Engine, Podman, Preference};
use crate::postgres::Postgres;
use crate::process::Run;
use crate::servers::Servers;
use crate::setup::{self, Purpose};
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{deny, guests, images, tidy, web};

/// Where the browser tests are.
const BROWSER_TESTS: &str = "tests/e2e/browser";

/// Runs all checks and tests, cheap ones first.
///
/// # Errors
/// The first step that failed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::default();
    let result = all(workspace, &mut steps);
    eprintln!("\n{}", steps.table());
    result
}

fn all(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let cargo = || Run::cargo().dir(workspace.root());
    steps.step("setup", || setup::run(Purpose::Test))?;
    steps.step("format", || cargo().args(["fmt", "--all", "--check"]).run())?;
    steps.step("tidy", || tidy::run(workspace))?;
    steps.step("licences", || deny::run(workspace))?;
    steps.step("web: type check, lint, unit tests", || web::check(workspace))?;
    steps.step("web: build", || web::build(workspace))?;
    steps.step("plugins: build", || guests::build_guests(workspace))?;
    steps.step("clippy", || {
        cargo()
            .args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
            .run()
    })?;

    let servers = Servers {
        postgres: steps.step("postgresql", Postgres::obtain)?,
        docker: steps.step("Docker", || Engine::obtain(Preference::Own))?,
        podman: steps.step("Podman", Podman::obtain)?,
    };
    steps.step("workspace images", || {
        images::build(workspace, &servers.docker, &[], false)?;
        images::build(workspace, &servers.podman, &[], false)
    })?;
    // Unit tests, plugins' native tests, the suites (one binary each) and doc tests.
    steps.step("cargo test", || {
        servers
            .known_to(workspace, cargo())
            .args(["test", "--workspace", "--no-fail-fast"])
            .run()
    })?;
    // Every control plane of these tests keeps its state on the server instead of in a file.
    steps.step("control plane on postgresql", || {
        servers
            .known_to(workspace, cargo())
            .env("GATEWRIGHT_TEST_STORE", "postgres")
            .args(["test", "--workspace", "--test", "control"])
            .run()
    })?;
    // The stricter version of the example plugin is the same code with a feature.
    steps.step("cargo test: the strict clipboard plugin", || {
        cargo().args(["test", "--package", "dlp-clipboard", "--features", "strict"]).run()
    })?;
    // The same scenarios once more: two processes for each role, in two zones, on the server.
    steps.step("suite with roles apart", || {
        servers
            .known_to(workspace, cargo())
            .env("GATEWRIGHT_TEST_LAYOUT", "apart")
            .args(["test", "--workspace", "--test", "suite", "--", "--skip", "apart::"])
            .run()
    })?;
    if workspace.join(BROWSER_TESTS).join("package.json").is_file() {
        steps.step("browser tests: dependencies", || web::install(workspace, BROWSER_TESTS))?;
        steps.step("browser tests", || {
            // Of the whole workspace: one package alone would have what it stands on built anew, with other features.
            cargo().args(["build", "--workspace", "--bin", "gatewright"]).run()?;
            let playwright = Run::new("npx")
                .args(["--no-install", "playwright", "test"])
                .dir(&workspace.join(BROWSER_TESTS));
            servers.known_to(workspace, playwright).run()
        })?;
    }
    steps.step("engines and postgresql: stop", move || {
        drop(servers);
        Ok(())
    })
}
