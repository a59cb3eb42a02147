//! What the kernel says of processes.

use std::time::Duration;

use anyhow::{Context as _, bail};

fn stat(pid: u32) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold spaces.
    let (_, rest) = text.rsplit_once(')').context("no name")?;
    Ok(rest.split_whitespace().map(str::to_owned).collect())
}

/// Processor time that the threads of a process have used, in the scheduler's own nanoseconds: `stat` counts in hundredths of
/// a second. What ended threads have used is not in it.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end in between.
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        nanos += text.split_whitespace().next().context("no time in schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Processor time of children that have ended, in hundredths of a second.
pub(crate) fn ended_children(pid: u32) -> anyhow::Result<Duration> {
    const TICK: Duration = Duration::from_millis(10);
    let fields = stat(pid)?;
    // cutime and cstime: proc(5), counted behind the name.
    let ticks: u32 = fields
        .iter()
        .skip(13)
        .take(2)
        .map(|ticks| ticks.parse::<u32>())
        .sum::<Result<_, _>>()?;
    Ok(TICK * ticks)
}

/// The processes that a process has started and that still run.
pub(crate) fn children(of: u32) -> anyhow::Result<Vec<u32>> {
    let all = std::fs::read_dir("/proc")?.flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    Ok(pids
        .filter(|pid| stat(*pid).is_ok_and(|fields| fields.get(1).is_some_and(|parent| *parent == of.to_string())))
        .collect())
}

/// Resident memory of a process, in MiB.
pub(crate) fn rss_mib(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.split_whitespace().next().context("no number")?.parse()?;
    Ok(kib / 1024.0)
}

/// The descendant of `ancestor` (or itself) whose command is `name`.
pub(crate) fn descendant(ancestor: u32, name: &str) -> anyhow::Result<u32> {
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let command = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if command.trim() != name {
            continue;
        }
        let mut at = pid;
        while at > 1 {
            if at == ancestor {
                return Ok(pid);
            }
            at = stat(at).ok().and_then(|fields| fields.get(1)?.parse().ok()).unwrap_or(0);
        }
    }
    bail!("process {ancestor} has no descendant {name}")
}
