//! The images of workspaces on the nodes, and checks of them.

use gatewright_control::{CheckState, CheckStep, CheckStepView, CheckView, ImageStatus, WorkspaceNodeView};
use gatewright_core::{NodeId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::names::{CheckStateName, CheckStepName, ImageStateName};

/// How a workspace's image stands on each node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkspaceNodes {
    pub(crate) items: Vec<WorkspaceNode>,
}

/// How a workspace's image stands on a node.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct WorkspaceNode {
    #[schema(value_type = Uuid)]
    id: Option<NodeId>,
    name: String,
    /// `unknown` where the node does not say.
    #[schema(value_type = ImageStateName)]
    state: &'static str,
    /// Why it is not known, or why the last pull failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// What the engine does, while it is pulled.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    /// What came so far, while it is pulled.
    #[serde(skip_serializing_if = "Option::is_none")]
    done_bytes: Option<u64>,
    /// What is known to come, while it is pulled; 0 where the engine does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_bytes: Option<u64>,
    /// The engine's id of it, where it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    image_id: Option<String>,
    /// What it takes on the disk, where it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    /// When it was made, as the engine writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
}

/// Where a workspace's image is to be checked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckWish {
    #[schema(value_type = Uuid)]
    pub(crate) node_id: NodeId,
}

/// The last check of a workspace's image.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LastCheck {
    /// None where there was none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<Check>,
}

/// A check of a workspace's image on a node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Check {
    #[schema(value_type = Uuid)]
    node_id: NodeId,
    node_name: String,
    /// Microseconds since 1970.
    #[schema(value_type = i64)]
    started_at: Timestamp,
    /// Microseconds since 1970; none while it is at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    finished_at: Option<Timestamp>,
    /// Whether every step went well, once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    passed: Option<bool>,
    /// In order.
    steps: Vec<CheckedStep>,
}

/// A step of a check.
#[derive(Debug, Serialize, ToSchema)]
struct CheckedStep {
    #[schema(value_type = CheckStepName)]
    step: CheckStep,
    /// What it is about, in words.
    label: String,
    #[schema(value_type = CheckStateName)]
    state: CheckState,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl From<WorkspaceNodeView> for WorkspaceNode {
    fn from(view: WorkspaceNodeView) -> Self {
        let node = Self {
            id: Some(view.id),
            name: view.name,
            ..Self::default()
        };
        match view.status {
            Err(why) => Self {
                state: "unknown",
                why: Some(why),
                ..node
            },
            Ok(ImageStatus::Absent) => Self { state: "absent", ..node },
            Ok(ImageStatus::Failed { why }) => Self {
                state: "failed",
                why: Some(why),
                ..node
            },
            Ok(ImageStatus::Pulling(progress)) => Self {
                state: "pulling",
                step: Some(progress.step),
                done_bytes: Some(progress.done_bytes),
                total_bytes: Some(progress.total_bytes),
                ..node
            },
            Ok(ImageStatus::Present(facts)) => Self {
                state: "present",
                image_id: Some(facts.id),
                size_bytes: Some(facts.size_bytes),
                created: Some(facts.created).filter(|text| !text.is_empty()),
                ..node
            },
        }
    }
}

impl From<CheckView> for Check {
    fn from(view: CheckView) -> Self {
        Self {
            node_id: view.node,
            node_name: view.node_name,
            started_at: view.started_at,
            finished_at: view.finished_at,
            passed: view.passed,
            steps: view.steps.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<CheckStepView> for CheckedStep {
    fn from(view: CheckStepView) -> Self {
        Self {
            step: view.step,
            label: view.label,
            state: view.state,
            why: view.why,
            advice: view.advice,
        }
    }
}
