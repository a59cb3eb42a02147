//! Following what changes, here and on other web-apps.

use gatewright_core::SessionId;
use gatewright_database::{ChangeKind, Hint, Hints};

use crate::error::Internal;
use crate::plane::{ControlPlane, lock};

impl ControlPlane {
    /// Follows the feed of changes until the store is closed.
    pub(crate) async fn follow_changes(self, mut hints: Hints) {
        while let Some(hint) = hints.next().await {
            let followed = match hint {
                Hint::Changed {
                    kind: ChangeKind::Session,
                    id,
                } => {
                    if let Ok(id) = id.parse() {
                        self.session_changed(id);
                    }
                    Ok(())
                }
                // What is activated on one web-app places sessions on all of them.
                Hint::Changed {
                    kind: ChangeKind::Plugin | ChangeKind::Provider,
                    ..
                } => self.load_placement().await,
                Hint::Changed { .. } => Ok(()),
                Hint::Resync => self.resync().await,
            };
            if let Err(error) = followed {
                tracing::warn!(error = &error as &dyn std::error::Error, "A change can't be followed now");
            }
        }
    }

    async fn resync(&self) -> Result<(), Internal> {
        let mut ids: Vec<SessionId> = lock(&self.0.watched).keys().copied().collect();
        ids.extend(lock(&self.0.driven).keys().copied());
        for id in ids {
            self.session_changed(id);
        }
        self.load_placement().await
    }

    /// Compiles what placement needs, so that the next launch does not wait for it.
    pub(crate) async fn load_placement(&self) -> Result<(), Internal> {
        let policy = self.policy_snapshot().await?;
        match policy.placement.as_ref().and_then(|provider| policy.plugins.get(&provider.plugin)) {
            Some(active) => self.load_plugin(active.digest).await,
            None => Ok(()),
        }
    }
}
