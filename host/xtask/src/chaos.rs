//! `cargo xtask chaos`: a storm over the product, with engines and a database server that are its own, since it kills them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::engine::{Engine, Podman};
use crate::postgres::Postgres;
use crate::process::Run;
use crate::servers::Servers;
use crate::workspace::Workspace;
use crate::{guests, images, web};

/// Where the engines keep their things: not where those of the tests do.
const DOCKER: &str = "/var/lib/gatewright-dev/chaos/docker";
const PODMAN: &str = "/var/lib/gatewright-dev/chaos/podman";
/// How often it is looked whether a server has died.
const LOOK: Duration = Duration::from_millis(200);

/// How hard it blows.
#[derive(Debug)]
pub(crate) struct Storm {
    pub(crate) duration: Duration,
    pub(crate) sessions: u32,
    /// What chance begins with; printed at the start, to be given again.
    pub(crate) seed: Option<u64>,
}

/// Runs it. Servers that are killed are started again, as a service manager does.
///
/// # Errors
/// Something was lost, left behind or never came back: the figures and findings are printed.
pub(crate) fn storm(workspace: &Workspace, storm: &Storm) -> Result<()> {
    guests::build_guests(workspace)?;
    web::build(workspace)?;
    // Of the whole workspace: one package alone would have what it stands on built anew, with other features.
    Run::cargo()
        .dir(workspace.root())
        .args([
            "build",
            "--quiet",
            "--workspace",
            "--bin",
            "gatewright-hooked",
            "--bin",
            "gatewright-chaos",
        ])
        .run()?;
    let mut servers = Servers {
        // Containers outlive a daemon that dies, as an operator has it who cares for sessions.
        docker: Engine::own(DOCKER.to_owned(), &["--live-restore"])?,
        podman: Podman::own(PODMAN.to_owned())?,
        postgres: Postgres::own("chaos")?,
    };
    let terminal = ["terminal".to_owned()];
    images::build(workspace, &servers.docker, &terminal, false)?;
    images::build(workspace, &servers.podman, &terminal, false)?;

    let postgres = servers.postgres.pid_file().context("the server is another's")?;
    let seed = storm.seed.unwrap_or_else(|| std::process::id().into());
    let run = Run::new(workspace.target().join("debug/gatewright-chaos"))
        .args(["--secs", &storm.duration.as_secs().to_string()])
        .args(["--sessions", &storm.sessions.to_string()])
        .args(["--seed", &seed.to_string()])
        .args(["--docker-pid", &servers.docker.pid_file()])
        .args(["--podman-pid", &servers.podman.pid_file()])
        .args(["--postgres-pid", &postgres]);
    let run = servers.known_to(workspace, run);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| keep(&mut servers, &over));
        let result = run.run();
        over.store(true, Ordering::Relaxed);
        result
    })
}

/// Starts anew what has died, until it is over.
fn keep(servers: &mut Servers, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let revived = [servers.docker.revive(), servers.podman.revive(), servers.postgres.revive()];
        for error in revived.into_iter().filter_map(Result::err) {
            eprintln!("xtask: a server does not come back yet: {error:#}");
        }
        std::thread::sleep(LOOK);
    }
}
