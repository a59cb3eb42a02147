//! The workspaces that a person can launch.

use gatewright_core::record::Workspace;

use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::views::WorkspaceView;

/// Why a workspace can't be launched, in words for the person.
pub(crate) fn unavailable(workspace: &Workspace) -> Option<String> {
    if !workspace.enabled {
        Some("An administrator has switched this workspace off.".into())
    } else {
        None
    }
}

impl ControlPlane {
    /// All workspaces, as ordered for the page, each with why it can't be launched where it can't.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceView>, Internal> {
        let records = self.0.store.workspaces().await?;
        Ok(records
            .into_iter()
            .map(|record| {
                let one = record.workspace;
                let reason = unavailable(&one);
                WorkspaceView {
                    id: one.id,
                    name: one.name,
                    description: one.description,
                    icon: one.icon,
                    network: one.network,
                    keep_home: one.keep_home,
                    example: one.example,
                    available: reason.is_none(),
                    unavailable_reason: reason,
                }
            })
            .collect())
    }
}
