//! The home folders that people keep, and removing them from their nodes.

use std::time::Duration;

use gatewright_core::{HomeId, UserId};
use gatewright_database::HomeRecord;
use gatewright_ports::AgentError;

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::views::HomeFolderView;

/// How often homes are looked for that their nodes have yet to remove.
const EVERY: Duration = Duration::from_secs(60);

/// Why a home was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The person has no such home.
    #[error("no such home")]
    NotFound,
    /// A session has it.
    #[error("home is in use")]
    InUse,
    /// Something of ours.
    #[error("home can't be deleted")]
    Internal(#[from] Internal),
}

impl From<gatewright_database::StoreError> for HomeError {
    fn from(error: gatewright_database::StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl ControlPlane {
    /// The homes that a person keeps.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn home_folders(&self, user: UserId) -> Result<Vec<HomeFolderView>, Internal> {
        let homes = self.0.store.homes_of(user).await?;
        Ok(homes
            .into_iter()
            .map(|home| HomeFolderView {
                id: home.id,
                workspace: home.workspace,
                workspace_name: home.workspace_name,
                created_at: home.created_at,
                in_use: home.used_by.is_some(),
            })
            .collect())
    }

    /// Deletes a person's home. It is out of reach at once; its node removes it as soon as it can be reached.
    ///
    /// # Errors
    /// [`HomeError`].
    pub async fn delete_home_folder(&self, id: HomeId, user: UserId, by: &Actor) -> Result<(), HomeError> {
        let homes = self.0.store.homes_of(user).await?;
        let home = homes.into_iter().find(|home| home.id == id).ok_or(HomeError::NotFound)?;
        let mut write = self.0.store.begin().await?;
        if !write.delete_home(id, user).await? {
            return Err(HomeError::InUse);
        }
        write
            .append_event(&self.audit(by, "home.deleted", format!("home {id}"), &home.workspace_name, true))
            .await?;
        write.commit().await?;
        let plane = self.clone();
        self.spawn(async move { plane.remove_home(&home).await });
        Ok(())
    }

    /// Removes deleted homes from their nodes, until each is confirmed.
    pub(crate) async fn sweep_homes(self) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            match self.0.store.homes_to_remove().await {
                Ok(homes) => {
                    for home in &homes {
                        self.remove_home(home).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "Deleted homes can't be looked for now");
                }
            }
        }
    }

    /// Removes a deleted home from its node and forgets it. What fails is tried again by the sweep.
    async fn remove_home(&self, home: &HomeRecord) {
        let removed = async {
            if let Some(node) = home.node
                && !self.0.store.removed_members().await?.contains(&node)
            {
                let told = match self.agent(node) {
                    Some(agent) => tokio::time::timeout(self.0.config.step_timeout, agent.remove_home(home.id))
                        .await
                        .unwrap_or(Err(AgentError::Unavailable)),
                    None => Err(AgentError::Unavailable),
                };
                if let Err(error) = told {
                    tracing::warn!(home = %home.id, %node, %error, "Deleted home is still there");
                    return Ok(());
                }
            }
            let mut write = self.0.store.begin().await?;
            write.forget_home(home.id).await?;
            write.commit().await
        };
        if let Err(error) = removed.await {
            tracing::warn!(home = %home.id, error = &error as &dyn std::error::Error, "Deleted home can't be forgotten now");
        }
    }
}
