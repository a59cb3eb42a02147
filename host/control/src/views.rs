//! What the pages and the REST API show, named as there. Times are microseconds since the Unix epoch.

use std::collections::BTreeSet;

use gatewright_core::capacity::{Allocatable, Headroom};
use gatewright_core::gate::{Gate, Outcome};
use gatewright_core::plugin::{Digest, PluginKind, PluginName};
use gatewright_core::record::{Network, RuleTarget, Workspace};
use gatewright_core::session::SessionState;
use gatewright_core::{DeviceName, EventId, HomeId, NodeId, NodeRole, Reference, RuleId, SessionId, Timestamp, UserId, WorkspaceId};
use gatewright_database::EventKind;
use gatewright_ports::ImageStatus;
use serde::Serialize;

use crate::saga::check::{CheckState, CheckStep};

/// A workspace on its card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkspaceView {
    /// Id.
    pub id: WorkspaceId,
    /// Shown name.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// `terminal`, `desktop` or `browser`.
    pub icon: String,
    /// What it reaches.
    pub network: Network,
    /// Whether a person's home folder is kept between sessions.
    pub keep_home: bool,
    /// Seeded as an example.
    pub example: bool,
    /// Whether it can be launched now.
    pub available: bool,
    /// Why not, for the person.
    pub unavailable_reason: Option<String>,
}

/// A home that a person keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HomeFolderView {
    /// Id.
    pub id: HomeId,
    /// Of which workspace.
    pub workspace: WorkspaceId,
    /// What that was called when the home was last used.
    pub workspace_name: String,
    /// When it was first asked for.
    pub created_at: Timestamp,
    /// Whether a session has it now.
    pub in_use: bool,
}

/// A workspace with all that can be set, for administrators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkspaceSettingsView {
    /// The workspace.
    pub workspace: Workspace,
    /// Where its image is and where not.
    pub nodes: Vec<NodeImageView>,
}

/// Whether a node has an image, as its last sign of life said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeImageView {
    /// The node.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Whether it was heard of lately.
    pub alive: bool,
    /// Whether the image is there.
    pub has_image: bool,
}

/// How a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeStateView {
    /// It does its work.
    Ready,
    /// Its agent takes no sessions now.
    Degraded,
    /// It was not heard of lately.
    Silent,
    /// It was removed, for good.
    Removed,
}

/// A machine or process of the deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    /// Id.
    pub id: NodeId,
    /// Shown name.
    pub name: String,
    /// What it does.
    pub roles: BTreeSet<NodeRole>,
    /// The name of its zone.
    pub zone: String,
    /// How it stands.
    pub state: NodeStateView,
    /// Why its agent takes no sessions, where it takes none.
    pub degraded: Option<String>,
    /// Where other nodes reach it.
    pub address: Option<String>,
    /// Where people reach it, where it is an edge.
    pub public_url: Option<String>,
    /// Whether it is the process that was asked, which can't be removed.
    pub own: bool,
    /// Its last sign of life.
    pub seen_at: Option<Timestamp>,
    /// When it joined; none for the one of a deployment of one process.
    pub joined_at: Option<Timestamp>,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
    /// The engine and its version, where it has an agent.
    pub engine: Option<String>,
    /// The runtime plugin, where it has an agent.
    pub runtime: Option<PluginName>,
    /// What it can give, where it has an agent.
    pub capacity: Option<NodeCapacityView>,
    /// The devices that sessions can have there.
    pub devices: Vec<DeviceName>,
}

/// What a node can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeCapacityView {
    /// In all.
    pub total: Allocatable,
    /// What is left of it.
    pub left: Headroom,
}

/// How a workspace's image stands on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceNodeView {
    /// The node.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// How the image stands; why nobody knows, where the node does not say.
    pub status: Result<ImageStatus, String>,
}

/// A check of a workspace's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckView {
    /// The node.
    pub node: NodeId,
    /// Its name.
    pub node_name: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over; none while it is at work.
    pub finished_at: Option<Timestamp>,
    /// Whether every step went well, once it is over.
    pub passed: Option<bool>,
    /// The steps, in order.
    pub steps: Vec<CheckStepView>,
}

/// A step of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckStepView {
    /// Which.
    pub step: CheckStep,
    /// What a person reads.
    pub label: String,
    /// How it went.
    pub state: CheckState,
    /// Why it failed.
    pub why: Option<String>,
    /// What mends it.
    pub advice: Option<String>,
}

/// The workspace of a session, as it was called when it was launched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkspaceRef {
    /// Id.
    pub id: WorkspaceId,
    /// Shown name.
    pub name: String,
    /// `terminal`, `desktop` or `browser`.
    pub icon: String,
}

/// A person by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameView {
    /// Id.
    pub id: UserId,
    /// Login name.
    pub name: String,
}

/// A step of a launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepView {
    /// The state it stands for.
    pub state: SessionState,
    /// What a person reads.
    pub label: String,
    /// Whether it is behind the session.
    pub done: bool,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndView {
    /// Stable: `user`, `launch-failed`, `workspace-gone` and so on.
    pub code: String,
    /// What a person reads.
    pub text: String,
}

/// A session, as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// Id.
    pub id: SessionId,
    /// What runs.
    pub workspace: WorkspaceRef,
    /// Where it stands.
    pub state: SessionState,
    /// What happens now, in words.
    pub step: String,
    /// The steps of its launch.
    pub steps: Vec<StepView>,
    /// What the person should know: why it ended.
    pub message: Option<String>,
    /// Why it ended or is ending.
    pub end: Option<EndView>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it became ready.
    pub ready_at: Option<Timestamp>,
    /// When it was gone.
    pub ended_at: Option<Timestamp>,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// Whose it is.
    pub user: NameView,
    /// Where it runs. Not for the person.
    #[serde(skip)]
    pub node: Option<NodeId>,
    /// Its zone. Not for the person.
    #[serde(skip)]
    pub zone: gatewright_core::ZoneId,
}

