//! The PostgreSQL server: what it takes, and what plain SQL gets out of it.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use gatewright_core::ZoneId;

use super::{AGENTS, LINKED};
use crate::process;

/// How long plain SQL runs.
const BARE: Duration = Duration::from_secs(10);
/// One sign of life, written by itself.
const UPDATE: &str = include_str!("update.sql");
/// One session, from its request to its end.
const SESSION: &str = include_str!("session.sql");

/// The server that a database is on, on this machine.
pub(crate) struct Server {
    pid: u32,
    /// Its own benchmark, from the same folder as itself.
    pgbench: PathBuf,
    url: String,
}

impl Server {
    /// The server of a database's address.
    pub(crate) fn of(url: &str) -> anyhow::Result<Self> {
        let (_, parameters) = url.split_once('?').unwrap_or((url, ""));
        let folder = parameters.split('&').find_map(|one| one.strip_prefix("host=/"));
        let folder = folder.context("the server is to be on this machine, reached by its socket: ?host=/FOLDER")?;
        let lock = format!("/{folder}/.s.PGSQL.5432.lock");
        let text = fs::read_to_string(&lock).with_context(|| lock.clone())?;
        let pid: u32 = text.lines().next().context("an empty lock")?.parse()?;
        let program = fs::read_link(format!("/proc/{pid}/exe"))?;
        let pgbench = program.with_file_name("pgbench");
        anyhow::ensure!(pgbench.exists(), "{} is missing: it comes with the server", pgbench.display());
        Ok(Self {
            pid,
            pgbench,
            url: url.to_owned(),
        })
    }

    /// Processor time of the server: its processes, and those of connections that ended.
    fn cpu(&self) -> anyhow::Result<Duration> {
        let mut all = process::cpu(self.pid)? + process::ended_children(self.pid)?;
        for child in process::children(self.pid)? {
            // A connection may end in between, and counts as ended the next time.
            all += process::cpu(child).unwrap_or_default();
        }
        Ok(all)
    }

    /// The cores that the server takes for so many updates a second, each by itself.
    pub(crate) async fn updates(&self, rate: f64) -> anyhow::Result<f64> {
        let (before, began) = (self.cpu()?, Instant::now());
        self.run(UPDATE, 8, &["-R", &format!("{rate:.0}"), "-D", &format!("nodes={AGENTS}")])
            .await?;
        Ok(self.cpu()?.saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64())
    }

    /// Sessions a second by the statements alone.
    pub(crate) async fn sessions(&self, people: usize, zone: ZoneId) -> anyhow::Result<f64> {
        let zone = format!("zone={zone}");
        self.run(SESSION, people, &["-D", &zone, "-D", &format!("nodes={LINKED}")]).await
    }

    /// Transactions of a script in a second.
    async fn run(&self, script: &str, clients: usize, more: &[&str]) -> anyhow::Result<f64> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(script.as_bytes())?;
        let mut command = Command::new(&self.pgbench);
        command
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=1"])
            .args(["--client", &clients.to_string(), "--time", &BARE.as_secs().to_string()])
            .args(more)
            .arg("--file")
            .arg(file.path())
            .arg(&self.url);
        let done = tokio::task::spawn_blocking(move || command.output()).await??;
        let out = String::from_utf8_lossy(&done.stdout).into_owned();
        let rate = out
            .lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        match rate {
            Some(rate) if done.status.success() && !String::from_utf8_lossy(&done.stderr).contains("ERROR") => Ok(rate),
            _ => bail!("pgbench failed: {out}{}", String::from_utf8_lossy(&done.stderr)),
        }
    }
}

/// Processor time, in cores where it is a difference.
pub(crate) struct Usage {
    at: Instant,
    process: Duration,
    postgres: Duration,
}

/// Cores used over some time.
pub(crate) struct Used {
    pub(crate) time: Duration,
    /// By this process.
    pub(crate) own: f64,
    /// By the server.
    pub(crate) server: f64,
}

impl Usage {
    /// Until now.
    pub(crate) fn read(server: &Server) -> anyhow::Result<Self> {
        Ok(Self {
            process: process::cpu(std::process::id())?,
            postgres: server.cpu()?,
            at: Instant::now(),
        })
    }

    /// From `before`.
    pub(crate) fn since(&self, before: &Self) -> Used {
        let time = self.at.duration_since(before.at);
        let cores = |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64() / time.as_secs_f64();
        Used {
            time,
            own: cores(self.process, before.process),
            server: cores(self.postgres, before.postgres),
        }
    }
}
