//! One change of a session at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gatewright_core::SessionId;
use tokio::sync::OwnedMutexGuard;

use crate::guard::ContainerId;

/// What is remembered of a session between two calls. All of it can be found out again after a restart.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Its container, where it was made or found.
    pub(crate) container: Option<ContainerId>,
}

/// A session's turn: whoever holds it is the only one who changes the session. Given in the order of asking.
///
/// It is held while engine and plugin are waited for; that is its purpose. Only the task that acts holds one, and that
/// task runs to its end even when its caller goes away, so that the next turn finds no half-done work.
pub(crate) type Turn = OwnedMutexGuard<Memory>;

/// The turns of all sessions.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<SessionId, Arc<tokio::sync::Mutex<Memory>>>>);

impl Turns {
    /// Waits for the session's turn. Cancel-safe: who goes away while waiting gives up the place.
    pub(crate) async fn take(&self, session: SessionId) -> Turn {
        let turn = Arc::clone(self.lock().entry(session).or_default());
        turn.lock_owned().await
    }

    /// Forgets a session that is gone, unless somebody waits for it.
    pub(crate) fn forget(&self, session: SessionId, turn: Turn) {
        let mut turns = self.lock();
        // One reference is the table's, one is `turn`'s.
        if turns.get(&session).is_some_and(|known| Arc::strong_count(known) <= 2) {
            turns.remove(&session);
        }
        drop(turn);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Arc<tokio::sync::Mutex<Memory>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[tokio::test]
    async fn turns_come_in_order_and_leave_nothing() {
        let turns = Arc::new(Turns::default());
        let session = SessionId::from_uuid(Uuid::now_v7());
        let first = turns.take(session).await;
        let second = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move { turns.take(session).await }
        });
        // Until the second waits, three hold a reference at most after it has asked.
        while Arc::strong_count(OwnedMutexGuard::mutex(&first)) < 3 {
            tokio::task::yield_now().await;
        }
        assert!(!second.is_finished());
        turns.forget(session, first);
        let second = second.await;
        assert!(second.is_ok());
        if let Ok(second) = second {
            turns.forget(session, second);
        }
        assert!(turns.lock().is_empty());
    }
}
