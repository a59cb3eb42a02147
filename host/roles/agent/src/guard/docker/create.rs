//! The body of `containers/create`: what a plugin may say, and what the engine is told.

use std::collections::BTreeMap;

use gatewright_core::DeviceName;
use serde::Serialize;

use super::ApiVersion;
use crate::guard::body::{devices, labels, limit};
use crate::guard::fields::Fields;
use crate::guard::{CreateRules, Guard, HOME_MOUNT, RESOLV_CONF, Refusal, SESSION_MOUNT, WORKSPACE_UID};

/// What Docker calls devices that have CDI names.
const CDI: &str = "cdi";

/// What the engine is told. Whatever is not in here keeps the engine's default, which is the safe one: seccomp and
/// AppArmor profile, masked and read-only paths, no devices but the session's, no volumes from others, no shared namespace.
///
/// What is set although it is the default is set so that a reader of the engine's log need not know the defaults.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Create<'a> {
    image: &'a str,
    hostname: &'a str,
    user: String,
    labels: BTreeMap<String, String>,
    network_disabled: bool,
    stop_timeout: u64,
    host_config: HostConfig<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig<'a> {
    memory: u64,
    /// Memory and swap together: the same, so that there is no swap beyond it.
    memory_swap: u64,
    nano_cpus: u64,
    pids_limit: u64,
    shm_size: u64,
    mounts: Vec<Mount<'a>>,
    network_mode: &'static str,
    ipc_mode: &'static str,
    pid_mode: &'static str,
    #[serde(rename = "UTSMode")]
    uts_mode: &'static str,
    userns_mode: &'static str,
    privileged: bool,
    cap_add: [&'static str; 0],
    cap_drop: [&'static str; 1],
    security_opt: [&'static str; 1],
    devices: [&'static str; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    device_requests: Option<[DeviceRequest<'a>; 1]>,
    oom_kill_disable: bool,
    publish_all_ports: bool,
    auto_remove: bool,
    restart_policy: RestartPolicy,
    log_config: LogConfig,
}

/// A bind mount as an object: unlike the short form it has no separators to get wrong, and the engine does not make
/// a missing folder.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Mount<'a> {
    r#type: &'static str,
    source: &'a str,
    target: &'static str,
    read_only: bool,
    bind_options: BindOptions,
}

/// Devices that the engine finds by their CDI names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeviceRequest<'a> {
    driver: &'static str,
    #[serde(rename = "DeviceIDs")]
    device_ids: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct BindOptions {
    propagation: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RestartPolicy {
    name: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LogConfig {
    r#type: &'static str,
    config: BTreeMap<&'static str, &'static str>,
}

/// Reads what a plugin asked for and builds the engine's body. The caller finishes `fields`.
pub(super) fn build(fields: &mut Fields, rules: &CreateRules, guard: &Guard, api: ApiVersion) -> Result<String, Refusal> {
    fields.only("Image", &[&rules.image])?;
    fields.only("Hostname", &[&rules.hostname])?;
    fields.only("User", &["1000", "1000:1000"])?;
    let labels = labels(fields, "Labels", rules, guard)?;
    // Either way there is no network.
    let _no_network = fields.flag("NetworkDisabled")?;
    let stop_timeout = fields.number("StopTimeout")?.unwrap_or(10);
    if stop_timeout > 60 {
        return Err(fields.bad("StopTimeout", "more than 60 seconds"));
    }
    let mut host = fields.object("HostConfig")?.ok_or_else(|| fields.bad("HostConfig", "is missing"))?;
    let host_config = host_config(&mut host, rules, api)?;
    host.finish()?;
    let create = Create {
        image: &rules.image,
        hostname: &rules.hostname,
        user: format!("{WORKSPACE_UID}:{WORKSPACE_UID}"),
        labels,
        network_disabled: true,
        stop_timeout,
        host_config,
    };
    serde_json::to_string(&create).map_err(|_| Refusal::Body("can't be built"))
}

fn host_config<'a>(host: &mut Fields, rules: &'a CreateRules, api: ApiVersion) -> Result<HostConfig<'a>, Refusal> {
    let most = &rules.resources;
    let memory = limit(host, "Memory", most.memory_bytes)?;
    let nano_cpus = limit(host, "NanoCpus", u64::from(most.cpu_millicores) * 1_000_000)?;
    let pids_limit = limit(host, "PidsLimit", u64::from(most.pids))?;
    let shm_size = limit(host, "ShmSize", most.shm_bytes)?;
    if host.number("MemorySwap")?.is_some_and(|swap| swap != memory) {
        return Err(host.bad("MemorySwap", "not the same as Memory"));
    }
    session_mount(host, rules)?;
    session_devices(host, rules, api)?;
    what_holds_anyway(host)?;
    Ok(HostConfig {
        memory,
        memory_swap: memory,
        nano_cpus,
        pids_limit,
        shm_size,
        mounts: mounts(rules),
        network_mode: "none",
        ipc_mode: "private",
        pid_mode: "",
        uts_mode: "",
        userns_mode: "",
        privileged: false,
        cap_add: [],
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges"],
        devices: [],
        device_requests: (!rules.devices.is_empty()).then(|| {
            [DeviceRequest {
                driver: CDI,
                device_ids: rules.devices.iter().map(DeviceName::as_str).collect(),
            }]
        }),
        oom_kill_disable: false,
        publish_all_ports: false,
        auto_remove: false,
        restart_policy: RestartPolicy { name: "no" },
        log_config: LogConfig {
            r#type: "json-file",
            config: BTreeMap::from([("max-file", "1"), ("max-size", "1m")]),
        },
    })
}

/// The session's folder and, where it has them, the names of its name servers and the home that is kept: those the plugin
/// never asks for.
fn mounts(rules: &CreateRules) -> Vec<Mount<'_>> {
    let mount = |source, target, read_only| Mount {
        r#type: "bind",
        source,
        target,
        read_only,
        bind_options: BindOptions { propagation: "rprivate" },
    };
    let folder = mount(rules.folder.as_str(), SESSION_MOUNT, false);
    let servers = rules.resolv_conf.as_deref().map(|file| mount(file, RESOLV_CONF, true));
    let home = rules.home.as_deref().map(|path| mount(path, HOME_MOUNT, false));
    [folder].into_iter().chain(servers).chain(home).collect()
}

