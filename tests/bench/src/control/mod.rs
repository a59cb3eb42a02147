//! What the control plane takes for the signs of life of many agents, and how many sessions it starts in a second.
//!
//! The control plane is this process, over a PostgreSQL server. The agents are simulated by another one, each over a
//! connection of its own with a certificate of its own, and speak as `gatewright serve` does: a sign of life every five
//! seconds, and two calls that wait for changes. Some keep the second connection of an agent too, the link on which the
//! control plane calls it; those get the sessions, and answer at once. All with a link would need more open files than a
//! process may have here.

mod agents;
mod echo;
mod people;
mod server;

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use gatewright_control::{ControlConfig, ControlPlane, HostEngine};
use gatewright_core::NodeRole;
use gatewright_database::StoreAddress;
use gatewright_database::testing::{SERVER, ScratchDatabase};

use self::agents::Agents;
pub(crate) use self::agents::{COMMAND, child};
use self::server::{Server, Usage, Used};
use crate::figures::{Figures, percentile};
use crate::plugins;

/// The plugin that places sessions.
const PLACEMENT: &str = "placement-spread.wasm";
/// Agents.
const AGENTS: u32 = 10_000;
/// Of them, those that keep a link.
const LINKED: u32 = 1_000;
/// Between two signs of life of one: as in the product.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long each is measured.
const COUNTED: Duration = Duration::from_secs(20);

pub(crate) async fn measure(figures: &mut Figures) -> anyhow::Result<()> {
    ensure!(
        std::env::var_os(SERVER).is_some(),
        "{SERVER} is not set: run this by `cargo xtask bench`, or within `cargo xtask postgres -- ...`"
    );
    let scratch = ScratchDatabase::create().await;
    let server = Server::of(scratch.url())?;
    let (host, folder) = plugins::host()?;
    let mut config = ControlConfig::in_folder(folder.path());
    config.database = StoreAddress::Postgres(scratch.address());
    let placement = placement()?;
    config.first_plugins = Some(placement.path().to_owned());
    config.passwords.admin = Some("the password of an administrator".into());
    config.passwords.demo = Some("the password of a person".into());
    let (control, _) = ControlPlane::open(config, Arc::new(HostEngine::new(host, std::collections::BTreeMap::new()))).await?;

    eprintln!("control: {AGENTS} agents connect");
    let agents = Agents::start(&control, AGENTS, LINKED).await?;
    let outcome = both(figures, &control, &agents, &server).await;
    let stopped = agents.stop().await;
    control.shutdown().await;
    outcome.and(stopped)
}

/// A folder with the one plugin that a launch asks.
fn placement() -> anyhow::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join(PLACEMENT), plugins::file(PLACEMENT)?)?;
    Ok(folder)
}

async fn both(figures: &mut Figures, control: &ControlPlane, agents: &Agents, server: &Server) -> anyhow::Result<()> {
    let idle = heartbeats(figures, agents, server).await?;
    session_starts(figures, control, server, &idle).await
}

/// What they take.
async fn heartbeats(figures: &mut Figures, agents: &Agents, server: &Server) -> anyhow::Result<Used> {
    agents.counted().await?;
    let before = Usage::read(server)?;
    tokio::time::sleep(COUNTED).await;
    let used = Usage::read(server)?.since(&before);
    let beats = agents.counted().await?;
    let rate = f64::from(beats.answered) / used.time.as_secs_f64();
    let wanted = f64::from(AGENTS) / HEARTBEAT.as_secs_f64();
    ensure!(
        beats.failed == 0,
        "{} of {} signs of life were not taken",
        beats.failed,
        beats.answered
    );
    ensure!(rate > wanted * 0.95, "{rate:.0} signs of life a second came, not {wanted:.0}");

    let updates = server.updates(wanted).await?;
    let echo = echo::measure(wanted, beats.bytes).await?;
    let beside = format!(
        "and PostgreSQL {:.3}; {rate:.0} signs of life a second over {AGENTS} connections, slowest {:.0} ms, with {LINKED} links; \
         bare: an UPDATE for each, PostgreSQL {updates:.3}; an echo of the same bytes over TLS alone {echo:.3}",
        used.server, beats.slowest_ms
    );
    figures.add("heartbeats_10000_cpu_cores", used.own, beside, "<= 2 with it");
    figures.add(
        "heartbeats_10000_postgres_cpu_cores",
        used.server,
        format!("the same run; an UPDATE for each {updates:.3}"),
        "<= 2 with it",
    );
    Ok(used)
}

async fn session_starts(figures: &mut Figures, control: &ControlPlane, server: &Server, idle: &Used) -> anyhow::Result<()> {
    let people = people::enter(control).await?;
    // The first do not count: connections are opened, and statements prepared.
    people::launch(control, &people, Duration::from_secs(2)).await?;
    let before = Usage::read(server)?;
    let mut launched = people::launch(control, &people, COUNTED).await?;
    let used = Usage::read(server)?.since(&before);
    let rate = launched.rate;
    let bare = server.sessions(people.len(), control.own_zone()).await?;
    let beside = format!(
        "agents simulated, PostgreSQL real, {} people, while {AGENTS} agents give signs of life; ready after p50 {:.0} ms, p99 {:.0}; \
         cores: control plane {:.2}, PostgreSQL {:.2}; a start and an end take {:.1} ms of a core and {:.1} of PostgreSQL's, beside the \
         signs of life; bare: the same writes by plain SQL {bare:.0}/s",
        people.len(),
        percentile(&mut launched.ready_after, 50),
        percentile(&mut launched.ready_after, 99),
        used.own,
        used.server,
        (used.own - idle.own).max(0.0) / rate * 1e3,
        (used.server - idle.server).max(0.0) / rate * 1e3,
    );
    figures.add("session_starts_per_s", rate, beside, ">= 100");
    Ok(())
}

/// An agent, as the others know it.
const ROLE: NodeRole = NodeRole::Agent;
