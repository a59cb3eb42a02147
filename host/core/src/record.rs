//! The records that roles share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::capacity::{Allocatable, Headroom, Resources};
use crate::device::DeviceName;
use crate::gate::Gate;
use crate::plugin::PluginName;
use crate::session::{EndReason, SessionState};
use crate::{GroupId, NodeId, RuleId, SessionId, Timestamp, UserId, WorkspaceId, ZoneId};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Id.
    pub id: UserId,
    /// Login name, unique without regard to case.
    pub name: String,
    /// Whether the person may log in.
    pub enabled: bool,
    /// The role that decides what the person may do in the product: `admin` or `user`.
    pub role: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A group. The lowest number that has a rule for a gate decides there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Id.
    pub id: GroupId,
    /// Shown name, unique.
    pub name: String,
    /// Lower goes first.
    pub priority: i32,
    /// Seeded as an example, removable in one click.
    pub example: bool,
}

/// What can be launched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// Id.
    pub id: WorkspaceId,
    /// Shown name, unique.
    pub name: String,
    /// One sentence for the person who chooses.
    pub description: String,
    /// The picture on its card: `terminal`, `desktop`, `browser`.
    pub icon: String,
    /// The engine's image.
    pub image: String,
    /// What a session of it gets.
    pub resources: Resources,
    /// What it reaches.
    pub network: Network,
    /// Whether each person's home folder is kept from one session to the next.
    #[serde(default)]
    pub keep_home: bool,
    /// The devices that a session of it has, shared with whoever else has them.
    #[serde(default)]
    pub devices: Vec<DeviceName>,
    /// Whether it can be launched.
    pub enabled: bool,
    /// Seeded as an example, removable in one click.
    pub example: bool,
}

/// What a container can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Nothing at all.
    None,
    /// The public Internet. What leaves by the network does not pass the gates.
    Internet,
}

/// Homes that are kept.
pub struct Homes;

impl Homes {
    /// The label of a node that can keep homes.
    pub const LABEL: &'static str = "gatewright.homes";
    /// The label's value.
    pub const KEPT: &'static str = "kept";
}

impl Network {
    /// The label of a node that has a network for sessions, and of a container that has one.
    pub const LABEL: &'static str = "gatewright.network";
    /// The label's value.
    pub const INTERNET: &'static str = "internet";
}

/// A session as its user and administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// What runs.
    pub workspace: WorkspaceId,
    /// The zone it runs in.
    pub zone: ZoneId,
    /// Where it runs; none before placement.
    pub node: Option<NodeId>,
    /// Where it stands.
    pub state: SessionState,
    /// Why it ended or is ending.
    pub end: Option<EndReason>,
    /// What it was promised.
    pub resources: Resources,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it became ready.
    pub ready_at: Option<Timestamp>,
    /// When it was gone.
    pub ended_at: Option<Timestamp>,
    /// Since when it is meant to be paused. It keeps what it was promised.
    pub paused_at: Option<Timestamp>,
}

/// A machine with an agent on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Id.
    pub id: NodeId,
    /// Shown name.
    pub name: String,
    /// Its zone.
    pub zone: ZoneId,
    /// The engine and its version, as the runtime plugin reports it: `docker 20.10.24`.
    pub engine: String,
    /// The runtime plugin that drives it.
    pub runtime: PluginName,
    /// What it can give in all.
    pub allocatable: Allocatable,
    /// What is left.
    pub headroom: Headroom,
    /// Why it takes no sessions, where it takes none.
    pub degraded: Option<String>,
    /// The images that it has.
    pub images: Vec<String>,
    /// For placement.
    pub labels: BTreeMap<String, String>,
    /// The devices that sessions can have there.
    #[serde(default)]
    pub devices: Vec<DeviceName>,
    /// The last sign of life.
    pub seen_at: Timestamp,
}

/// What a rule stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "on", content = "id")]
pub enum RuleTarget {
    /// Everything: the floor, never loosened.
    Everything,
    /// A zone: the floor there.
    Zone(ZoneId),
    /// A workspace.
    Workspace(WorkspaceId),
    /// A group of people.
    Group(GroupId),
}

/// A plugin with its configuration on a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Id.
    pub id: RuleId,
    /// Shown name.
    pub name: String,
    /// The gate.
    pub gate: Gate,
    /// What it stands on.
    pub target: RuleTarget,
    /// The order among the rules of one gate and target.
    pub position: i32,
    /// What the rule does.
    pub effect: RuleEffect,
    /// Counts up with every change of `effect`.
    pub config_revision: i64,
    /// Whether it takes part.
    pub enabled: bool,
    /// Seeded as an example, removable in one click.
    pub example: bool,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "does")]
pub enum RuleEffect {
    /// Closes the gate, visibly and without asking a plugin.
    Close,
    /// Asks a plugin.
    Ask {
        /// Which.
        plugin: PluginName,
        /// With this configuration, a JSON object that the plugin understands.
        config: serde_json::Value,
    },
}
