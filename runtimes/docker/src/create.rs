//! Making a container.

use std::collections::HashMap;

use bollard_stubs::models::{
    ContainerCreateBody, ContainerCreateResponse, DeviceRequest, HostConfig, HostConfigLogConfig, Mount, MountType, RestartPolicy,
    RestartPolicyNameEnum,
};
use gatewright_sdk::engine::{failure, limit, read};
use gatewright_sdk::http::Method;
use gatewright_sdk::runtime::{Error, Network, Spec};

use crate::engine::ENGINE;
use crate::facts;

/// Makes the session's container, or finds it made.
pub(crate) fn create(spec: Spec) -> Result<String, Error> {
    if !spec.devices.is_empty() {
        facts::gives_devices()?;
    }
    let (session, image) = (spec.session.clone(), spec.image.clone());
    let request = ENGINE
        .request(Method::Post, "/containers/create")
        .query("name", &format!("gatewright-{session}"));
    let response = ENGINE.send(request.json(&body(spec)?)?)?;
    match response.status {
        201 => read::<ContainerCreateResponse>(response).map(|created| created.id),
        404 => Err(Error::ImageMissing(image)),
        409 => {
            let why = failure(response);
            facts::container_of(&session)?.ok_or_else(|| why.into())
        }
        _ => Err(failure(response).into()),
    }
}

fn body(spec: Spec) -> Result<ContainerCreateBody, Error> {
    let host_config = host_config(&spec)?;
    Ok(ContainerCreateBody {
        image: Some(spec.image),
        hostname: Some(spec.hostname),
        labels: Some(spec.labels.into_iter().collect()),
        network_disabled: Some(true),
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    })
}

fn host_config(spec: &Spec) -> Result<HostConfig, Error> {
    let memory = Some(limit("memory", spec.memory_bytes)?);
    let text = |text: &str| text.to_owned();
    Ok(HostConfig {
        network_mode: Some(match spec.network {
            Network::None => text("none"),
        }),
        memory,
        // Memory and swap together: the same, so that there is no swap beyond it.
        memory_swap: memory,
        nano_cpus: Some(limit("processor", u64::from(spec.cpu_millicores) * 1_000_000)?),
        pids_limit: Some(limit("processes", spec.pids.into())?),
        shm_size: Some(limit("shared memory", spec.shm_bytes)?),
        // Not `Binds`: its short form splits at colons, and the engine makes a folder that is missing, owned by root.
        mounts: Some(vec![Mount {
            typ: Some(MountType::BIND),
            source: Some(spec.session_folder.clone()),
            target: Some(spec.session_mount.clone()),
            ..Mount::default()
        }]),
        device_requests: (!spec.devices.is_empty()).then(|| {
            vec![DeviceRequest {
                driver: Some(text("cdi")),
                device_ids: Some(spec.devices.clone()),
                ..DeviceRequest::default()
            }]
        }),
        cap_drop: Some(vec![text("ALL")]),
        security_opt: Some(vec![text("no-new-privileges")]),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            ..RestartPolicy::default()
        }),
        log_config: Some(HostConfigLogConfig {
            typ: Some(text("json-file")),
            config: Some(HashMap::from([(text("max-size"), text("1m")), (text("max-file"), text("1"))])),
        }),
        ..HostConfig::default()
    })
}
