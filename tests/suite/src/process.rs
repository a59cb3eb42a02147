//! One process of the product.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How long a start may take on a loaded machine.
const START: Duration = Duration::from_secs(120);
/// How long a stop may take.
const STOP: Duration = Duration::from_secs(60);

/// A process that serves. Dropped without [`Process::stop`], it is killed.
pub(crate) struct Process {
    child: Child,
    /// What it is called in messages.
    name: String,
    log: PathBuf,
    /// The address that its box names, where it has one.
    pub(crate) origin: Option<String>,
}

impl Process {
    /// Starts `command`, which serves on `data_dir`, and waits until it prints a line that begins with `up`. What it logs is
    /// appended to a file there.
    pub(crate) async fn start(mut command: Command, name: &str, data_dir: &Path, up: &str) -> anyhow::Result<Self> {
        let log = data_dir.join("test.log");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::OpenOptions::new().create(true).append(true).open(&log)?)
            .kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("{name} could not be started"))?;
        let stdout = child.stdout.take().context("no standard output")?;
        match tokio::time::timeout(START, heard(stdout, up)).await {
            Ok(Ok(origin)) => Ok(Self {
                child,
                name: name.into(),
                log,
                origin,
            }),
            outcome => {
                let log = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("{name} did not come up ({:?}):\n{log}", outcome.map(|inner| inner.err()));
            }
        }
    }

    /// The process itself, behind whatever started it as this person.
    pub(crate) fn pid(&self) -> Option<u32> {
        let mut pid = self.child.id()?;
        while std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sudo") {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
            pid = children.split_whitespace().next()?.parse().ok()?;
        }
        Some(pid)
    }

    /// How it ended, where nobody asked it to.
    pub(crate) fn has_ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        let log = self.log();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        Some(format!("{status}; it logged at last:\n{}", last.join("\n")))
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let pid = self.pid().with_context(|| format!("{} has ended already", self.name))?;
        let asked = Command::new("kill").args([signal, &pid.to_string()]).status().await?;
        ensure!(asked.success(), "kill failed");
        Ok(())
    }

    /// Asks it to stop, and waits.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.signal("-TERM").await?;
        let status = tokio::time::timeout(STOP, self.child.wait())
            .await
            .with_context(|| format!("{} does not stop:\n{}", self.name, self.log()))??;
        ensure!(status.success(), "{} ended with {status}:\n{}", self.name, self.log());
        Ok(())
    }

    /// Kills it, as a power cut does.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.signal("-KILL").await?;
        self.child.wait().await?;
        Ok(())
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(mut self) -> anyhow::Result<()> {
        tokio::time::timeout(Duration::from_secs(120), self.child.wait()).await??;
        Ok(())
    }
}

/// Reads up to the line that begins with `up`. The address that its box names, where it has one.
async fn heard(stdout: tokio::process::ChildStdout, up: &str) -> anyhow::Result<Option<String>> {
    let mut lines = BufReader::new(stdout).lines();
    let mut found = None;
    while let Some(line) = lines.next_line().await? {
        if let Some((_, rest)) = line.split_once("Open      ") {
            found = rest.split_whitespace().next().map(str::to_owned);
        }
        if line.starts_with(up) {
            // Whoever writes to a closed pipe fails: the rest is read and thrown away.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(found);
        }
    }
    bail!("it ended before it was up")
}
