//! After a start: what the process before this one left in the middle.

use gatewright_core::session::SessionState;

use crate::error::Internal;
use crate::plane::{ControlPlane, lock};

impl ControlPlane {
    /// Takes up every session that is not final: launches that were interrupted are undone, ends are carried through, ready
    /// sessions stay as long as their agent still has them. Returns how many were taken up; the work goes on in the
    /// background and waits for agents that are not there yet.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn recover(&self) -> Result<usize, Internal> {
        let open = self.0.store.open_sessions().await?;
        let mut taken_up = 0;
        for record in open {
            // A launch that this process drives is no interrupted one.
            if lock(&self.0.driven).contains_key(&record.session.id) {
                continue;
            }
            match record.session.state {
                SessionState::Ready | SessionState::Ended | SessionState::Failed => {}
                SessionState::Requested
                | SessionState::Reserved
                | SessionState::Creating
                | SessionState::Starting
                | SessionState::Waiting => {
                    self.interrupt(record.session.id).await?;
                    self.drive(record.session.id);
                    taken_up += 1;
                }
                SessionState::Ending => {
                    self.drive(record.session.id);
                    taken_up += 1;
                }
            }
        }
        Ok(taken_up)
    }
}
