//! The edges that people can come in by.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gatewright_core::{NodeRole, ZoneId};

use crate::error::Internal;
use crate::plane::{ControlPlane, lock};

/// How old it may be: each page that is loaded names the others.
const FRESH: Duration = Duration::from_secs(5);

/// An edge, as people's pages know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeView {
    /// The name of its zone.
    pub zone: String,
    /// Where it is: an origin, `https://desk.example.org`.
    pub origin: String,
}

/// What was read.
#[derive(Default)]
pub(crate) struct KnownEdges {
    held: Mutex<Option<(Instant, Arc<[EdgeView]>)>>,
}

impl ControlPlane {
    /// The edges whose operators named a public address, by zone. Those that share one are one.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn edges(&self) -> Result<Arc<[EdgeView]>, Internal> {
        let fresh = lock(&self.0.known_edges.held)
            .as_ref()
            .filter(|(at, _)| at.elapsed() < FRESH)
            .map(|(_, edges)| Arc::clone(edges));
        if let Some(edges) = fresh {
            return Ok(edges);
        }
        let at = Instant::now();
        let zones: BTreeMap<ZoneId, String> = self.0.store.zones().await?.into_iter().map(|zone| (zone.id, zone.name)).collect();
        let members = self.0.store.members().await?.into_iter();
        let mut edges: Vec<EdgeView> = members
            .filter(|member| member.removed_at.is_none() && member.identity.has(NodeRole::DedicatedProxy))
            .filter_map(|member| {
                Some(EdgeView {
                    zone: zones.get(&member.identity.zone).cloned().unwrap_or_default(),
                    origin: member.public_url?,
                })
            })
            .collect();
        edges.sort_by(|one, other| (&one.zone, &one.origin).cmp(&(&other.zone, &other.origin)));
        edges.dedup_by(|one, other| one.origin == other.origin);
        let edges: Arc<[EdgeView]> = edges.into();
        *lock(&self.0.known_edges.held) = Some((at, Arc::clone(&edges)));
        Ok(edges)
    }

    /// The edges as they were read last, whenever that was: for where a page must not wait or fail for them.
    pub async fn edges_or_last(&self) -> Arc<[EdgeView]> {
        match self.edges().await {
            Ok(edges) => edges,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "The edges could not be read");
                let held = lock(&self.0.known_edges.held);
                held.as_ref().map(|(_, edges)| Arc::clone(edges)).unwrap_or_default()
            }
        }
    }
}
