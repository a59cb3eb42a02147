//! What can be launched, and how that is set.

use gatewright_control::{WorkspaceSettingsView, WorkspaceView};
use gatewright_core::capacity::Resources;
use gatewright_core::record::Network;
use gatewright_core::{DeviceName, NodeId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::names::NetworkName;

/// All workspaces.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Workspaces {
    pub(crate) items: Vec<Workspace>,
}

/// What can be launched.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Workspace {
    #[schema(value_type = Uuid)]
    id: WorkspaceId,
    name: String,
    description: String,
    /// `terminal`, `desktop` or `browser`.
    icon: String,
    #[schema(value_type = NetworkName)]
    network: Network,
    /// Whether each person's home folder is kept between sessions.
    keep_home: bool,
    /// Seeded as an example, removable in one click.
    example: bool,
    /// Whether it can be launched now.
    available: bool,
    /// Why not, for the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    unavailable_reason: Option<String>,
}

impl From<WorkspaceView> for Workspace {
    fn from(view: WorkspaceView) -> Self {
        Self {
            id: view.id,
            name: view.name,
            description: view.description,
            icon: view.icon,
            network: view.network,
            keep_home: view.keep_home,
            example: view.example,
            available: view.available,
            unavailable_reason: view.unavailable_reason,
        }
    }
}

/// A workspace with all that can be set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkspaceSettings {
    #[schema(value_type = Uuid)]
    id: WorkspaceId,
    name: String,
    description: String,
    /// `terminal`, `desktop` or `browser`.
    icon: String,
    /// The engine's image, by name.
    image: String,
    /// Thousandths of a core.
    cpu_millicores: u32,
    /// Memory with swap.
    memory_bytes: u64,
    /// Processes and threads.
    pids: u32,
    /// `/dev/shm`.
    shm_bytes: u64,
    #[schema(value_type = NetworkName)]
    network: Network,
    /// Whether each person's home folder is kept between sessions.
    keep_home: bool,
    /// The devices that a session of it has, by their CDI names. Others may have them at the same time.
    #[schema(value_type = Vec<String>)]
    devices: Vec<DeviceName>,
    /// Whether it can be launched.
    enabled: bool,
    /// Seeded as an example, removable in one click.
    example: bool,
    /// Where its image is and where not.
    nodes: Vec<NodeImage>,
}

/// All workspaces with all that can be set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AllWorkspaceSettings {
    pub(crate) items: Vec<WorkspaceSettings>,
}

/// Whether a node has a workspace's image, as it said lately.
#[derive(Debug, Serialize, ToSchema)]
struct NodeImage {
    #[schema(value_type = Uuid)]
    id: NodeId,
    name: String,
    /// Whether it was heard of lately.
    alive: bool,
    has_image: bool,
}

/// A workspace as it is to be. All of it, each time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkspaceWish {
    name: String,
    #[serde(default)]
    description: String,
    /// `terminal`, `desktop` or `browser`.
    icon: String,
    /// The engine's image, by name with a tag or a digest.
    image: String,
    /// Thousandths of a core.
    cpu_millicores: u32,
    /// Memory with swap.
    memory_bytes: u64,
    /// Processes and threads.
    pids: u32,
    /// `/dev/shm`.
    shm_bytes: u64,
    #[schema(value_type = NetworkName)]
    network: Network,
    /// Keep each person's home folder between sessions.
    #[serde(default)]
    keep_home: bool,
    /// The devices that a session of it has, by their CDI names (`vendor.com/class=name`): 8 at the most, each once.
    #[serde(default)]
    devices: Vec<String>,
    /// Whether it can be launched.
    enabled: bool,
}

/// How a workspace is deleted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteWorkspace {
    /// End the sessions of it that are open.
    #[serde(default)]
    pub(crate) end_sessions: bool,
}

impl From<WorkspaceWish> for gatewright_control::WorkspaceWish {
    fn from(wish: WorkspaceWish) -> Self {
        Self {
            name: wish.name,
            description: wish.description,
            icon: wish.icon,
            image: wish.image,
            resources: Resources {
                cpu_millicores: wish.cpu_millicores,
                memory_bytes: wish.memory_bytes,
                pids: wish.pids,
                shm_bytes: wish.shm_bytes,
            },
            network: wish.network,
            keep_home: wish.keep_home,
            devices: wish.devices,
            enabled: wish.enabled,
        }
    }
}

impl From<WorkspaceSettingsView> for WorkspaceSettings {
    fn from(view: WorkspaceSettingsView) -> Self {
        let one = view.workspace;
        Self {
            id: one.id,
            name: one.name,
            description: one.description,
            icon: one.icon,
            image: one.image,
            cpu_millicores: one.resources.cpu_millicores,
            memory_bytes: one.resources.memory_bytes,
            pids: one.resources.pids,
            shm_bytes: one.resources.shm_bytes,
            network: one.network,
            keep_home: one.keep_home,
            devices: one.devices,
            enabled: one.enabled,
            example: one.example,
            nodes: view
                .nodes
                .into_iter()
                .map(|node| NodeImage {
                    id: node.id,
                    name: node.name,
                    alive: node.alive,
                    has_image: node.has_image,
                })
                .collect(),
        }
    }
}