/// Anybody's session that is not over, as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunningView {
    /// Id.
    pub id: SessionId,
    /// Whose it is.
    pub user: NameView,
    /// What runs.
    pub workspace: WorkspaceRef,
    /// The name of the node that it runs on.
    pub node: Option<String>,
    /// Where it stands.
    pub state: SessionState,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
}

/// A rule that uses a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleUse {
    /// The rule.
    pub rule_id: RuleId,
    /// Its name.
    pub rule_name: String,
    /// Where it stands.
    pub gate: Gate,
    /// On what, in words: `everything`, `group Sales`.
    pub target: String,
    /// On what.
    #[serde(skip)]
    pub on: RuleTarget,
}

/// What a plugin said in the last 24 hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct VerdictCounts {
    /// Allowed.
    pub allowed: u64,
    /// Redacted.
    pub redacted: u64,
    /// Denied.
    pub denied: u64,
    /// It could not answer.
    pub failed: u64,
}

/// A version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionView {
    /// As its manifest gives it.
    pub version: String,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// `uploaded`, `compiling`, `needs-approval`, `ready`, `active` or `failed`.
    pub state: String,
    /// Why, where it failed or waits.
    pub state_detail: Option<String>,
    /// The file's size in bytes.
    pub size_bytes: u64,
    /// What it was built for: `dlp@0.1`.
    pub wit: String,
    /// The grants that it asks for, in words.
    pub wants: Vec<String>,
    /// When it was uploaded.
    pub uploaded_at: Timestamp,
    /// By whom.
    pub uploaded_by: String,
    /// When it was last activated.
    pub activated_at: Option<Timestamp>,
    /// One sentence from its manifest.
    pub description: String,
}

/// A plugin with its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginView {
    /// Its stable id.
    pub name: PluginName,
    /// What it decides.
    pub kind: PluginKind,
    /// The active version.
    pub active: Option<VersionView>,
    /// The version that roll back goes to.
    pub previous: Option<VersionView>,
    /// All versions, newest first.
    pub versions: Vec<VersionView>,
    /// The rules that ask it.
    pub used_by: Vec<RuleUse>,
    /// What it said in the last 24 hours.
    pub verdicts: VerdictCounts,
    /// The last five verdicts.
    pub last_verdicts: Vec<ActivityItem>,
}

/// What activating a version would touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImpactView {
    /// The rules that ask the plugin.
    pub rules: Vec<RuleUse>,
    /// The groups whose people it affects.
    pub groups: Vec<String>,
    /// Sessions open now that it affects.
    pub open_sessions: u64,
    /// The version that is active now.
    pub replaces: Option<String>,
}

/// How one rule answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleAnswerView {
    /// The rule's name at that time.
    pub rule_name: String,
    /// The plugin; none for a rule that closes its gate.
    pub plugin: Option<PluginName>,
    /// Its version.
    pub version: String,
    /// The digest of that version.
    pub digest: Option<Digest>,
    /// The check that fired.
    pub check: Option<String>,
    /// What it said.
    pub outcome: Outcome,
    /// Why it failed.
    pub failure: Option<String>,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// The revision of the rule's configuration.
    pub config_revision: i64,
}

/// An event, as Activity shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActivityItem {
    /// Its number.
    pub seq: u64,
    /// Its id.
    pub id: EventId,
    /// What the person was told to quote.
    pub reference: Reference,
    /// When.
    pub at: Timestamp,
    /// The person's login name then.
    pub user_name: String,
    /// The person's groups then.
    pub groups: Vec<String>,
    /// The session.
    pub session_id: Option<SessionId>,
    /// The workspace's name then.
    pub workspace_name: String,
    /// The client's address.
    pub client: String,
    /// Verdict or audit.
    pub kind: EventKind,
    /// Where, for a verdict.
    pub gate: Option<Gate>,
    /// What it was, for a verdict.
    pub item: Option<gatewright_core::event::Item>,
    /// What became of it, for a verdict.
    pub outcome: Option<Outcome>,
    /// The sentence that the person read.
    pub message: String,
    /// The rules that were asked.
    pub rules: Vec<RuleAnswerView>,
    /// What was done, for audit.
    pub action: Option<String>,
    /// What it was done to.
    pub object: Option<String>,
    /// More.
    pub detail: Option<String>,
    /// Whether it was done.
    pub succeeded: Option<bool>,
}

/// How far the record was checked, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainView {
    /// Whether every row checked is as it was written.
    pub intact: bool,
    /// Rows checked.
    pub checked: u64,
}

/// A page of Activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActivityPage {
    /// Newest first.
    pub items: Vec<ActivityItem>,
    /// For the next page.
    pub next_before: Option<u64>,
    /// Whether the record is whole.
    pub chain: ChainView,
}

/// A thing to do on the home page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChecklistItem {
    /// Stable.
    pub id: String,
    /// What to do.
    pub label: String,
    /// Whether it was done.
    pub done: bool,
    /// How.
    pub hint: String,
    /// Where.
    pub link: String,
}

/// The home page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HomeView {
    /// What to try first.
    pub checklist: Vec<ChecklistItem>,
    /// Whether examples are still there.
    pub examples_present: bool,
}
