//! What a container uses.

use gatewright_sdk::http::Method;
use gatewright_sdk::runtime::{Error, Traffic, Usage};
use serde::Deserialize;

use crate::engine::ENGINE;

/// What the host leaves of the engine's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    stats: Option<Vec<Stats>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stats {
    #[serde(rename = "CPUNano")]
    cpu_nano: u64,
    mem_usage: u64,
    mem_limit: u64,
    #[serde(rename = "PIDs")]
    pids: u32,
    net_input: u64,
    net_output: u64,
}

/// What a container uses.
pub(crate) fn usage(id: &str) -> Result<Usage, Error> {
    let request = ENGINE.request(Method::Get, "/containers/stats");
    let report: Report = ENGINE.get(request.query("containers", id).query("stream", "false"))?;
    let stats = report.stats.unwrap_or_default().pop().ok_or(Error::NotFound)?;
    let traffic = Traffic {
        received_bytes: stats.net_input,
        sent_bytes: stats.net_output,
    };
    Ok(Usage {
        cpu_micros: stats.cpu_nano / 1000,
        memory_bytes: stats.mem_usage,
        memory_limit_bytes: stats.mem_limit,
        pids: stats.pids,
        // The engine says zeros of a container without a network.
        network: (traffic.received_bytes > 0 || traffic.sent_bytes > 0).then_some(traffic),
    })
}
