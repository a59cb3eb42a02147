//! What is done to the product.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use gatewright_suite::{Product, root_command};
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::disk::SmallDisk;
use crate::people::World;
use crate::restore::Backup;

const PROCESSES: [&str; 8] = [
    "web-app-1",
    "web-app-2",
    "proxy-1",
    "proxy-2",
    "agent-1",
    "agent-2",
    "edge-1",
    "edge-2",
];
/// Who talks to whom.
const LINKS: [(&str, &str); 8] = [
    ("agent-1", "web-app-1"),
    ("agent-2", "web-app-2"),
    ("agent-1", "proxy-1"),
    ("agent-2", "proxy-2"),
    ("proxy-1", "web-app-2"),
    ("edge-1", "proxy-1"),
    ("edge-2", "proxy-1"),
    ("edge-2", "web-app-1"),
];
/// The pauses between two ills.
const PAUSE_MS: std::ops::Range<u64> = 1_000..6_000;
/// How long an ill lasts.
const HOLD_MS: std::ops::Range<u64> = 500..6_000;

/// Where the process ids of the servers are.
pub(crate) struct Servers {
    pub(crate) docker: PathBuf,
    pub(crate) podman: PathBuf,
    pub(crate) postgres: PathBuf,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ill {
    /// A process of the product is killed.
    Kill(&'static str),
    /// A server is killed: dockerd, Podman's service, PostgreSQL.
    KillServer(&'static str),
    /// Packets between two machines are dropped, without a word to either.
    Cut(&'static str, &'static str),
    /// A machine has no cable.
    Unplug(&'static str),
    /// A disk is full.
    Fill(&'static str),
}

impl Ill {
    /// What it is called in the figures.
    fn name(self) -> String {
        let role = |process: &str| process.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit()).to_owned();
        match self {
            Self::Kill(process) => format!("{} killed", role(process)),
            Self::KillServer(server) => format!("{server} killed"),
            Self::Cut(a, b) => format!("link {} to {} cut", role(a), role(b)),
            Self::Unplug(process) => format!("{} without a cable", role(process)),
            Self::Fill(process) => format!("disk of {} full", role(process)),
        }
    }
}

/// The storm.
pub(crate) struct Storm<'a> {
    product: Product,
    servers: Servers,
    disks: &'a [(&'static str, SmallDisk)],
    world: Arc<World>,
    chance: StdRng,
}

impl<'a> Storm<'a> {
    pub(crate) fn new(
        product: Product,
        servers: Servers,
        disks: &'a [(&'static str, SmallDisk)],
        world: Arc<World>,
        chance: StdRng,
    ) -> Self {
        Self {
            product,
            servers,
            disks,
            world,
            chance,
        }
    }

    pub(crate) fn into_product(self) -> Product {
        self.product
    }

    /// Blows for so long. Everything is well again when it returns.
    ///
    /// # Errors
    /// Something does not come back.
    pub(crate) async fn blow(&mut self, duration: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut backup = None;
        let mut restored = false;
        while began.elapsed() < duration {
            self.pause(PAUSE_MS).await;
            let gone = began.elapsed();
            if backup.is_none() && gone > duration.mul_f64(0.4) {
                backup = Some(Backup::make(self.product.home()).await?);
                self.world.backed_up();
            } else if let Some(backup) = backup.as_ref().filter(|_| !restored && gone > duration.mul_f64(0.6)) {
                println!("chaos: {:>4} s  the database goes back to its backup", gone.as_secs());
                self.world.tally.ill("database restored from a backup");
                self.world.going_back();
                backup.restore(&mut self.product).await?;
                self.world.went_back();
                restored = true;
            } else {
                let ill = self.choose()?;
                println!("chaos: {:>4} s  {ill:?}", gone.as_secs());
                self.world.tally.ill(&ill.name());
                self.befall(ill).await.with_context(|| format!("{ill:?}"))?;
            }
            for (name, end) in self.product.ended_by_themselves() {
                self.world.tally.finding(format!("{name} ended by itself: {end}"));
                self.product.start_again(&name).await?;
            }
        }
        Ok(())
    }

    fn choose(&mut self) -> anyhow::Result<Ill> {
        let chance = &mut self.chance;
        let process = *PROCESSES.choose(chance).context("no processes")?;
        Ok(match chance.random_range(0..100) {
            0..50 => Ill::Kill(process),
            50..58 => Ill::KillServer("dockerd"),
            58..66 => Ill::KillServer("podman"),
            66..76 => Ill::KillServer("postgresql"),
            76..86 => {
                let (a, b) = *LINKS.choose(chance).context("no links")?;
                Ill::Cut(a, b)
            }
            86..91 => Ill::Unplug(process),
            _ => Ill::Fill(self.disks.choose(chance).context("no disks")?.0),
        })
    }

    async fn pause(&mut self, millis: std::ops::Range<u64>) {
        let millis = self.chance.random_range(millis);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    async fn befall(&mut self, ill: Ill) -> anyhow::Result<()> {
        match ill {
            Ill::Kill(process) => {
                self.product.kill_one(process).await?;
                self.pause(HOLD_MS).await;
                self.product.start_again(process).await?;
            }
            Ill::KillServer(server) => {
                let file = match server {
                    "dockerd" => &self.servers.docker,
                    "podman" => &self.servers.podman,
                    _ => &self.servers.postgres,
                };
                kill(file)?;
            }
            Ill::Cut(a, b) => {
                self.product.cut(a, b).await?;
                // Long enough for both sides to notice, sometimes.
                self.pause(HOLD_MS.start..HOLD_MS.end * 4).await;
                self.product.mend(a).await?;
            }
            Ill::Unplug(process) => {
                self.product.unplug(process).await?;
                self.pause(HOLD_MS).await;
                self.product.plug(process).await?;
            }
            Ill::Fill(process) => {
                let (_, disk) = self.disks.iter().find(|(name, _)| *name == process).context("no such disk")?;
                disk.fill()?;
                self.pause(HOLD_MS).await;
                let (_, disk) = self.disks.iter().find(|(name, _)| *name == process).context("no such disk")?;
                disk.clear()?;
            }
        }
        Ok(())
    }
}

/// Kills the process whose id is on the first line of a file.
fn kill(file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    // None where it is being started again just now.
    if let Some(pid) = text.lines().next().map(str::trim).filter(|pid| !pid.is_empty()) {
        root_command("kill").args(["-KILL", pid]).output()?;
    }
    Ok(())
}
