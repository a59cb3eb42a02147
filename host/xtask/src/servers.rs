//! The engines and the database server that tests run against.

use crate::engine::{Engine, Podman};
use crate::postgres::Postgres;
use crate::process::Run;
use crate::workspace::Workspace;

/// What tests run against.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) docker: Engine,
    pub(crate) podman: Podman,
    pub(crate) postgres: Postgres,
}

impl Servers {
    /// A command that is told where the things are that tests use.
    pub(crate) fn known_to(&self, workspace: &Workspace, run: Run) -> Run {
        let target = workspace.target();
        let run = self.postgres.known_to(self.podman.known_to(run));
        self.docker
            .known_to(run)
            .env("CI", "true")
            .env("GATEWRIGHT_GUESTS_DIR", target.join("guests"))
            .env("GATEWRIGHT_WEB_DIST", workspace.join("web/dist"))
            .env("GATEWRIGHT_BIN", target.join("debug/gatewright"))
            .env("GATEWRIGHT_CHROMIUM", "/usr/bin/chromium")
    }
}
