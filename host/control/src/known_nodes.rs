//! The nodes as placement goes by them: read once a second, with what was promised on them since.
//!
//! Nothing is decided by it alone: the room that a launch takes is counted in the database. Where it leaves no node, it is
//! read anew before a person is told so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gatewright_core::capacity::{Headroom, Resources};
use gatewright_core::record::Node;
use gatewright_core::{NodeId, Timestamp};

use crate::error::Internal;
use crate::plane::{ControlPlane, lock};

/// What this process promised on each node.
type Promised = HashMap<NodeId, Vec<Resources>>;

/// How old it may be.
const FRESH: Duration = Duration::from_secs(1);

/// What was read.
#[derive(Default)]
pub(crate) struct KnownNodes {
    held: Mutex<Option<Held>>,
    /// Who reads; the others wait for what it finds.
    reading: tokio::sync::Mutex<()>,
}

struct Held {
    at: Instant,
    nodes: Arc<Vec<Node>>,
    /// What this process promised since.
    promised: Promised,
}

/// The nodes at one moment.
pub(crate) struct Nodes {
    nodes: Arc<Vec<Node>>,
    promised: Promised,
    heard: HashMap<NodeId, Timestamp>,
}

impl Nodes {
    /// All of them, by name.
    pub(crate) fn all(&self) -> &[Node] {
        &self.nodes
    }

    /// What is left on a node.
    pub(crate) fn headroom(&self, node: &Node) -> Headroom {
        let promised = self.promised.get(&node.id).map(Vec::as_slice).unwrap_or_default();
        promised.iter().fold(node.headroom, Headroom::without)
    }

    /// When a node was last heard of.
    pub(crate) fn seen_at(&self, node: &Node) -> Timestamp {
        self.heard.get(&node.id).copied().unwrap_or(node.seen_at).max(node.seen_at)
    }
}

impl KnownNodes {
    fn fresh(&self) -> Option<(Arc<Vec<Node>>, Promised)> {
        let held = lock(&self.held);
        let held = held.as_ref().filter(|held| held.at.elapsed() < FRESH)?;
        Some((Arc::clone(&held.nodes), held.promised.clone()))
    }
}

impl ControlPlane {
    /// The nodes, as they were a moment ago.
    pub(crate) async fn nodes(&self) -> Result<Nodes, Internal> {
        let known = &self.0.known_nodes;
        let (nodes, promised) = match known.fresh() {
            Some(fresh) => fresh,
            None => {
                let _reading = known.reading.lock().await;
                match known.fresh() {
                    Some(fresh) => fresh,
                    None => {
                        let at = Instant::now();
                        let nodes = Arc::new(self.0.store.nodes().await?);
                        *lock(&known.held) = Some(Held {
                            at,
                            nodes: Arc::clone(&nodes),
                            promised: HashMap::new(),
                        });
                        (nodes, HashMap::new())
                    }
                }
            }
        };
        let heard = self.0.heartbeats.unwritten();
        Ok(Nodes { nodes, promised, heard })
    }

    /// Something is known to be different: the next to ask reads anew.
    pub(crate) fn forget_nodes(&self) {
        *lock(&self.0.known_nodes.held) = None;
    }

    /// Room was taken.
    pub(crate) fn promised(&self, node: NodeId, resources: Resources) {
        if let Some(held) = lock(&self.0.known_nodes.held).as_mut() {
            held.promised.entry(node).or_default().push(resources);
        }
    }
}
