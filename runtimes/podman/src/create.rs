//! Making a container.

use std::collections::BTreeMap;

use gatewright_sdk::engine::{failure, limit, read};
use gatewright_sdk::http::Method;
use gatewright_sdk::runtime::{Error, Network, Spec};
use serde::{Deserialize, Serialize};

use crate::engine::ENGINE;
use crate::facts;

/// The period over which processor time is counted out, in microseconds: the kernel's default.
const CPU_PERIOD: i64 = 100_000;

/// Libpod's `SpecGenerator`, as far as a workspace needs it.
#[derive(Debug, Serialize)]
struct SpecGenerator<'a> {
    name: &'a str,
    image: &'a str,
    hostname: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
    netns: Namespace,
    cap_drop: [&'static str; 1],
    no_new_privileges: bool,
    shm_size: i64,
    mounts: [Mount<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices: Vec<Device<'a>>,
    resource_limits: Resources,
    log_configuration: Log,
    restart_policy: &'static str,
}

#[derive(Debug, Serialize)]
struct Namespace {
    nsmode: &'static str,
}

/// A mount of the OCI runtime specification. The engine does not make a folder that is missing.
#[derive(Debug, Serialize)]
struct Mount<'a> {
    r#type: &'static str,
    source: &'a str,
    destination: &'a str,
}

/// A device by its CDI name. Where the engine does not know it, the container is made, and its start fails.
#[derive(Debug, Serialize)]
struct Device<'a> {
    path: &'a str,
}

#[derive(Debug, Serialize)]
struct Resources {
    memory: Memory,
    cpu: Cpu,
    pids: Pids,
}

#[derive(Debug, Serialize)]
struct Memory {
    limit: i64,
    /// Memory and swap together: the same, so that there is no swap beyond it.
    swap: i64,
}

#[derive(Debug, Serialize)]
struct Cpu {
    quota: i64,
    period: i64,
}

#[derive(Debug, Serialize)]
struct Pids {
    limit: i64,
}

#[derive(Debug, Serialize)]
struct Log {
    driver: &'static str,
    /// Bytes.
    size: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    id: String,
}

/// Makes the session's container, or finds it made.
pub(crate) fn create(spec: &Spec) -> Result<String, Error> {
    let name = format!("gatewright-{}", spec.session);
    let request = ENGINE.request(Method::Post, "/containers/create").json(&generator(&name, spec)?)?;
    let response = ENGINE.send(request)?;
    if response.status == 201 {
        return read::<Created>(response).map(|created| created.id);
    }
    // Before version 5 these two are an internal error (500), told apart by their words only.
    let why = failure(response);
    if why.status == 404 || why.words.contains("image not known") || why.words.contains("no such image") {
        return Err(Error::ImageMissing(spec.image.clone()));
    }
    if why.status == 409 || why.words.contains("already in use") {
        return facts::container_of(&spec.session)?.ok_or_else(|| why.into());
    }
    Err(why.into())
}

fn generator<'a>(name: &'a str, spec: &'a Spec) -> Result<SpecGenerator<'a>, Error> {
    let memory = limit("memory", spec.memory_bytes)?;
    Ok(SpecGenerator {
        name,
        image: &spec.image,
        hostname: &spec.hostname,
        labels: spec.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        netns: Namespace {
            nsmode: match spec.network {
                Network::None => "none",
            },
        },
        cap_drop: ["all"],
        no_new_privileges: true,
        shm_size: limit("shared memory", spec.shm_bytes)?,
        mounts: [Mount {
            r#type: "bind",
            source: &spec.session_folder,
            destination: &spec.session_mount,
        }],
        devices: spec.devices.iter().map(|name| Device { path: name }).collect(),
        resource_limits: Resources {
            memory: Memory {
                limit: memory,
                swap: memory,
            },
            cpu: Cpu {
                quota: limit("processor", u64::from(spec.cpu_millicores))? * (CPU_PERIOD / 1000),
                period: CPU_PERIOD,
            },
            pids: Pids {
                limit: limit("processes", spec.pids.into())?,
            },
        },
        log_configuration: Log {
            driver: "k8s-file",
            size: 1 << 20,
        },
        restart_policy: "no",
    })
}
