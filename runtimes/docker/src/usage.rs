//! What a container uses.

use std::collections::BTreeMap;

use gatewright_sdk::http::Method;
use gatewright_sdk::runtime::{Error, Traffic, Usage};
use serde::Deserialize;

use crate::engine::{self, ENGINE};

/// What the host leaves of the engine's answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stats {
    cpu_stats: Cpu,
    memory_stats: Memory,
    pids_stats: Pids,
    networks: BTreeMap<String, Network>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cpu {
    cpu_usage: CpuUsage,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CpuUsage {
    /// Nanoseconds.
    total_usage: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Memory {
    usage: u64,
    limit: u64,
    stats: MemoryDetail,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MemoryDetail {
    /// With version 1 of cgroups.
    total_inactive_file: u64,
    /// With version 2.
    inactive_file: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pids {
    current: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Network {
    rx_bytes: u64,
    tx_bytes: u64,
}

/// What a container uses.
pub(crate) fn usage(id: &str) -> Result<Usage, Error> {
    let request = ENGINE.request(Method::Get, &engine::container(id, "/stats"));
    let stats: Stats = ENGINE.get(request.query("stream", "false"))?;
    let memory = stats.memory_stats;
    // Files that are kept in memory only as long as nobody needs it.
    let files = memory.stats.total_inactive_file.max(memory.stats.inactive_file);
    let traffic = stats.networks.values().fold(
        Traffic {
            received_bytes: 0,
            sent_bytes: 0,
        },
        |sum, one| Traffic {
            received_bytes: sum.received_bytes.saturating_add(one.rx_bytes),
            sent_bytes: sum.sent_bytes.saturating_add(one.tx_bytes),
        },
    );
    Ok(Usage {
        cpu_micros: stats.cpu_stats.cpu_usage.total_usage / 1000,
        memory_bytes: memory.usage.saturating_sub(files),
        memory_limit_bytes: memory.limit,
        pids: stats.pids_stats.current,
        network: (!stats.networks.is_empty()).then_some(traffic),
    })
}
