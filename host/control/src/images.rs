//! The images of workspaces on the nodes, and bringing them there.

use std::sync::Arc;
use std::time::Duration;

use gatewright_core::record::{Node, Workspace};
use gatewright_core::{NodeId, WorkspaceId};
use gatewright_database::StoreError;
use gatewright_ports::{AgentControl, AgentError, ImageStatus};
use tokio::task::JoinSet;

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::views::WorkspaceNodeView;

/// How long a node may take to say what it has: a page waits for it.
const ANSWER: Duration = Duration::from_secs(8);

/// Why a node was not told to bring an image.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// There is no such workspace or node.
    #[error("no such workspace or node")]
    NotFound,
    /// The node can't be reached now.
    #[error("node {0} can't be reached")]
    NodeAway(String),
    /// The node does not do it; the text is for administrators.
    #[error("node refuses: {0}")]
    Refused(String),
    /// Something of ours.
    #[error("image can't be brought")]
    Internal(#[from] Internal),
}

impl From<StoreError> for PullError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl ControlPlane {
    /// How a workspace's image stands on each node, asked of their agents now. None where there is no such workspace.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn workspace_nodes(&self, id: WorkspaceId) -> Result<Option<Vec<WorkspaceNodeView>>, Internal> {
        let Some(record) = self.0.store.workspace(id).await? else {
            return Ok(None);
        };
        let image = record.workspace.image;
        let mut asked = JoinSet::new();
        for (index, node) in self.members_nodes().await?.into_iter().enumerate() {
            let (plane, image) = (self.clone(), image.clone());
            asked.spawn(async move { (index, plane.image_on(node, &image).await) });
        }
        let mut found: Vec<_> = Vec::new();
        while let Some(answer) = asked.join_next().await {
            // A panic in one question leaves its node out.
            found.extend(answer);
        }
        found.sort_by_key(|(index, _)| *index);
        Ok(Some(found.into_iter().map(|(_, view)| view).collect()))
    }

    async fn image_on(&self, node: Node, image: &str) -> WorkspaceNodeView {
        let status = match self.agent(node.id) {
            Some(agent) => tokio::time::timeout(ANSWER, agent.image(image))
                .await
                .unwrap_or(Err(AgentError::Unavailable)),
            None => Err(AgentError::Unavailable),
        };
        // A launch looks at the last sign of life: what has come meanwhile must not wait for the next one.
        if matches!(status, Ok(ImageStatus::Present(_))) && !node.images.iter().any(|one| one == image) {
            self.look_at_node(node.id).await;
        }
        WorkspaceNodeView {
            id: node.id,
            name: node.name,
            status: status.map_err(|error| error.to_string()),
        }
    }

    async fn look_at_node(&self, node: NodeId) {
        let Some(agent) = self.agent(node) else { return };
        if let Ok(Ok(status)) = tokio::time::timeout(ANSWER, agent.status()).await
            && let Err(error) = self.note_heartbeat(&status).await
        {
            tracing::warn!(%node, error = &error as &dyn std::error::Error, "Node's state can't be stored");
        }
    }

    /// Tells a node to bring a workspace's image. Follow it by [`Self::workspace_nodes`].
    ///
    /// # Errors
    /// [`PullError`].
    pub async fn pull_image(&self, workspace: WorkspaceId, node: NodeId, by: &Actor) -> Result<(), PullError> {
        let (workspace, node, agent) = self.image_and_agent(workspace, node).await?;
        let told = tokio::time::timeout(ANSWER, agent.pull(&workspace.image))
            .await
            .unwrap_or(Err(AgentError::Unavailable));
        let outcome = match told {
            Ok(()) => Ok(()),
            Err(AgentError::Unavailable) => Err(PullError::NodeAway(node.name.clone())),
            Err(AgentError::NoCapacity { why } | AgentError::Refused { why }) => Err(PullError::Refused(why)),
            Err(other) => Err(PullError::Refused(other.to_string())),
        };
        let mut detail = format!("image {} to {}", workspace.image, node.name);
        if let Err(error) = &outcome {
            detail.push_str(&format!(": {error}"));
        }
        self.append(&self.audit(by, "workspace.image-pulled", workspace.name, detail, outcome.is_ok()))
            .await?;
        outcome
    }

    /// Breaks off what [`Self::pull_image`] began. Idempotent.
    ///
    /// # Errors
    /// [`PullError`].
    pub async fn cancel_pull(&self, workspace: WorkspaceId, node: NodeId, by: &Actor) -> Result<(), PullError> {
        let (workspace, node, agent) = self.image_and_agent(workspace, node).await?;
        match tokio::time::timeout(ANSWER, agent.cancel_pull(&workspace.image)).await {
            Ok(Ok(())) => {}
            _ => return Err(PullError::NodeAway(node.name)),
        }
        let detail = format!("image {} to {}", workspace.image, node.name);
        self.append(&self.audit(by, "workspace.pull-cancelled", workspace.name, detail, true))
            .await?;
        Ok(())
    }

    async fn image_and_agent(&self, workspace: WorkspaceId, node: NodeId) -> Result<(Workspace, Node, Arc<dyn AgentControl>), PullError> {
        let workspace = self.0.store.workspace(workspace).await?.ok_or(PullError::NotFound)?.workspace;
        let nodes = self.members_nodes().await?;
        let node = nodes.into_iter().find(|one| one.id == node).ok_or(PullError::NotFound)?;
        let agent = self.agent(node.id).ok_or_else(|| PullError::NodeAway(node.name.clone()))?;
        Ok((workspace, node, agent))
    }
}
