//! The transfers under way, by session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use gatewright_core::SessionId;
use gatewright_gate::Spool;
use uuid::Uuid;

use crate::files::download::Download;
use crate::files::problem::Problem;
use crate::files::upload::Upload;

/// Transfers of one session at once, those included that have ended a moment ago.
const PER_SESSION: usize = 32;

/// One transfer.
#[derive(Clone)]
pub(crate) enum Transfer {
    Upload(Arc<Upload>),
    Download(Arc<Download>),
}

/// All transfers of this proxy.
pub(crate) struct Transfers {
    pub(crate) spool: Spool,
    all: Mutex<HashMap<(SessionId, Uuid), Transfer>>,
}

impl Transfers {
    pub(crate) fn new(spool: Spool) -> Self {
        Self {
            spool,
            all: Mutex::default(),
        }
    }

    /// Adds a transfer; it is found by what this gives.
    pub(crate) fn add(&self, session: SessionId, transfer: Transfer) -> Result<Uuid, Problem> {
        let mut all = self.all();
        if all.keys().filter(|(of, _)| *of == session).count() >= PER_SESSION {
            return Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-transfers",
                "Too many transfers at once. Wait until some are done.",
            ));
        }
        let id = Uuid::new_v4();
        all.insert((session, id), transfer);
        Ok(id)
    }

    pub(crate) fn remove(&self, session: SessionId, id: Uuid) {
        self.all().remove(&(session, id));
    }

    pub(crate) fn upload(&self, session: SessionId, id: Uuid) -> Option<Arc<Upload>> {
        match self.all().get(&(session, id)) {
            Some(Transfer::Upload(upload)) => Some(Arc::clone(upload)),
            _ => None,
        }
    }

    /// A download, which can be fetched once.
    pub(crate) fn take_download(&self, session: SessionId, id: Uuid) -> Option<Arc<Download>> {
        let mut all = self.all();
        match all.get(&(session, id)) {
            Some(Transfer::Download(_)) => match all.remove(&(session, id)) {
                Some(Transfer::Download(download)) => Some(download),
                _ => None,
            },
            _ => None,
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<(SessionId, Uuid), Transfer>> {
        // No code that holds it panics midway.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
