//! How many instances there may be at once: of each budget, and of each session within one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gatewright_core::SessionId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{self, Budget};

type SessionKey = (SessionId, Budget);

/// The budgets of a host.
pub(crate) struct Permits {
    kinds: Vec<(Budget, Arc<Semaphore>)>,
    sessions: Mutex<HashMap<SessionKey, Arc<Semaphore>>>,
}

/// The right to one instance, given back when dropped.
pub(crate) struct Permit {
    _session: Option<SessionPermit>,
    _kind: OwnedSemaphorePermit,
}

struct SessionPermit {
    permits: Arc<Permits>,
    key: SessionKey,
    permit: Option<OwnedSemaphorePermit>,
}

impl Permits {
    pub(crate) fn new() -> Self {
        Self {
            kinds: limits::BUDGETS
                .into_iter()
                .map(|budget| (budget, Arc::new(Semaphore::new(limits::instances(budget)))))
                .collect(),
            sessions: Mutex::default(),
        }
    }

    /// Waits for a free instance; the caller bounds the wait. First the session's own budget, so that a session which
    /// stalls its calls queues behind itself and not before others. None: the host is gone.
    pub(crate) async fn acquire(self: &Arc<Self>, budget: Budget, session: Option<SessionId>) -> Option<Permit> {
        let session = match session {
            None => None,
            Some(session) => Some(self.acquire_session((session, budget)).await?),
        };
        let (_, semaphore) = self.kinds.iter().find(|(b, _)| *b == budget)?;
        let kind = Arc::clone(semaphore).acquire_owned().await.ok()?;
        Some(Permit {
            _session: session,
            _kind: kind,
        })
    }

    async fn acquire_session(self: &Arc<Self>, key: SessionKey) -> Option<SessionPermit> {
        // Made before waiting, so that a caller who gives up cleans up too.
        let mut held = SessionPermit {
            permits: Arc::clone(self),
            key,
            permit: None,
        };
        let semaphore = {
            let mut sessions = self.lock();
            let entry = sessions
                .entry(key)
                .or_insert_with(|| Arc::new(Semaphore::new(limits::INSTANCES_PER_SESSION)));
            Arc::clone(entry)
        };
        held.permit = Some(semaphore.acquire_owned().await.ok()?);
        Some(held)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionKey, Arc<Semaphore>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SessionPermit {
    fn drop(&mut self) {
        self.permit = None;
        let mut sessions = self.permits.lock();
        // Whoever waits or holds has an Arc of its own.
        if sessions.get(&self.key).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            sessions.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use futures_util::FutureExt;
    use gatewright_core::plugin::PluginKind;

    const DLP: Budget = Budget::Kind(PluginKind::Dlp);
    const RUNTIME: Budget = Budget::Kind(PluginKind::Runtime);

    fn session(n: u128) -> SessionId {
        uuid(n).parse().unwrap()
    }

    fn uuid(n: u128) -> String {
        format!("00000000-0000-7000-8000-{n:012x}")
    }

    #[test]
    fn a_session_can_take_its_own_share_only() {
        let permits = Arc::new(Permits::new());
        let take = |n| permits.acquire(DLP, Some(session(n))).now_or_never();
        let mut held: Vec<_> = (0..limits::INSTANCES_PER_SESSION).map(|_| take(1).unwrap().unwrap()).collect();
        assert!(take(1).is_none(), "over its share");
        assert!(take(2).is_some(), "another session is not affected");
        held.pop();
        held.push(take(1).unwrap().unwrap());
        drop(held);
        assert!(permits.lock().is_empty(), "idle sessions are forgotten");
    }

    #[test]
    fn budgets_do_not_share() {
        let permits = Arc::new(Permits::new());
        let take = |budget| permits.acquire(budget, None).now_or_never();
        let held: Vec<_> = (0..limits::instances(Budget::Files))
            .map(|_| take(Budget::Files).unwrap().unwrap())
            .collect();
        assert!(take(Budget::Files).is_none());
        assert!(take(DLP).is_some(), "files do not starve the clipboard");
        assert!(take(RUNTIME).is_some());
        drop(held);
        assert!(take(Budget::Files).is_some());
    }
}
