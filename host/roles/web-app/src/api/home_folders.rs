//! The home folders that a person keeps.

use gatewright_control::HomeFolderView;
use gatewright_core::{HomeId, Timestamp, WorkspaceId};
use serde::Serialize;
use utoipa::ToSchema;

/// The home folders that a person keeps.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SavedHomes {
    pub(crate) items: Vec<SavedHome>,
}

/// What a person left in the home folder of a workspace, kept for the next launch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SavedHome {
    #[schema(value_type = Uuid)]
    id: HomeId,
    #[schema(value_type = Uuid)]
    workspace_id: WorkspaceId,
    /// As the workspace was called when the home was last used.
    workspace_name: String,
    #[schema(value_type = i64)]
    created_at: Timestamp,
    /// Whether a session has it now.
    in_use: bool,
}

impl From<HomeFolderView> for SavedHome {
    fn from(view: HomeFolderView) -> Self {
        Self {
            id: view.id,
            workspace_id: view.workspace,
            workspace_name: view.workspace_name,
            created_at: view.created_at,
            in_use: view.in_use,
        }
    }
}