/// The one mount, in either of the two forms that Docker has for it.
fn session_mount(host: &mut Fields, rules: &CreateRules) -> Result<(), Refusal> {
    let binds = host.texts("Binds")?;
    let short = format!("{}:{SESSION_MOUNT}", rules.folder);
    if binds.iter().any(|bind| *bind != short && *bind != format!("{short}:rw")) {
        return Err(host.bad("Binds", "not the session's folder"));
    }
    let mounts = host.objects("Mounts")?;
    let count = binds.len() + mounts.len();
    for mut mount in mounts {
        let is = |text: Option<String>, wanted: &str| text.as_deref() == Some(wanted);
        let right = is(mount.text("Type")?, "bind") && is(mount.text("Source")?, &rules.folder) && is(mount.text("Target")?, SESSION_MOUNT);
        if !right {
            return Err(host.bad("Mounts", "not the session's folder"));
        }
        if let Some(mut options) = mount.object("BindOptions")? {
            options.only("Propagation", &["rprivate", "private"])?;
            options.finish()?;
        }
        mount.finish()?;
    }
    if count == 1 {
        Ok(())
    } else {
        Err(host.bad("Mounts", "not exactly the session's folder"))
    }
}

/// The session's devices, by name. `Count`, `Capabilities` and `Options` are for drivers that choose devices by themselves.
fn session_devices(host: &mut Fields, rules: &CreateRules, api: ApiVersion) -> Result<(), Refusal> {
    let mut asked = Vec::new();
    for mut request in host.objects("DeviceRequests")? {
        if request.text("Driver")?.as_deref() != Some(CDI) {
            return Err(host.bad("DeviceRequests", "not of the driver cdi"));
        }
        asked.extend(request.texts("DeviceIDs")?);
        request.finish()?;
    }
    // An older engine takes the driver's name for that of another one, or does not know the field.
    if !asked.is_empty() && api < ApiVersion::CDI {
        return Err(host.bad("DeviceRequests", "more than the engine's version can"));
    }
    devices(host, "DeviceRequests", asked, rules)
}

/// Fields that a careful plugin sets to what the guard sets in any case. Other values are refused, so that nobody
/// believes that they took effect.
fn what_holds_anyway(host: &mut Fields) -> Result<(), Refusal> {
    host.only("NetworkMode", &["none"])?;
    host.only("IpcMode", &["private"])?;
    host.only("CgroupnsMode", &["private"])?;
    if host.texts("CapDrop")?.iter().any(|cap| cap != "ALL") {
        return Err(host.bad("CapDrop", "not ALL"));
    }
    let harmless = ["no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"];
    if host.texts("SecurityOpt")?.iter().any(|option| !harmless.contains(&option.as_str())) {
        return Err(host.bad("SecurityOpt", "not no-new-privileges"));
    }
    if let Some(mut policy) = host.object("RestartPolicy")? {
        policy.only("Name", &["no"])?;
        policy.finish()?;
    }
    if let Some(mut log) = host.object("LogConfig")? {
        log.only("Type", &["json-file", "local", "none"])?;
        for (name, _) in log.map("Config")? {
            if !matches!(name.as_str(), "max-size" | "max-file" | "compress") {
                return Err(log.bad("Config", "not a size"));
            }
        }
        log.finish()?;
    }
    Ok(())
}
