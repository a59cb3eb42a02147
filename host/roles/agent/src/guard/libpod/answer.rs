//! The engine's answers: read into our own types, and only that is handed to the plugin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::guard::answer::{ListedContainer, cut_output, failure_words, json, list, nothing, null_is_empty, output, owner, parse};
use crate::guard::{Answer, ContainerId, Guard, Known, Operation, Scope, UnexpectedAnswer, exec};

#[derive(Debug, Serialize)]
struct Failure {
    message: String,
    response: u16,
}

/// Engine, machine and abilities, without what says more about the host.
#[derive(Debug, Serialize, Deserialize)]
struct Info {
    host: Host,
    #[serde(default)]
    version: InfoVersion,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Host {
    #[serde(default)]
    arch: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    kernel: String,
    #[serde(default)]
    cpus: u64,
    #[serde(default)]
    mem_total: u64,
    #[serde(default)]
    cgroup_version: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    cgroup_controllers: Vec<String>,
    security: Security,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Security {
    rootless: bool,
    #[serde(default)]
    seccomp_enabled: bool,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct InfoVersion {
    version: String,
    #[serde(rename = "APIVersion")]
    api_version: String,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Version {
    version: String,
    api_version: String,
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
    created: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    exit_code: i32,
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
    image_name: String,
    state: State,
    config: InspectedConfig,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    status: String,
    running: bool,
    paused: bool,
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
    #[serde(default, deserialize_with = "null_is_empty")]
    labels: BTreeMap<String, String>,
}

/// What became of one container that was to be removed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Removed {
    id: String,
    #[serde(default)]
    err: Option<serde_json::Value>,
}

/// What containers use, without what says more about the host.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    #[serde(default, deserialize_with = "null_is_empty")]
    stats: Vec<Stats>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stats {
    #[serde(rename = "ContainerID")]
    container_id: String,
    #[serde(rename = "CPUNano", default)]
    cpu_nano: u64,
    #[serde(default)]
    mem_usage: u64,
    #[serde(default)]
    mem_limit: u64,
    #[serde(rename = "PIDs", default)]
    pids: u64,
    #[serde(default)]
    net_input: u64,
    #[serde(default)]
    net_output: u64,
}

/// Whether an engine that tells this of itself is an ordinary user's.
pub(super) fn is_rootless(info: &[u8]) -> Option<bool> {
    parse::<Info>(info).ok().map(|info| info.host.security.rootless)
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
        400..=599 => return failure(status, failure_words(body)),
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
        Operation::Stats(id) => stats(id, status, body),
        Operation::Logs { .. } => output(status, body),
        Operation::ExecStart(_) => cut_output(status, body),
        Operation::ExecCreate(container) => exec::created(scope, known, container, status, body),
        Operation::ExecInspect(id) => exec::inspected(known, id, status, body),
        // Of a pull only a failure has an end that comes here.
        Operation::Pull { .. } | Operation::Unread { .. } => Err(UnexpectedAnswer),
        Operation::Remove { id, .. } => remove(known, id, status, body),
    }
}

/// Of one container, whatever the engine told of others.
fn stats(id: &ContainerId, status: u16, body: &[u8]) -> Result<Answer, UnexpectedAnswer> {
    let mut report: Report = parse(body)?;
    report.stats.retain(|one| one.container_id == id.as_str());
    json(status, &report)
}

/// A removal is told of with status 200 even where it failed; then a report says so.
fn remove(known: &mut Known, id: &ContainerId, status: u16, body: &[u8]) -> Result<Answer, UnexpectedAnswer> {
    if status == 200 && !body.is_empty() {
        let reports: Vec<Removed> = parse(body)?;
        let report = reports.iter().find(|report| report.id == id.as_str()).ok_or(UnexpectedAnswer)?;
        if report.err.as_ref().is_some_and(|err| !err.is_null()) {
            return failure(500, "the engine did not remove the container".to_owned());
        }
    }
    known.forget(id);
    Ok(nothing(204))
}

fn failure(status: u16, message: String) -> Result<Answer, UnexpectedAnswer> {
    json(status, &Failure { message, response: status })
}
