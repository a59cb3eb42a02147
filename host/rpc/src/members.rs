//! Which nodes were removed: known everywhere, in force at once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use gatewright_core::NodeId;
use tokio::sync::watch;

use crate::socket::Cut;

/// Sockets held before those that are gone are looked for.
const SWEEP_AT_LEAST: usize = 64;

/// The nodes that were removed. Cheap to clone; all clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Members {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    removed: watch::Sender<BTreeSet<NodeId>>,
    sockets: Mutex<Sockets>,
}

#[derive(Debug, Default)]
struct Sockets {
    held: Vec<(NodeId, Cut)>,
    sweep_at: usize,
}

impl Members {
    /// Puts a new list in force: connections and streams of nodes on it are cut, and none are let in.
    pub fn set_removed(&self, removed: BTreeSet<NodeId>) {
        self.inner.removed.send_if_modified(|held| {
            let changed = *held != removed;
            *held = removed;
            changed
        });
        let removed = self.inner.removed.borrow().clone();
        let mut sockets = self.inner.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.held.retain(|(node, socket)| {
            let out = removed.contains(node);
            if out {
                socket.cut();
            }
            !out
        });
    }

    /// Whether a node was removed.
    #[must_use]
    pub fn is_removed(&self, node: NodeId) -> bool {
        self.inner.removed.borrow().contains(&node)
    }

    /// Waits until a node is removed. Cancel-safe.
    pub async fn removed(&self, node: NodeId) {
        let mut list = self.inner.removed.subscribe();
        // The sender lives in self: it can't be gone.
        if list.wait_for(|list| list.contains(&node)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Remembers a socket to a node, to be cut with it. False where the node is removed already.
    pub(crate) fn hold(&self, node: NodeId, socket: Cut) -> bool {
        let mut sockets = self.inner.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        if sockets.held.len() >= sockets.sweep_at {
            sockets.held.retain(|(_, socket)| !socket.is_gone());
            sockets.sweep_at = (sockets.held.len() * 2).max(SWEEP_AT_LEAST);
        }
        sockets.held.push((node, socket));
        // Looked at under the lock that a removal takes: one of the two sees the other.
        !self.is_removed(node)
    }
}
