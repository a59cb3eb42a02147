//! `[agent]`: the node of a process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use gatewright_agent::{AllowedRequest, Limit, NetworkConfig};
use gatewright_core::DeviceName;
use gatewright_core::plugin::PluginName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::conf::{DOCKER, PODMAN};
use crate::network_conf::NetworkFile;

/// `[agent]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AgentFile {
    /// Shown name of the node. Default: the host's name.
    pub name: Option<String>,
    /// The runtime plugin. Default `runtime-docker`; `runtime-podman` is the other that comes with the product.
    pub runtime: Option<String>,
    /// The engine's socket. Default `unix:///var/run/docker.sock`, for `runtime-podman` `unix:///run/podman/podman.sock`.
    pub engine: Option<String>,
    /// What the engine speaks, `docker` or `libpod`: the language in which the guard before its socket reads the plugin's
    /// requests. Default `docker`, for `runtime-podman` `libpod`. `other` is an *unguarded engine*: nothing but `allow` stands
    /// before it.
    pub dialect: Option<DialectFile>,
    /// With `dialect = "other"`: the requests that may pass, each a method and a path, such as `GET /v1/boxes/*/log`. `*` is one
    /// segment of the path, `**` at its end any rest.
    pub allow: Vec<String>,
    /// Sessions at once. Default 32.
    pub max_sessions: Option<u32>,
    /// How many times the cores may be promised. Default 4: desktops idle.
    pub cpu_overcommit: Option<f64>,
    /// Memory that is never given to sessions, in bytes. Default 1 GiB.
    pub memory_reserve_bytes: Option<u64>,
    /// Disk that stays free, in bytes: with less, the node takes no new sessions. Default 2 GiB.
    pub disk_reserve_bytes: Option<u64>,
    /// The folder where the engine keeps images and containers, whose disk is looked at as well as that of the data folder.
    /// Default `/var/lib/docker` where it is there.
    pub engine_data_dir: Option<PathBuf>,
    /// The devices that sessions can have here, each by its CDI name, such as `nvidia.com/gpu=all`. Default: none.
    pub devices: Vec<String>,
    /// Limits that sessions may run without where the engine can't enforce them: `cpu`, `memory`, `pids`. Default: none.
    pub accept_unenforced: BTreeSet<LimitFile>,
    /// A network for sessions. Default: none, on which workspaces that need one are not launched here.
    pub network: Option<NetworkFile>,
    /// Labels for placement.
    pub labels: BTreeMap<String, String>,
}

/// `agent.dialect`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DialectFile {
    /// The Docker Engine API.
    Docker,
    /// Podman's own API.
    Libpod,
    /// Another API: methods and paths alone decide.
    Other,
}

/// One of `agent.accept_unenforced`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LimitFile {
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
    /// Processes.
    Pids,
}

impl From<LimitFile> for Limit {
    fn from(limit: LimitFile) -> Self {
        match limit {
            LimitFile::Cpu => Self::Cpu,
            LimitFile::Memory => Self::Memory,
            LimitFile::Pids => Self::Pids,
        }
    }
}

/// The node of this process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentConf {
    /// Shown name.
    pub name: String,
    /// The runtime plugin.
    pub runtime: PluginName,
    /// The engine's socket.
    pub engine: PathBuf,
    /// What the engine speaks.
    pub dialect: DialectFile,
    /// What may pass to an engine of another dialect.
    pub allow: Vec<AllowedRequest>,
    /// Sessions at once.
    pub max_sessions: u32,
    /// How many times the cores may be promised.
    pub cpu_overcommit: f64,
    /// Never given to sessions.
    pub memory_reserve_bytes: u64,
    /// Stays free on the disks below.
    pub disk_reserve_bytes: u64,
    /// Where the engine keeps its data.
    pub engine_data_dir: Option<PathBuf>,
    /// What sessions can have.
    pub devices: Vec<DeviceName>,
    /// Limits that sessions may run without.
    pub accept_unenforced: BTreeSet<LimitFile>,
    /// How sessions reach the Internet.
    #[serde(serialize_with = "crate::network_conf::shown")]
    pub network: Option<NetworkConfig>,
    /// For placement.
    pub labels: BTreeMap<String, String>,
}

impl AgentConf {
    pub(crate) fn new(file: AgentFile, engine: Option<String>) -> anyhow::Result<Self> {
        let runtime = file.runtime.as_deref().unwrap_or(DOCKER);
        let (socket, dialect) = match runtime {
            PODMAN => ("unix:///run/podman/podman.sock", DialectFile::Libpod),
            _ => ("unix:///var/run/docker.sock", DialectFile::Docker),
        };
        let engine = engine.or(file.engine).unwrap_or_else(|| socket.into());
        let Some(path) = engine.strip_prefix("unix://").filter(|path| path.starts_with('/')) else {
            bail!("agent.engine {engine:?} must name a socket: unix:///path/to/socket");
        };
        let cpu_overcommit = file.cpu_overcommit.unwrap_or(4.0);
        ensure!(
            (0.1..=64.0).contains(&cpu_overcommit),
            "agent.cpu_overcommit must lie between 0.1 and 64"
        );
        let dialect = file.dialect.unwrap_or(dialect);
        let allow = file
            .allow
            .iter()
            .map(|text| text.parse().with_context(|| format!("agent.allow {text:?}")))
            .collect::<anyhow::Result<Vec<AllowedRequest>>>()?;
        ensure!(
            (dialect == DialectFile::Other) != allow.is_empty(),
            "agent.allow lists the requests of dialect \"other\": it needs some, and no other dialect takes any"
        );
        Ok(Self {
            name: file.name.unwrap_or_else(host_name),
            runtime: runtime.parse().with_context(|| format!("agent.runtime {runtime:?}"))?,
            engine: path.into(),
            dialect,
            allow,
            max_sessions: file.max_sessions.unwrap_or(32),
            cpu_overcommit,
            memory_reserve_bytes: file.memory_reserve_bytes.unwrap_or(1 << 30),
            disk_reserve_bytes: file.disk_reserve_bytes.unwrap_or(2 << 30),
            engine_data_dir: file.engine_data_dir.or_else(|| {
                let usual = PathBuf::from("/var/lib/docker");
                usual.is_dir().then_some(usual)
            }),
            devices: crate::device_conf::checked(&file.devices)?,
            accept_unenforced: file.accept_unenforced,
            network: file.network.map(NetworkFile::checked).transpose()?,
            labels: file.labels,
        })
    }
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "local".into())
}
