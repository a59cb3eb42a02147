//! The machines of the deployment.

use std::collections::BTreeSet;

use gatewright_control::{NodeCapacityView, NodeStateView, NodeView};
use gatewright_core::plugin::PluginName;
use gatewright_core::{DeviceName, NodeId, NodeRole, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::names::{NodeRoleName, NodeStateName};

/// All nodes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Nodes {
    pub(crate) items: Vec<Node>,
}

/// A machine or process of the deployment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Node {
    #[schema(value_type = Uuid)]
    id: NodeId,
    name: String,
    #[schema(value_type = Vec<NodeRoleName>)]
    roles: BTreeSet<NodeRole>,
    /// The name of its zone.
    zone: String,
    #[schema(value_type = NodeStateName)]
    state: NodeStateView,
    /// Why it takes no sessions, where it takes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    degraded: Option<String>,
    /// Where other nodes reach it, `host:port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// Where people reach it, where it is an edge whose operator named a public address.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_url: Option<String>,
    /// Whether it is the one that answers, which can't be removed.
    own: bool,
    /// Its last sign of life, in microseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    seen_at: Option<Timestamp>,
    /// Microseconds since 1970; none where it never joined, since there are no others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    joined_at: Option<Timestamp>,
    /// Microseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    removed_at: Option<Timestamp>,
    /// The engine and its version, where it runs sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<String>,
    /// The plugin that drives the engine, where it runs sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    runtime: Option<PluginName>,
    /// What it can give, where it runs sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<Capacity>,
    /// The devices that sessions can have there, by their CDI names.
    #[schema(value_type = Vec<String>)]
    devices: Vec<DeviceName>,
}

/// What a node can give, and how much of it is promised.
#[derive(Debug, Serialize, ToSchema)]
struct Capacity {
    sessions: u32,
    sessions_used: u32,
    cpu_millicores: u64,
    cpu_millicores_used: u64,
    memory_bytes: u64,
    memory_bytes_used: u64,
}

/// What a new machine is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewNode {
    /// One at least.
    #[schema(value_type = Vec<NodeRoleName>)]
    pub(crate) roles: BTreeSet<NodeRole>,
    /// The name of its zone, made where it is missing.
    pub(crate) zone: String,
    /// For how many hours the token is good: 1 to 168.
    pub(crate) hours: u32,
}

/// How a machine is brought in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JoinCommands {
    /// What is to be run on it, a command a line. Shown once: the token in it is stored nowhere.
    pub(crate) commands: String,
}

impl From<NodeView> for Node {
    fn from(view: NodeView) -> Self {
        Self {
            id: view.id,
            name: view.name,
            roles: view.roles,
            zone: view.zone,
            state: view.state,
            degraded: view.degraded,
            address: view.address,
            public_url: view.public_url,
            own: view.own,
            seen_at: view.seen_at,
            joined_at: view.joined_at,
            removed_at: view.removed_at,
            engine: view.engine,
            runtime: view.runtime,
            capacity: view.capacity.map(Into::into),
            devices: view.devices,
        }
    }
}

impl From<NodeCapacityView> for Capacity {
    fn from(NodeCapacityView { total, left }: NodeCapacityView) -> Self {
        Self {
            sessions: total.sessions,
            sessions_used: total.sessions.saturating_sub(left.sessions),
            cpu_millicores: total.cpu_millicores,
            cpu_millicores_used: total.cpu_millicores.saturating_sub(left.cpu_millicores),
            memory_bytes: total.memory_bytes,
            memory_bytes_used: total.memory_bytes.saturating_sub(left.memory_bytes),
        }
    }
}
