//! One task per session that has something to do, and never two: not in this process, and not in all web-apps together.

use std::collections::hash_map::Entry;
use std::error::Error;
use std::time::Duration;

use gatewright_core::SessionId;
use gatewright_core::session::SessionState;
use gatewright_database::{Lease, SessionRecord, StoreError, Write, session_lease};
use gatewright_ports::agent_control::Fence;
use tokio_util::sync::CancellationToken;

use crate::error::Internal;
use crate::plane::{ControlPlane, lock};
use crate::saga::steps::Stopped;

/// How long to wait before the database is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Where a session comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// This process, which knows what it did.
    Here,
    /// A process that may have been in the middle of anything.
    Elsewhere,
}

/// What an agent is told, so that it refuses who drove the session before.
pub(crate) fn fence(lease: &Lease) -> Fence {
    Fence(lease.fence())
}

impl ControlPlane {
    /// Sees to it that a task looks at what the database says of a session. A task that is in the middle of a step
    /// leaves it and looks.
    pub(crate) fn drive(&self, id: SessionId) {
        self.begin_driving(id, From::Here);
    }

    /// The same for a session that another process left: a launch is undone, whatever step it was in.
    pub(crate) fn take_up(&self, id: SessionId) {
        self.begin_driving(id, From::Elsewhere);
    }

    fn begin_driving(&self, id: SessionId, from: From) {
        let look = match lock(&self.0.driven).entry(id) {
            Entry::Occupied(entry) => {
                entry.get().cancel();
                return;
            }
            Entry::Vacant(entry) => entry.insert(CancellationToken::new()).clone(),
        };
        self.spawn(self.clone().run(id, look, from));
    }

    /// A transaction of who drives a session: refused once somebody else does.
    pub(crate) async fn begin_as(&self, lease: &Lease) -> Result<Write, StoreError> {
        let mut write = self.0.store.begin().await?;
        write.fenced(lease).await?;
        Ok(write)
    }

    async fn run(self, id: SessionId, mut look: CancellationToken, from: From) {
        loop {
            let over;
            let taken = self
                .0
                .store
                .take_lease(&session_lease(id), self.0.holder, self.0.config.lease)
                .await;
            match taken {
                Ok(Some(lease)) => {
                    tokio::select! {
                        () = self.run_leased(id, &mut look, from, &lease) => {}
                        () = self.keep(&lease) => tracing::warn!(session = %id, "Another web-app has taken over the session"),
                    }
                    over = self.give_back(id, &lease).await.unwrap_or_else(|error| {
                        tracing::debug!(session = %id, error = &error as &dyn Error, "Lease is left to run out");
                        false
                    });
                }
                // Another web-app drives it, and hears of what was changed. Should it be gone, its lease runs out.
                Ok(None) => {
                    lock(&self.0.driven).remove(&id);
                    return;
                }
                Err(error) => {
                    tracing::error!(session = %id, error = &error as &dyn Error, "Session can't be driven now");
                    tokio::time::sleep(AGAIN_AFTER).await;
                    continue;
                }
            }
            {
                let mut driven = lock(&self.0.driven);
                if !look.is_cancelled() {
                    driven.remove(&id);
                } else {
                    look = CancellationToken::new();
                    driven.insert(id, look.clone());
                    continue;
                }
            }
            if over {
                return;
            }
            // Somebody may have wanted its end while this one still had the lease, and left it to this one.
            match self.0.store.session(id).await {
                Ok(Some(record)) if record.session.state == SessionState::Ending => self.drive(id),
                _ => {}
            }
            return;
        }
    }

    /// True where the session is over, and nobody will want the lease again.
    async fn give_back(&self, id: SessionId, lease: &Lease) -> Result<bool, StoreError> {
        let over = self.0.store.session(id).await?.is_none_or(|record| record.session.state.is_final());
        if over {
            self.0.store.forget_lease(lease).await?;
        } else {
            self.0.store.give_back_lease(lease).await?;
        }
        Ok(over)
    }

    /// Returns when the lease is another's.
    pub(crate) async fn keep(&self, lease: &Lease) {
        loop {
            tokio::time::sleep(self.0.config.lease / 3).await;
            match self.0.store.keep_lease(lease, self.0.config.lease).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(lease = lease.name(), error = &error as &dyn Error, "Lease can't be kept now"),
            }
        }
    }

    async fn run_leased(&self, id: SessionId, look: &mut CancellationToken, from: From, lease: &Lease) {
        loop {
            // Ending is never broken off: whatever else is wanted of the session comes after it.
            let settled = match self.step_on(id, look, from, lease).await {
                Ok(settled) => settled,
                // The database refused: nothing is to be done here any more.
                Err(error) if error.is_fenced() => return,
                Err(error) => {
                    tracing::error!(session = %id, error = &error as &dyn Error, "Session can't be driven on now");
                    tokio::time::sleep(AGAIN_AFTER).await;
                    false
                }
            };
            if look.is_cancelled() {
                *look = CancellationToken::new();
                lock(&self.0.driven).insert(id, look.clone());
            } else if settled {
                return;
            }
        }
    }

    /// A session that a person asked for becomes ready; one that checks an image is looked at and ends.
    async fn launch_or_check(&self, record: &SessionRecord, lease: &Lease) -> Result<(), Stopped> {
        match self.0.store.check_of_session(record.session.id).await? {
            Some(check) => self.check_steps(record, check, lease).await,
            None => self.launch_steps(record, lease).await,
        }
    }

    /// Takes a session as far as it goes. True where nothing is left to do for now.
    async fn step_on(&self, id: SessionId, look: &CancellationToken, from: From, lease: &Lease) -> Result<bool, Internal> {
        let Some(record) = self.0.store.session(id).await? else {
            return Ok(true);
        };
        match record.session.state {
            SessionState::Requested if from == From::Here => {
                let launched = tokio::select! {
                    () = look.cancelled() => return Ok(false),
                    launched = self.launch_or_check(&record, lease) => launched,
                };
                match launched {
                    Ok(()) => Ok(true),
                    Err(Stopped::Moved) => Ok(false),
                    Err(Stopped::Fenced) => Err(StoreError::Fenced.into()),
                    Err(Stopped::Failed(failure)) => {
                        self.fail_launch(id, &failure, lease).await?;
                        Ok(false)
                    }
                }
            }
            // A launch that this process did not begin, or broke off: its step may have been done or not.
            SessionState::Requested | SessionState::Reserved | SessionState::Creating | SessionState::Starting | SessionState::Waiting => {
                self.interrupt(id, lease).await?;
                Ok(false)
            }
            SessionState::Ending => {
                self.tear_down(&record, lease).await?;
                Ok(true)
            }
            SessionState::Ready => {
                self.follow_pause(&record, lease).await?;
                Ok(true)
            }
            SessionState::Ended | SessionState::Failed => Ok(true),
        }
    }
}
