//! The agents that this proxy reaches.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use gatewright_core::NodeId;
use gatewright_ports::SessionStreams;

/// The agents by node; they come and go. Cheap to clone; all clones are the same one.
#[derive(Clone, Default)]
pub struct Agents(Arc<RwLock<HashMap<NodeId, Arc<dyn SessionStreams>>>>);

impl Agents {
    /// Makes an agent known, in place of an earlier way to it.
    pub fn insert(&self, node: NodeId, agent: Arc<dyn SessionStreams>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(node, agent);
    }

    /// Forgets an agent.
    pub fn remove(&self, node: NodeId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&node);
    }

    pub(crate) fn get(&self, node: NodeId) -> Option<Arc<dyn SessionStreams>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&node).cloned()
    }
}
