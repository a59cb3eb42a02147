//! The engine's answers: read into our own types, and only that is handed to the plugin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::guard::answer::{ListedContainer, cut_output, failure_words, json, list, nothing, null_is_empty, output, owner, parse};
use crate::guard::{Answer, ContainerId, Guard, Known, Operation, Scope, UnexpectedAnswer, exec};

#[derive(Debug, Serialize)]
struct Message {
    message: String,
}

/// Engine, machine and abilities, without what says more about the host.
#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Info {
    server_version: String,
    #[serde(rename = "NCPU")]
    ncpu: i64,
    mem_total: i64,
    memory_limit: bool,
    swap_limit: bool,
    #[serde(rename = "CpuCfsPeriod")]
    cpu_cfs_period: bool,
    #[serde(rename = "CpuCfsQuota")]
    cpu_cfs_quota: bool,
    pids_limit: bool,
    #[serde(rename = "OSType")]
    os_type: String,
    architecture: String,
    kernel_version: String,
    driver: String,
    cgroup_driver: String,
    cgroup_version: String,
    #[serde(deserialize_with = "null_is_empty")]
    security_options: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Version {
    version: String,
    api_version: String,
    #[serde(rename = "MinAPIVersion")]
    min_api_version: String,
    os: String,
    arch: String,
    kernel_version: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    id: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    repo_digests: Vec<String>,
    #[serde(default)]
    size: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedImage {
    id: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    repo_digests: Vec<String>,
    #[serde(default)]
    size: i64,
    #[serde(default, deserialize_with = "null_is_empty")]
    created: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    config: ImageConfig,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ImageConfig {
    user: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    id: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    warnings: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    names: Vec<String>,
    #[serde(default)]
    image: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    created: i64,
    #[serde(default)]
    state: String,
    #[serde(default)]
    status: String,
}

impl ListedContainer for Listed {
    fn id(&self) -> &str {
        &self.id
    }

    fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    created: String,
    #[serde(default)]
    image: String,
    state: State,
    config: InspectedConfig,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    status: String,
    running: bool,
    paused: bool,
    restarting: bool,
    #[serde(rename = "OOMKilled")]
    oom_killed: bool,
    dead: bool,
    exit_code: i64,
    error: String,
    started_at: String,
    finished_at: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedConfig {
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    image: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    labels: BTreeMap<String, String>,
}

/// What a container uses, without what says more about the host.
#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(default)]
struct Stats {
    cpu_stats: CpuStats,
    memory_stats: MemoryStats,
    pids_stats: PidsStats,
    #[serde(deserialize_with = "null_is_empty")]
    networks: BTreeMap<String, NetworkStats>,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(default)]
struct CpuStats {
    cpu_usage: CpuUsage,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(default)]
struct CpuUsage {
    total_usage: u64,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(default)]
struct MemoryStats {
    usage: u64,
    limit: u64,
    stats: MemoryDetail,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(default)]
struct MemoryDetail {
    total_inactive_file: u64,
    inactive_file: u64,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(default)]
struct PidsStats {
    current: u64,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(default)]
struct NetworkStats {
    rx_bytes: u64,
    tx_bytes: u64,
}

/// See [`Guard::answer`].
pub(in crate::guard) fn answer(
    guard: &Guard,
    scope: &Scope,
    known: &mut Known,
    operation: &Operation,
    status: u16,
    body: &[u8],
) -> Result<Answer, UnexpectedAnswer> {
    if let (404, Operation::Inspect(id) | Operation::Remove { id, .. }) = (status, operation) {
        known.forget(id);
    }
    match status {
        200 | 201 | 204 | 304 => {}
        400..=599 => {
            return json(
                status,
                &Message {
                    message: failure_words(body),
                },
            );
        }
        // Neither an upgrade nor a redirect is part of any operation.
        _ => return Err(UnexpectedAnswer),
    }
    match operation {
        Operation::Ping => Ok(Answer {
            status,
            content_type: Some("text/plain"),
            body: b"OK".to_vec(),
        }),
        Operation::Version => json(status, &parse::<Version>(body)?),
        Operation::Info => json(status, &parse::<Info>(body)?),
        Operation::Images => json(status, &parse::<Vec<Image>>(body)?),
        Operation::Image { .. } => json(status, &parse::<InspectedImage>(body)?),
        Operation::Create { session } => {
            let created: Created = parse(body)?;
            let id = ContainerId::parse(&created.id).ok_or(UnexpectedAnswer)?;
            known.learn(id, *session);
            json(status, &created)
        }
        Operation::Inspect(id) => {
            let inspected: Inspected = parse(body)?;
            let ours = owner(guard, &inspected.config.labels);
            if inspected.id != id.as_str() || ours.is_none() || ours != known.session_of(id) {
                return Err(UnexpectedAnswer);
            }
            json(status, &inspected)
        }
        Operation::List { session, all, .. } => list::<Listed>(guard, scope, known, (*session, *all), status, body),
        Operation::Start(_) | Operation::Stop { .. } | Operation::Kill { .. } => Ok(nothing(status)),
        Operation::Pause(_) | Operation::Resume(_) => Ok(nothing(status)),
        Operation::Stats(_) => json(status, &parse::<Stats>(body)?),
        Operation::Logs { .. } => output(status, body),
        Operation::ExecStart(_) => cut_output(status, body),
        Operation::ExecCreate(container) => exec::created(scope, known, container, status, body),
        Operation::ExecInspect(id) => exec::inspected(known, id, status, body),
        // Of a pull only a failure has an end that comes here.
        Operation::Pull { .. } | Operation::Unread { .. } => Err(UnexpectedAnswer),
        Operation::Remove { id, .. } => {
            known.forget(id);
            Ok(nothing(status))
        }
    }
}
