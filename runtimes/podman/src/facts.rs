//! What the engine says: about itself, its images and the containers.

use std::collections::BTreeMap;

use gatewright_sdk::engine::{SESSION_LABEL, failure};
use gatewright_sdk::http::{Method, Request};
use gatewright_sdk::log;
use gatewright_sdk::runtime::{Container, EngineInfo, Error, Limits, State};
use serde::Deserialize;

use crate::engine::{self, ENGINE};

/// What an image is called that was made on the engine itself. The platform's names leave it out.
const LOCAL: &str = "localhost/";

#[derive(Debug, Deserialize)]
struct Info {
    host: Host,
    #[serde(default)]
    version: Version,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Host {
    #[serde(default)]
    cpus: u64,
    #[serde(default)]
    mem_total: u64,
    /// The controllers that this engine may use: none for a rootless one on a machine with version 1.
    cgroup_controllers: Option<Vec<String>>,
    #[serde(default)]
    cgroup_version: String,
    #[serde(default)]
    security: Security,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Security {
    rootless: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Version {
    version: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    repo_tags: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    state: InspectedState,
    config: InspectedConfig,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedState {
    status: String,
    #[serde(default)]
    exit_code: i32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedConfig {
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    labels: Option<BTreeMap<String, String>>,
    state: String,
    #[serde(default)]
    exit_code: i32,
}

/// What the engine is, has and enforces.
pub(crate) fn capabilities() -> Result<EngineInfo, Error> {
    let info: Info = ENGINE.get(ENGINE.request(Method::Get, "/info"))?;
    let host = info.host;
    let controllers = host.cgroup_controllers.unwrap_or_default();
    // A rootless engine says which controllers the machine has, and can't use one of them without version 2.
    let usable = host.cgroup_version == "v2" || !host.security.rootless;
    let flag = |controller: &str, limit: Limits| {
        if usable && controllers.iter().any(|name| name == controller) {
            limit
        } else {
            Limits::empty()
        }
    };
    let rootless = if host.security.rootless { " (rootless)" } else { "" };
    Ok(EngineInfo {
        engine: format!("podman {}{rootless}", info.version.version),
        cpu_millicores: host.cpus.saturating_mul(1000),
        memory_bytes: host.mem_total,
        // What is beyond /dev/shm's size is refused by the kernel's file system, with or without a controller.
        enforced: Limits::SHM | flag("memory", Limits::MEMORY) | flag("cpu", Limits::CPU) | flag("pids", Limits::PIDS),
    })
}

/// Whether the engine answers.
pub(crate) fn health() -> Result<(), Error> {
    let response = ENGINE.send(Request::new(Method::Get, "/_ping"))?;
    if response.status == 200 {
        Ok(())
    } else {
        Err(failure(response).into())
    }
}

/// Names of the images that the engine has.
pub(crate) fn images() -> Result<Vec<String>, Error> {
    let images: Vec<Image> = ENGINE.get(ENGINE.request(Method::Get, "/images/json"))?;
    let tags = images.into_iter().filter_map(|image| image.repo_tags).flatten();
    let mut names: Vec<String> = tags
        .filter(|tag| !tag.contains("<none>"))
        .map(|tag| tag.strip_prefix(LOCAL).map_or_else(|| tag.clone(), str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// How a container is.
pub(crate) fn inspect(id: &str) -> Result<Container, Error> {
    let found: Inspected = ENGINE.get(ENGINE.request(Method::Get, &engine::container(id, "/json")))?;
    // A container that the host did not make is none as far as it is concerned.
    container(found.id, found.config.labels, &found.state.status, found.state.exit_code).ok_or(Error::NotFound)
}

/// Every container that the host made, running or not.
pub(crate) fn list() -> Result<Vec<Container>, Error> {
    listed(ENGINE.list(None))
}

/// The id of a session's container.
pub(crate) fn container_of(session: &str) -> Result<Option<String>, Error> {
    let found = listed(ENGINE.list(Some(session)))?;
    Ok(found
        .into_iter()
        .find(|container| container.session == session)
        .map(|container| container.id))
}

fn listed(request: Request) -> Result<Vec<Container>, Error> {
    let found: Vec<Listed> = ENGINE.get(request)?;
    let all = found.len();
    let ours: Vec<Container> = found
        .into_iter()
        .filter_map(|one| container(one.id, one.labels, &one.state, one.exit_code))
        .collect();
    if ours.len() < all {
        log::debug(&format!("{} containers are not the host's", all - ours.len()));
    }
    Ok(ours)
}

fn container(id: String, labels: Option<BTreeMap<String, String>>, state: &str, exit_code: i32) -> Option<Container> {
    let session = labels?.remove(SESSION_LABEL)?;
    let state = match state {
        "configured" | "created" | "initialized" => State::Created,
        "running" | "stopping" => State::Running,
        "paused" => State::Paused,
        _ => State::Exited,
    };
    Some(Container {
        id,
        session,
        state,
        exit_code: Some(exit_code).filter(|_| state == State::Exited),
    })
}
