//! One task per session that has something to do, and never two.

use std::collections::hash_map::Entry;
use std::error::Error;
use std::time::Duration;

use gatewright_core::SessionId;
use gatewright_core::session::SessionState;
use tokio_util::sync::CancellationToken;

use crate::error::Internal;
use crate::plane::{ControlPlane, lock};
use crate::saga::steps::Stopped;

/// How long to wait before the database is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

impl ControlPlane {
    /// Sees to it that a task looks at what the database says of a session. A task that is in the middle of a step
    /// leaves it and looks.
    pub(crate) fn drive(&self, id: SessionId) {
        let look = match lock(&self.0.driven).entry(id) {
            Entry::Occupied(entry) => {
                entry.get().cancel();
                return;
            }
            Entry::Vacant(entry) => entry.insert(CancellationToken::new()).clone(),
        };
        self.spawn(self.clone().run(id, look));
    }

    async fn run(self, id: SessionId, mut look: CancellationToken) {
        loop {
            // Ending is never broken off: whatever else is wanted of the session comes after it.
            let settled = match self.step_on(id, &look).await {
                Ok(settled) => settled,
                Err(error) => {
                    tracing::error!(session = %id, error = &error as &dyn Error, "Session can't be driven on now");
                    tokio::time::sleep(AGAIN_AFTER).await;
                    false
                }
            };
            let mut driven = lock(&self.0.driven);
            if look.is_cancelled() {
                look = CancellationToken::new();
                driven.insert(id, look.clone());
            } else if settled {
                driven.remove(&id);
                return;
            }
        }
    }

    /// Takes a session as far as it goes. True where nothing is left to do for now.
    async fn step_on(&self, id: SessionId, look: &CancellationToken) -> Result<bool, Internal> {
        let Some(record) = self.0.store.session(id).await? else {
            return Ok(true);
        };
        match record.session.state {
            SessionState::Requested => {
                let launched = tokio::select! {
                    () = look.cancelled() => return Ok(false),
                    launched = self.launch_steps(&record) => launched,
                };
                match launched {
                    Ok(()) => Ok(true),
                    Err(Stopped::Moved) => Ok(false),
                    Err(Stopped::Failed(failure)) => {
                        self.fail_launch(id, &failure).await?;
                        Ok(false)
                    }
                }
            }
            // A launch that this process did not begin, or broke off: its step may have been done or not.
            SessionState::Reserved | SessionState::Creating | SessionState::Starting | SessionState::Waiting => {
                self.interrupt(id).await?;
                Ok(false)
            }
            SessionState::Ending => {
                self.tear_down(&record).await?;
                Ok(true)
            }
            SessionState::Ready | SessionState::Ended | SessionState::Failed => Ok(true),
        }
    }
}
