//! What the engine says: about itself, its images and the containers.

use bollard_stubs::models::{ContainerInspectResponse, ContainerStateStatusEnum, ContainerSummary, ContainerSummaryStateEnum, SystemInfo};
use gatewright_sdk::engine::{SESSION_LABEL, failure};
use gatewright_sdk::http::{Method, Request};
use gatewright_sdk::log;
use gatewright_sdk::runtime::{Container, EngineInfo, Error, Limits, State};
use serde::Deserialize;

use crate::engine::{self, ENGINE};

/// An image in the engine's list. The generated type wants fields that nobody needs here and that the host leaves out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    repo_tags: Option<Vec<String>>,
}

/// What the engine is, has and enforces.
pub(crate) fn capabilities() -> Result<EngineInfo, Error> {
    let info: SystemInfo = ENGINE.get(ENGINE.request(Method::Get, "/info"))?;
    let flag = |value: Option<bool>, limit: Limits| if value == Some(true) { limit } else { Limits::empty() };
    if info.swap_limit != Some(true) {
        log::warn("the engine's kernel can't limit swap: a container may use swap beyond its memory");
    }
    // An engine on a machine without a controller warns and goes on without the limit.
    let enforced = Limits::SHM
        | flag(info.memory_limit, Limits::MEMORY)
        | (flag(info.cpu_cfs_quota, Limits::CPU) & flag(info.cpu_cfs_period, Limits::CPU))
        | flag(info.pids_limit, Limits::PIDS);
    let positive = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or_default();
    Ok(EngineInfo {
        engine: format!("docker {}", info.server_version.unwrap_or_default()).trim_end().to_owned(),
        cpu_millicores: positive(info.ncpu).saturating_mul(1000),
        memory_bytes: positive(info.mem_total),
        enforced,
    })
}

/// The first version of the engine that gives containers devices by their CDI names.
const CDI: u32 = 25;

/// Refuses where the engine is too old to do so.
pub(crate) fn gives_devices() -> Result<(), Error> {
    let info: SystemInfo = ENGINE.get(ENGINE.request(Method::Get, "/info"))?;
    let version = info.server_version.unwrap_or_default();
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major >= CDI) {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "docker {version} gives containers no devices: that needs version {CDI} or newer"
    )))
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
    let mut names: Vec<String> = tags.filter(|tag| !tag.contains("<none>")).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// How a container is.
pub(crate) fn inspect(id: &str) -> Result<Container, Error> {
    let found: ContainerInspectResponse = ENGINE.get(ENGINE.request(Method::Get, &engine::container(id, "/json")))?;
    let session = found
        .config
        .and_then(|config| config.labels)
        .and_then(|mut labels| labels.remove(SESSION_LABEL));
    let (Some(id), Some(session), Some(state)) = (found.id, session, found.state) else {
        // A container that the host did not make is none as far as it is concerned.
        return Err(Error::NotFound);
    };
    let kind = match state.status.unwrap_or(ContainerStateStatusEnum::EMPTY) {
        ContainerStateStatusEnum::CREATED => State::Created,
        ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::RESTARTING => State::Running,
        ContainerStateStatusEnum::PAUSED => State::Paused,
        _ => State::Exited,
    };
    let exit_code = state
        .exit_code
        .filter(|_| kind == State::Exited)
        .and_then(|code| i32::try_from(code).ok());
    Ok(Container {
        id,
        session,
        state: kind,
        exit_code,
    })
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
    let found: Vec<ContainerSummary> = ENGINE.get(request)?;
    let all = found.len();
    let ours: Vec<Container> = found.into_iter().filter_map(summary).collect();
    if ours.len() < all {
        log::debug(&format!("{} containers are not the host's", all - ours.len()));
    }
    Ok(ours)
}

fn summary(found: ContainerSummary) -> Option<Container> {
    let session = found.labels?.remove(SESSION_LABEL)?;
    let state = match found.state.unwrap_or(ContainerSummaryStateEnum::EMPTY) {
        ContainerSummaryStateEnum::CREATED => State::Created,
        ContainerSummaryStateEnum::RUNNING | ContainerSummaryStateEnum::RESTARTING => State::Running,
        ContainerSummaryStateEnum::PAUSED => State::Paused,
        _ => State::Exited,
    };
    // A list has exit codes in words only.
    Some(Container {
        id: found.id?,
        session,
        state,
        exit_code: None,
    })
}
