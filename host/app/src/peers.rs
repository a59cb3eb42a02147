//! What this process knows of the others: follows the deployment, keeps links, and tells an edge where requests go.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use gatewright_core::{NodeId, NodeIdentity, NodeRole, SessionId, ZoneId};
use gatewright_identity::TicketVerifier;
use gatewright_ports::Control;
use gatewright_ports::control::{Deployment, Peer};
use gatewright_rpc::{Dialer, Link, LinkServices, Place, Upstreams};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Between attempts to reach the control plane.
const RETRY: Duration = Duration::from_secs(1);

/// The others, as last heard of.
pub(crate) struct Peers {
    own: NodeIdentity,
    dialer: Dialer,
    tickets: TicketVerifier,
    /// What is served on links, and to whom they are kept.
    services: LinkServices,
    known: RwLock<Vec<Peer>>,
    links: Mutex<HashMap<(NodeId, String), CancellationToken>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Peers {
    /// Of the process `own`, which serves `services` on links to whom it may.
    pub(crate) fn new(
        own: NodeIdentity,
        dialer: Dialer,
        tickets: TicketVerifier,
        services: LinkServices,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            own,
            dialer,
            tickets,
            services,
            known: RwLock::default(),
            links: Mutex::default(),
            tasks: tasks.clone(),
            stop,
        })
    }

    /// Follows the deployment until `stop`. `heard` is called with each state of it.
    pub(crate) async fn follow(self: Arc<Self>, control: Arc<dyn Control>, heard: impl Fn(&Deployment) + Send) {
        let mut seq = 0;
        loop {
            let step = async {
                let deployment = control.deployment().await?;
                self.apply(&deployment);
                heard(&deployment);
                control.watch_settings(seq).await
            };
            match self.stop.run_until_cancelled(step).await {
                None => return,
                Some(Ok(reached)) => seq = reached,
                Some(Err(error)) => {
                    tracing::warn!(%error, "The deployment could not be read");
                    self.stop.run_until_cancelled(tokio::time::sleep(RETRY)).await;
                }
            }
        }
    }

    /// Takes over a state of the deployment.
    pub(crate) fn apply(&self, deployment: &Deployment) {
        self.dialer.members().set_removed(deployment.removed.clone());
        let keys: Vec<[u8; 32]> = deployment
            .ticket_keys
            .iter()
            .filter_map(|key| key.0.as_slice().try_into().ok())
            .collect();
        self.tickets.set_keys(&keys);
        self.keep_links(deployment);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = deployment.peers.clone();
    }

    fn wants_link(&self, peer: &NodeIdentity) -> bool {
        let LinkServices { agent, streams, proxy } = &self.services;
        peer.node != self.own.node
            && ((peer.has(NodeRole::WebApp) && (agent.is_some() || proxy.is_some()))
                || (peer.has(NodeRole::ConnectionProxy) && peer.zone == self.own.zone && streams.is_some()))
    }

    fn keep_links(&self, deployment: &Deployment) {
        let wanted: HashMap<(NodeId, String), ()> = deployment
            .peers
            .iter()
            .filter(|peer| self.wants_link(&peer.identity))
            .filter_map(|peer| Some(((peer.identity.node, peer.address.clone()?), ())))
            .collect();
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|key, stop| {
            let kept = wanted.contains_key(key);
            if !kept {
                stop.cancel();
            }
            kept
        });
        for key in wanted.into_keys() {
            links.entry(key).or_insert_with_key(|(node, address)| {
                let stop = self.stop.child_token();
                let link = Link {
                    dialer: self.dialer.clone(),
                    address: address.clone(),
                    node: *node,
                    services: self.services.clone(),
                    own: self.own.clone(),
                    tasks: self.tasks.clone(),
                };
                self.tasks.spawn(link.keep(stop.clone()));
                stop
            });
        }
    }
}

/// Where an edge's requests for one role go.
pub(crate) struct To(pub(crate) Arc<Peers>, pub(crate) NodeRole);

impl Upstreams for To {
    /// For a session only its own zone has a way to it. It always goes to the same node while that lives: the one with the
    /// highest hash of both, so that a node that comes or goes moves no session but its own. What concerns none goes to
    /// the edge's own zone first.
    fn places(&self, session: Option<(ZoneId, SessionId)>) -> Vec<Place> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut places: Vec<(bool, u64, Place)> = known
            .iter()
            .filter(|peer| peer.identity.has(self.1) && session.is_none_or(|(zone, _)| zone == peer.identity.zone))
            .filter_map(|peer| {
                let place = Place {
                    address: peer.address.clone()?,
                    node: peer.identity.node,
                };
                let mut hasher = DefaultHasher::new();
                (session.map(|(_, id)| id.as_uuid()), peer.identity.node.as_uuid()).hash(&mut hasher);
                Some((peer.identity.zone != self.0.own.zone, u64::MAX - hasher.finish(), place))
            })
            .collect();
        places.sort_by_key(|(far, hash, _)| (*far, *hash));
        places.into_iter().map(|(_, _, place)| place).collect()
    }
}
