//! The engine's answers: read into our own types, and only that is handed to the plugin.

use std::collections::BTreeMap;

use gatewright_core::SessionId;
use serde::{Deserialize, Serialize};

use super::Operation;
use crate::guard::{Answer, ContainerId, DEPLOYMENT_LABEL, Guard, Known, SESSION_LABEL, Scope, UnexpectedAnswer};

/// The longest message of an engine that is handed on, in characters.
const MAX_MESSAGE: usize = 1024;

#[derive(Debug, Serialize, Deserialize)]
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

/// Engines written in Go send null for an empty list.
fn null_is_empty<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
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
        400..=599 => return failure(status, body),
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
        Operation::Image { .. } => json(status, &parse::<Image>(body)?),
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
        Operation::List { session, all, .. } => list(guard, scope, known, (*session, *all), status, body),
        Operation::Start(_) | Operation::Stop { .. } | Operation::Kill { .. } => Ok(nothing(status)),
        Operation::Remove { id, .. } => {
            known.forget(id);
            Ok(nothing(status))
        }
    }
}

fn list(
    guard: &Guard,
    scope: &Scope,
    known: &mut Known,
    (session, all): (Option<SessionId>, bool),
    status: u16,
    body: &[u8],
) -> Result<Answer, UnexpectedAnswer> {
    let listed: Vec<Listed> = parse(body)?;
    // The filter went with the request; an engine that did not apply it is not believed.
    let wanted = session.or(scope.session());
    let ours: Vec<(ContainerId, SessionId, Listed)> = listed
        .into_iter()
        .filter_map(|one| Some((ContainerId::parse(&one.id)?, owner(guard, &one.labels)?, one)))
        .filter(|(_, owner, _)| wanted.is_none_or(|wanted| wanted == *owner))
        .collect();
    // A list of all sessions may be older than an answer to a creation that came meanwhile: it only adds.
    match wanted {
        Some(wanted) if all => known.relearn(wanted, ours.iter().map(|(id, _, _)| id.clone())),
        _ => ours.iter().for_each(|(id, owner, _)| known.learn(id.clone(), *owner)),
    }
    let listed: Vec<Listed> = ours.into_iter().map(|(_, _, one)| one).collect();
    json(status, &listed)
}

/// The session of a container with these labels, where it is one of this deployment's.
fn owner(guard: &Guard, labels: &BTreeMap<String, String>) -> Option<SessionId> {
    if labels.get(DEPLOYMENT_LABEL)? != &guard.deployment {
        return None;
    }
    labels.get(SESSION_LABEL)?.parse().ok()
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, UnexpectedAnswer> {
    serde_json::from_slice(body).map_err(|_| UnexpectedAnswer)
}

fn json(status: u16, value: &impl Serialize) -> Result<Answer, UnexpectedAnswer> {
    Ok(Answer {
        status,
        content_type: Some("application/json"),
        body: serde_json::to_vec(value).map_err(|_| UnexpectedAnswer)?,
    })
}

fn nothing(status: u16) -> Answer {
    Answer {
        status,
        content_type: None,
        body: Vec::new(),
    }
}

fn failure(status: u16, body: &[u8]) -> Result<Answer, UnexpectedAnswer> {
    // A failure need not be JSON: a proxy before the engine may have written it.
    let message = parse::<Message>(body).map_or_else(|_| "the engine gave no reason".to_owned(), |body| body.message);
    json(
        status,
        &Message {
            message: message.chars().take(MAX_MESSAGE).collect(),
        },
    )
}
