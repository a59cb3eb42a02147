//! The agents and proxies that the control plane can talk to.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use gatewright_core::session::EndReason;
use gatewright_core::{NodeId, NodeRole, SessionId, Timestamp, ZoneId};
use gatewright_ports::{AgentControl, ProxyControl};

use crate::error::Internal;
use crate::plane::ControlPlane;

/// How long a proxy may take to close a session's streams.
const TERMINATE_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

impl ControlPlane {
    /// Makes an agent known. Its node is compared with the database at once and from time to time.
    pub fn register_agent(&self, node: NodeId, agent: Arc<dyn AgentControl>) {
        let replaced = self.0.agents.write().unwrap_or_else(PoisonError::into_inner).insert(node, agent);
        self.0.agents_changed.send_modify(|count| *count += 1);
        if replaced.is_none() {
            self.spawn(self.clone().watch_node(node));
        }
    }

    /// Forgets an agent. Its node's sessions stay until it comes back.
    pub fn unregister_agent(&self, node: NodeId) {
        self.0.agents.write().unwrap_or_else(PoisonError::into_inner).remove(&node);
    }

    /// Makes a connection proxy known.
    pub fn register_proxy(&self, proxy: Arc<dyn ProxyControl>) {
        self.0.proxies.write().unwrap_or_else(PoisonError::into_inner).push(proxy);
    }

    /// Makes the connection proxy of another process known, in place of an earlier link to it.
    pub fn link_proxy(&self, node: NodeId, proxy: Arc<dyn ProxyControl>) {
        self.0
            .linked_proxies
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(node, proxy);
    }

    /// Forgets the connection proxy of another process.
    pub fn unlink_proxy(&self, node: NodeId) {
        self.0.linked_proxies.write().unwrap_or_else(PoisonError::into_inner).remove(&node);
    }

    /// Waits until a node has reported since `after` and can take sessions. The caller bounds the time. Cancel-safe.
    pub async fn wait_for_node(&self, node: NodeId, after: Timestamp) {
        const EVERY: std::time::Duration = std::time::Duration::from_millis(50);
        loop {
            match self.0.store.nodes().await {
                Ok(nodes) => {
                    if nodes
                        .iter()
                        .any(|known| known.id == node && known.seen_at >= after && known.degraded.is_none())
                    {
                        return;
                    }
                }
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "Nodes can't be read"),
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Every connection proxy that can be talked to now, this process's own and those of others.
    pub(crate) fn known_proxies(&self) -> Vec<Arc<dyn ProxyControl>> {
        let mut proxies = self.0.proxies.read().unwrap_or_else(PoisonError::into_inner).clone();
        let linked = self.0.linked_proxies.read().unwrap_or_else(PoisonError::into_inner);
        proxies.extend(linked.values().cloned());
        proxies
    }

    /// Every connection proxy that is a member of the deployment, with its zone; None for one without a link to this
    /// process, so that nobody here knows who is connected through it.
    pub(crate) async fn member_proxies(&self) -> Result<Vec<(ZoneId, Option<Arc<dyn ProxyControl>>)>, Internal> {
        let members = self.0.store.members().await?;
        let own = self.0.proxies.read().unwrap_or_else(PoisonError::into_inner);
        let linked = self.0.linked_proxies.read().unwrap_or_else(PoisonError::into_inner);
        let mut proxies: Vec<_> = own.iter().map(|proxy| (self.0.zone, Some(proxy.clone()))).collect();
        for member in members.into_iter().filter(|member| member.removed_at.is_none()) {
            let identity = member.identity;
            if identity.has(NodeRole::ConnectionProxy) && self.0.own_node.get() != Some(&identity.node) {
                proxies.push((identity.zone, linked.get(&identity.node).cloned()));
            }
        }
        Ok(proxies)
    }

    /// The nodes whose agents have a link.
    pub(crate) fn linked_agents(&self) -> HashSet<NodeId> {
        self.0
            .agents
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .copied()
            .collect()
    }

    pub(crate) fn agent(&self, node: NodeId) -> Option<Arc<dyn AgentControl>> {
        self.0.agents.read().unwrap_or_else(PoisonError::into_inner).get(&node).cloned()
    }

    /// Closes a session's streams on every proxy, as far as they answer in time.
    pub(crate) async fn terminate_streams(&self, session: SessionId, reason: &EndReason) {
        for proxy in self.known_proxies() {
            match tokio::time::timeout(TERMINATE_WITHIN, proxy.terminate(session, reason.clone())).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%session, error = &error as &dyn std::error::Error, "Proxy did not close a session's streams");
                }
                Err(_) => tracing::warn!(%session, "Proxy took too long to close a session's streams"),
            }
        }
    }
}
