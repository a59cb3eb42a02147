//! Removing everything that is marked as an example.

use gatewright_core::session::EndReason;

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;

impl ControlPlane {
    /// Whether anything marked as an example is left.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn examples_present(&self) -> Result<bool, Internal> {
        let store = &self.0.store;
        Ok(store.workspaces().await?.iter().any(|one| one.workspace.example)
            || store.groups().await?.iter().any(|one| one.group.example)
            || store.rules().await?.iter().any(|rule| rule.example)
            || store.users().await?.iter().any(|user| user.example))
    }

    /// Removes example workspaces, users, groups and rules, and ends the sessions of the former two. Plugins stay.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn remove_examples(&self, by: &Actor) -> Result<(), Internal> {
        let store = &self.0.store;
        let workspaces: Vec<_> = store.workspaces().await?.into_iter().filter(|one| one.workspace.example).collect();
        let users: Vec<_> = store.users().await?.into_iter().filter(|one| one.example).collect();
        let groups: Vec<_> = store.groups().await?.into_iter().filter(|one| one.group.example).collect();
        let rules: Vec<_> = store.rules().await?.into_iter().filter(|rule| rule.example).collect();

        let mut write = store.begin().await?;
        for rule in &rules {
            write.delete_rule(rule.id).await?;
        }
        for group in &groups {
            write.delete_group(group.group.id).await?;
        }
        for workspace in &workspaces {
            write.delete_workspace(workspace.workspace.id).await?;
        }
        for user in &users {
            write.delete_user(user.user.id).await?;
        }
        let detail = format!(
            "{} workspaces, {} users, {} groups, {} rules",
            workspaces.len(),
            users.len(),
            groups.len(),
            rules.len()
        );
        write
            .append_event(&self.audit(by, "examples.removed", "examples", detail, true))
            .await?;
        write.commit().await?;

        for record in store.open_sessions().await? {
            let session = &record.session;
            let gone =
                workspaces.iter().any(|one| one.workspace.id == session.workspace) || users.iter().any(|one| one.user.id == session.user);
            if gone {
                self.end(session.id, EndReason::Administrator, by).await?;
            }
        }
        Ok(())
    }
}
