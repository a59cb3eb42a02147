//! The body of `containers/create`, libpod's `SpecGenerator`: what a plugin may say, and what the engine is told.

use std::collections::BTreeMap;

use serde::Serialize;

use super::User;
use crate::guard::body::{devices, labels, limit};
use crate::guard::fields::Fields;
use crate::guard::operation::container_name;
use crate::guard::{CreateRules, Guard, HOME_MOUNT, Limit, RESOLV_CONF, Refusal, SESSION_MOUNT, WORKSPACE_UID};

/// The period over which processor time is counted out, in microseconds: the kernel's default, and the only one.
const CPU_PERIOD: u64 = 100_000;

/// What the engine is told. Whatever is not in here keeps the engine's default, which is the safe one: seccomp and
/// AppArmor profile, masked paths, no devices but the session's, no pod, no shared namespace.
///
/// What is set although it is the default is set so that a reader of the engine's log need not know the defaults, and
/// so that an operator's `containers.conf` does not change it.
#[derive(Debug, Serialize)]
struct SpecGenerator<'a> {
    name: String,
    image: &'a str,
    /// Folders that the image declares as volumes are plain folders.
    image_volume_mode: &'static str,
    hostname: &'a str,
    user: String,
    labels: BTreeMap<String, String>,
    netns: Namespace,
    ipcns: Namespace,
    pidns: Namespace,
    utsns: Namespace,
    cgroupns: Namespace,
    #[serde(skip_serializing_if = "Option::is_none")]
    userns: Option<Namespace>,
    privileged: bool,
    cap_add: [&'static str; 0],
    cap_drop: [&'static str; 1],
    no_new_privileges: bool,
    devices: Vec<Device<'a>>,
    volumes: [&'static str; 0],
    shm_size: u64,
    mounts: Vec<Mount<'a>>,
    resource_limits: Resources,
    log_configuration: Log,
    restart_policy: &'static str,
    stop_timeout: u64,
    remove: bool,
    publish_image_ports: bool,
    /// The host's variables are not the session's business.
    env_host: bool,
    httpproxy: bool,
    /// No socket of the host's service manager inside.
    #[serde(rename = "sdnotifyMode")]
    sdnotify_mode: &'static str,
    systemd: &'static str,
}

#[derive(Debug, Serialize)]
struct Namespace {
    nsmode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

#[derive(Debug, Serialize)]
struct Mount<'a> {
    r#type: &'static str,
    source: &'a str,
    destination: &'static str,
    options: [&'static str; 4],
}

/// A device by its CDI name. The same field takes paths of device nodes, which no such name is.
#[derive(Debug, Serialize)]
struct Device<'a> {
    path: &'a str,
}

#[derive(Debug, Serialize)]
struct Resources {
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<Cpu>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pids: Option<Pids>,
}

#[derive(Debug, Serialize)]
struct Memory {
    limit: u64,
    /// Memory and swap together: the same, so that there is no swap beyond it.
    swap: u64,
}

#[derive(Debug, Serialize)]
struct Cpu {
    quota: u64,
    period: u64,
}

#[derive(Debug, Serialize)]
struct Pids {
    limit: u64,
}

#[derive(Debug, Serialize)]
struct Log {
    driver: &'static str,
    /// Bytes.
    size: u64,
}

const fn namespace(nsmode: &'static str) -> Namespace {
    Namespace { nsmode, value: None }
}

/// Reads what a plugin asked for and builds the engine's body. The caller finishes `fields`.
pub(super) fn build(fields: &mut Fields, rules: &CreateRules, guard: &Guard, user: User) -> Result<String, Refusal> {
    let name = container_name(rules.session);
    fields.only("name", &[&name])?;
    fields.only("image", &[&rules.image])?;
    fields.only("hostname", &[&rules.hostname])?;
    fields.only("user", &["1000", "1000:1000"])?;
    let labels = labels(fields, "labels", rules, guard)?;
    let stop_timeout = fields.number("stop_timeout")?.unwrap_or(10);
    if stop_timeout > 60 {
        return Err(fields.bad("stop_timeout", "more than 60 seconds"));
    }
    let shm_size = limit(fields, "shm_size", rules.resources.shm_bytes)?;
    let resource_limits = resources(fields, rules)?;
    session_mount(fields, rules)?;
    session_devices(fields, rules)?;
    what_holds_anyway(fields)?;
    let generator = SpecGenerator {
        name,
        image: &rules.image,
        image_volume_mode: "ignore",
        hostname: &rules.hostname,
        user: format!("{WORKSPACE_UID}:{WORKSPACE_UID}"),
        labels,
        netns: namespace("none"),
        ipcns: namespace("private"),
        pidns: namespace("private"),
        utsns: namespace("private"),
        cgroupns: namespace("private"),
        userns: (user == User::Rootless).then(|| Namespace {
            nsmode: "keep-id",
            value: Some(format!("uid={WORKSPACE_UID},gid={WORKSPACE_UID}")),
        }),
        privileged: false,
        cap_add: [],
        cap_drop: ["all"],
        no_new_privileges: true,
        devices: rules.devices.iter().map(|name| Device { path: name.as_str() }).collect(),
        volumes: [],
        shm_size,
        mounts: mounts(rules),
        resource_limits,
        log_configuration: Log {
            driver: "k8s-file",
            size: 1 << 20,
        },
        restart_policy: "no",
        stop_timeout,
        remove: false,
        publish_image_ports: false,
        env_host: false,
        httpproxy: false,
        sdnotify_mode: "ignore",
        systemd: "false",
    };
    serde_json::to_string(&generator).map_err(|_| Refusal::Body("can't be built"))
}

fn object(fields: &mut Fields, name: &str) -> Result<Fields, Refusal> {
    fields.object(name)?.ok_or_else(|| fields.bad(name, "is missing"))
}

fn resources(fields: &mut Fields, rules: &CreateRules) -> Result<Resources, Refusal> {
    let most = &rules.resources;
    let mut limits = object(fields, "resource_limits")?;
    let mut memory = object(&mut limits, "memory")?;
    let memory_limit = limit(&mut memory, "limit", most.memory_bytes)?;
    if memory.number("swap")?.is_some_and(|swap| swap != memory_limit) {
        return Err(memory.bad("swap", "not the same as limit"));
    }
    memory.finish()?;
    let mut cpu = object(&mut limits, "cpu")?;
    if cpu.number("period")?.is_some_and(|period| period != CPU_PERIOD) {
        return Err(cpu.bad("period", "not 100000"));
    }
    let quota = limit(&mut cpu, "quota", u64::from(most.cpu_millicores) * (CPU_PERIOD / 1000))?;
    cpu.finish()?;
    let mut pids = object(&mut limits, "pids")?;
    let pids_limit = limit(&mut pids, "limit", u64::from(most.pids))?;
    pids.finish()?;
    limits.finish()?;
    let enforced = |limit| !rules.unenforced.contains(&limit);
    Ok(Resources {
        memory: enforced(Limit::Memory).then_some(Memory {
            limit: memory_limit,
            swap: memory_limit,
        }),
        cpu: enforced(Limit::Cpu).then_some(Cpu { quota, period: CPU_PERIOD }),
        pids: enforced(Limit::Pids).then_some(Pids { limit: pids_limit }),
    })
}

/// The session's folder and, where it has them, the names of its name servers and the home that is kept: those the plugin
/// never asks for.
fn mounts(rules: &CreateRules) -> Vec<Mount<'_>> {
    let mount = |source, destination, access| Mount {
        r#type: "bind",
        source,
        destination,
        options: [access, "rprivate", "nosuid", "nodev"],
    };
    let folder = mount(rules.folder.as_str(), SESSION_MOUNT, "rw");
    let servers = rules.resolv_conf.as_deref().map(|file| mount(file, RESOLV_CONF, "ro"));
    let home = rules.home.as_deref().map(|path| mount(path, HOME_MOUNT, "rw"));
    [folder].into_iter().chain(servers).chain(home).collect()
}

/// The one mount. Options that are there are those that are set in any case.
fn session_mount(fields: &mut Fields, rules: &CreateRules) -> Result<(), Refusal> {
    let mounts = fields.objects("mounts")?;
    let count = mounts.len();
    for mut mount in mounts {
        let is = |text: Option<String>, wanted: &str| text.as_deref() == Some(wanted);
        let right =
            is(mount.text("type")?, "bind") && is(mount.text("source")?, &rules.folder) && is(mount.text("destination")?, SESSION_MOUNT);
        if !right {
            return Err(fields.bad("mounts", "not the session's folder"));
        }
        let options = mount.texts("options")?;
        let harmless = ["rw", "rprivate", "private", "nosuid", "nodev"];
        if options.iter().any(|option| !harmless.contains(&option.as_str())) {
            return Err(mount.bad("options", "not the options that it has anyway"));
        }
        mount.finish()?;
    }
    if count == 1 {
        Ok(())
    } else {
        Err(fields.bad("mounts", "not exactly the session's folder"))
    }
}

/// The session's devices, by name and without anything else about them.
fn session_devices(fields: &mut Fields, rules: &CreateRules) -> Result<(), Refusal> {
    let mut asked = Vec::new();
    for mut device in fields.objects("devices")? {
        asked.push(device.text("path")?.unwrap_or_default());
        device.finish()?;
    }
    devices(fields, "devices", asked, rules)
}

/// Fields that a careful plugin sets to what the guard sets in any case. Other values are refused, so that nobody
/// believes that they took effect.
fn what_holds_anyway(fields: &mut Fields) -> Result<(), Refusal> {
    for (name, mode) in [
        ("netns", "none"),
        ("ipcns", "private"),
        ("pidns", "private"),
        ("utsns", "private"),
        ("cgroupns", "private"),
    ] {
        if let Some(mut namespace) = fields.object(name)? {
            namespace.only("nsmode", &[mode])?;
            namespace.finish()?;
        }
    }
    if fields.texts("cap_drop")?.iter().any(|cap| !cap.eq_ignore_ascii_case("all")) {
        return Err(fields.bad("cap_drop", "not all"));
    }
    // Saying nothing or no means the same: it is set.
    let _no_new_privileges = fields.flag("no_new_privileges")?;
    fields.only("restart_policy", &["no"])?;
    fields.only("image_volume_mode", &["ignore"])?;
    fields.only("systemd", &["false"])?;
    if let Some(mut log) = fields.object("log_configuration")? {
        log.only("driver", &["k8s-file", "none"])?;
        let _bounded = log.number("size")?;
        log.finish()?;
    }
    Ok(())
}
