//! What can be launched.

use gatewright_control::WorkspaceView;
use gatewright_core::WorkspaceId;
use gatewright_core::record::Network;
use serde::Serialize;
use utoipa::ToSchema;

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
            example: view.example,
            available: view.available,
            unavailable_reason: view.unavailable_reason,
        }
    }
}
