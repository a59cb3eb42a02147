//! A storm: people launch, work and end sessions while everything that the product stands on is killed, cut off and filled
//! up. Started by `cargo xtask chaos`, which starts anew what a service manager would.
//!
//! The roles stand apart, two processes each, in two zones: Docker in one, Podman in the other.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a program for a person at a terminal")]

mod diaries;
mod disk;
mod ills;
mod judge;
mod people;
mod restore;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use gatewright_suite::{EngineKind, Home, Layout, Product};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::disk::SmallDisk;
use crate::ills::{Servers, Storm};
use crate::people::World;
use crate::tally::Tally;

/// Processes whose disk fills up at times.
const SMALL_DISKS: [&str; 4] = ["agent-1", "agent-2", "proxy-1", "proxy-2"];
/// How long people may take to finish once it is over.
const CALM: Duration = Duration::from_secs(300);

#[derive(Debug, Parser)]
struct Arguments {
    /// For how long
    #[arg(long)]
    secs: u64,
    /// How many people work at once, each in a session
    #[arg(long)]
    sessions: u32,
    /// What chance begins with
    #[arg(long)]
    seed: u64,
    /// Where the process id of dockerd is
    #[arg(long)]
    docker_pid: PathBuf,
    /// Where the process id of Podman's service is
    #[arg(long)]
    podman_pid: PathBuf,
    /// Where the process id of PostgreSQL is
    #[arg(long)]
    postgres_pid: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    println!(
        "chaos: {} s, {} sessions, seed {}",
        arguments.secs, arguments.sessions, arguments.seed
    );
    let tally = Arc::new(Tally::default());
    match storm(&arguments, &tally).await {
        Ok(()) if tally.findings().is_empty() => ExitCode::SUCCESS,
        Ok(()) => {
            println!("\n{} findings (seed {}):", tally.findings().len(), arguments.seed);
            for finding in tally.findings() {
                println!("  {finding}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{tally}\nchaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn storm(arguments: &Arguments, tally: &Arc<Tally>) -> anyhow::Result<()> {
    let home = Arc::new(Home::of(Layout::Apart).await?);
    let mut disks = Vec::new();
    for name in SMALL_DISKS {
        disks.push((name, SmallDisk::mount(&home.data_dir(name))?));
    }
    let result = blow(arguments, tally, &home, &disks).await;
    // Unmounted while what is mounted on is still there, and after the processes that used it.
    drop(disks);
    result
}

async fn blow(arguments: &Arguments, tally: &Arc<Tally>, home: &Arc<Home>, disks: &[(&'static str, SmallDisk)]) -> anyhow::Result<()> {
    let conf = home.path().join("chaos.toml");
    std::fs::write(
        &conf,
        format!(
            "[limits]\nsessions_per_user = 8\n[agent]\nmax_sessions = {}\ncpu_overcommit = 64.0\nmemory_reserve_bytes = 0\ndisk_reserve_bytes = {}\n",
            arguments.sessions * 5,
            disk::RESERVE
        ),
    )?;
    let conf = conf.to_str().context("the home's path is no text")?;
    let product = Product::start_apart_in(Arc::clone(home), EngineKind::Docker, &["--config", conf]).await?;
    let world = Arc::new(World::of(&product, arguments.sessions, Arc::clone(tally)).await?);

    let mut chance = StdRng::seed_from_u64(arguments.seed);
    let people: Vec<_> = (0..usize::try_from(arguments.sessions)?)
        .map(|number| tokio::spawn(people::work(Arc::clone(&world), number, StdRng::from_rng(&mut chance))))
        .collect();
    let servers = Servers {
        docker: arguments.docker_pid.clone(),
        podman: arguments.podman_pid.clone(),
        postgres: arguments.postgres_pid.clone(),
    };
    let mut storm = Storm::new(product, servers, disks, Arc::clone(&world), chance);
    let blown = storm.blow(Duration::from_secs(arguments.secs)).await;
    world.stop();
    println!("chaos: it is over, people finish");
    for (number, person) in people.into_iter().enumerate() {
        if tokio::time::timeout(CALM, person).await.is_err() {
            tally.finding(format!("person {number} does not come to an end"));
        }
    }
    let product = storm.into_product();
    let judged = match blown {
        Ok(()) => judge::judge(&product, &world).await,
        Err(error) => Err(error),
    };
    let open = tally.findings();
    if judged.is_err() || !open.is_empty() {
        // The folder goes with this process: whoever looks for the cause needs what was logged.
        let kept = std::env::temp_dir().join(format!("gatewright-chaos-{}.log", arguments.seed));
        std::fs::write(&kept, product.log())?;
        println!("chaos: the processes' logs are in {}", kept.display());
    }
    product.stop().await?;
    println!("{tally}");
    judged
}
