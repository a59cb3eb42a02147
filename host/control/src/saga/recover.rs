//! What another process left in the middle: the one before this, or another web-app that is gone.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use gatewright_core::session::SessionState;
use gatewright_database::{SESSION_LEASES, session_lease};

use crate::error::Internal;
use crate::plane::{ControlPlane, lock};

impl ControlPlane {
    /// Takes up every session that is not final and that nobody drives: launches that were interrupted are undone, ends are
    /// carried through, ready sessions stay as long as their agent still has them. Returns how many were taken up; the work goes
    /// on in the background and waits for agents that are not there yet. What other processes on the database leave is taken up
    /// from now on.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn recover(&self) -> Result<usize, Internal> {
        if !self.0.taking_over.swap(true, Ordering::Relaxed) {
            self.spawn(self.clone().take_over());
        }
        self.take_up_abandoned(false).await
    }

    /// `later`: this process has begun its own work meanwhile.
    async fn take_up_abandoned(&self, later: bool) -> Result<usize, Internal> {
        // Read before the sessions: who gives a lease back has moved its session before.
        let held: HashSet<String> = self.0.store.held_leases(SESSION_LEASES).await?.into_iter().collect();
        let mut taken_up = 0;
        for record in self.0.store.open_sessions().await? {
            let id = record.session.id;
            // A launch that this process or another one drives is no interrupted one.
            if lock(&self.0.driven).contains_key(&id) || held.contains(&session_lease(id)) {
                continue;
            }
            // Requested a moment ago by a process which is about to drive it.
            let fresh = (later || self.0.store.is_shared())
                && record.session.state == SessionState::Requested
                && self.now().since(record.session.created_at) < self.0.config.lease;
            if fresh || record.session.state == SessionState::Ready || record.session.state.is_final() {
                continue;
            }
            self.take_up(id);
            taken_up += 1;
        }
        Ok(taken_up)
    }

    /// Takes up what other web-apps and the command line leave.
    async fn take_over(self) {
        let mut tick = tokio::time::interval(self.0.config.lease / 3);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            match self.take_up_abandoned(true).await {
                Ok(0) => {}
                Ok(sessions) => tracing::info!(sessions, "Sessions that nobody drove are being finished"),
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "Sessions can't be looked through now"),
            }
        }
    }
}
