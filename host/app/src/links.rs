//! The links that other processes dial to this one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gatewright_connection_proxy::Agents;
use gatewright_control::ControlPlane;
use gatewright_core::{NodeId, NodeRole};
use gatewright_rpc::{Channel, Links, PendingStreams, RemoteAgent, RemoteProxy, RemoteStreams};

/// Takes links for the control plane: agents to be driven, connection proxies to be told.
pub(crate) struct ToControl {
    control: ControlPlane,
    newest: Newest,
}

impl ToControl {
    pub(crate) fn new(control: ControlPlane) -> Arc<Self> {
        Arc::new(Self {
            control,
            newest: Newest::default(),
        })
    }
}

impl Links for ToControl {
    fn linked(&self, channel: Channel) {
        let peer = channel.peer().clone();
        self.newest.is(&channel);
        if peer.has(NodeRole::Agent) {
            self.control.register_agent(peer.node, Arc::new(RemoteAgent(channel.clone())));
        }
        if peer.has(NodeRole::ConnectionProxy) {
            self.control.link_proxy(peer.node, Arc::new(RemoteProxy(channel)));
        }
    }

    fn gone(&self, channel: &Channel) {
        // An agent stays known: calls to it fail at once until it is back, and its sessions are still its own.
        if self.newest.was(channel) {
            self.control.unlink_proxy(channel.peer().node);
        }
    }
}

/// Takes links for a connection proxy: agents whose sessions it opens.
pub(crate) struct ToProxy {
    agents: Agents,
    pending: PendingStreams,
    newest: Newest,
}

impl ToProxy {
    pub(crate) fn new(agents: Agents, pending: PendingStreams) -> Arc<Self> {
        Arc::new(Self {
            agents,
            pending,
            newest: Newest::default(),
        })
    }
}

impl Links for ToProxy {
    fn linked(&self, channel: Channel) {
        self.newest.is(&channel);
        let node = channel.peer().node;
        self.agents
            .insert(node, Arc::new(RemoteStreams::new(channel, self.pending.clone())));
    }

    fn gone(&self, channel: &Channel) {
        if self.newest.was(channel) {
            self.agents.remove(channel.peer().node);
        }
    }
}

/// Which link of each node is its newest: an older one that ends takes nothing away.
#[derive(Default)]
struct Newest(Mutex<HashMap<NodeId, u64>>);

impl Newest {
    fn is(&self, channel: &Channel) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.insert(channel.peer().node, channel.number());
    }

    fn was(&self, channel: &Channel) -> bool {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let node = channel.peer().node;
        let held = newest.get(&node) == Some(&channel.number());
        if held {
            newest.remove(&node);
        }
        held
    }
}
