//! Nodes as administrators add, see and remove them. What needs the database alone is shared with the command line, which
//! works beside a running web-app.

use std::collections::BTreeMap;
use std::time::SystemTime;

use gatewright_core::record::Node;
use gatewright_core::session::EndReason;
use gatewright_core::{NodeId, NodeIdentity, NodeRole, SessionId, Timestamp, ZoneId};
use gatewright_database::{JoinTokenRecord, MemberRecord, Store, StoreError};
use gatewright_identity::{Fingerprint, InternalCaError, JoinToken};

use crate::actor::Actor;
use crate::error::Internal;
use crate::nodes::{AUTHORITY, JoinTokenWish, LONGEST, NAME, NodeError, zone_named};
use crate::plane::{ControlPlane, about_session, audit};
use crate::views::{NodeCapacityView, NodeStateView, NodeView};

/// Why a node was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveNodeError {
    /// There is none, or none any more.
    #[error("no such node")]
    NotFound,
    /// It is the process that was asked.
    #[error("this is the process that was asked to do it")]
    Own,
    /// Something of ours.
    #[error("node can't be removed")]
    Internal(#[from] Internal),
}

impl From<StoreError> for RemoveNodeError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

/// Makes a join token, recorded as done by `by`.
///
/// # Errors
/// [`NodeError`].
async fn node_token(store: &Store, wish: &JoinTokenWish, by: &Actor, now: SystemTime) -> Result<JoinToken, NodeError> {
    if wish.roles.is_empty()
        || wish.uses == 0
        || wish.lifetime.is_zero()
        || wish.lifetime > LONGEST
        || wish.zone.trim().is_empty()
        || wish.zone.len() > NAME
    {
        return Err(NodeError::Wish);
    }
    let certificate = store.setting(AUTHORITY).await?.ok_or(NodeError::NoAuthority)?;
    let fingerprint = Fingerprint::of_pem(&certificate).ok_or(InternalCaError::Damaged)?;
    let token = JoinToken::generate(fingerprint).ok_or(NodeError::Random)?;
    let at = Timestamp::from(now);
    let zone = zone_named(store, wish.zone.trim()).await?;
    let record = JoinTokenRecord {
        hash: token.hash(),
        roles: wish.roles.clone(),
        zone,
        uses: wish.uses,
        expires_at: at.plus(wish.lifetime),
        created_by: by.name.clone(),
    };
    let roles: Vec<&str> = wish.roles.iter().map(|role| role.as_str()).collect();
    let mut write = store.begin().await?;
    write.insert_join_token(&record, at).await?;
    write
        .append_event(&audit(
            by,
            "node.token",
            format!("zone {}", wish.zone.trim()),
            roles.join(", "),
            true,
            at,
        ))
        .await?;
    write.commit().await?;
    Ok(token)
}

/// Makes a join token. What is to be run on the new machine, a command a line: shown once, since the token is in it.
///
/// # Errors
/// [`NodeError`].
pub async fn join_commands(store: &Store, wish: &JoinTokenWish, by: &Actor, now: SystemTime) -> Result<String, NodeError> {
    let members = store.members().await?;
    let web_apps: Vec<String> = members
        .into_iter()
        .filter(|member| member.removed_at.is_none() && member.identity.has(NodeRole::WebApp))
        .filter_map(|member| member.address)
        .collect();
    if web_apps.is_empty() {
        return Err(NodeError::NoListener);
    }
    let token = node_token(store, wish, by, now).await?;
    Ok(format!(
        "gatewright join --web-app {} --token {}\ngatewright serve",
        web_apps.join(","),
        token.text()
    ))
}

/// Removes a node: its certificate is worth nothing from now on, and its sessions end. Nobody can reach them any more.
/// The sessions that are to be driven to their end; none where there is no such node.
///
/// # Errors
/// [`StoreError`].
pub async fn remove_node(store: &Store, node: NodeId, by: &Actor, now: SystemTime) -> Result<Option<Vec<SessionId>>, StoreError> {
    let at = Timestamp::from(now);
    let sessions = store.open_sessions().await?;
    let mut write = store.begin().await?;
    if !write.remove_member(node, at).await? {
        return Ok(None);
    }
    write
        .append_event(&audit(by, "node.removed", format!("node {node}"), "", true, at))
        .await?;
    let reason = EndReason::NodeRemoved;
    let mut ending = Vec::new();
    for record in sessions.iter().filter(|record| record.session.node == Some(node)) {
        let id = record.session.id;
        if write.begin_ending(id, &reason, at, "").await? {
            let event = audit(by, "session.ending", format!("session {id}"), reason.text(), true, at);
            write.append_event(&about_session(event, record)).await?;
        }
        ending.push(id);
    }
    write.commit().await?;
    Ok(Some(ending))
}

impl ControlPlane {
    /// Makes a join token, recorded as done by `by`.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn add_node(&self, wish: &JoinTokenWish, by: &Actor) -> Result<JoinToken, NodeError> {
        node_token(&self.0.store, wish, by, self.system_now()).await
    }

    /// Makes a join token, recorded as done by `by`. What is to be run on the new machine.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn join_commands(&self, wish: &JoinTokenWish, by: &Actor) -> Result<String, NodeError> {
        join_commands(&self.0.store, wish, by, self.system_now()).await
    }

    /// Removes a node, and ends its sessions.
    ///
    /// # Errors
    /// [`RemoveNodeError`].
    pub async fn remove_node(&self, node: NodeId, by: &Actor) -> Result<(), RemoveNodeError> {
        if self.0.own_node.get() == Some(&node) {
            return Err(RemoveNodeError::Own);
        }
        let ending = remove_node(&self.0.store, node, by, self.system_now()).await?;
        let ending = ending.ok_or(RemoveNodeError::NotFound)?;
        self.unregister_agent(node);
        self.unlink_proxy(node);
        // Whoever waits for this agent looks again.
        self.0.agents_changed.send_modify(|count| *count += 1);
        for id in ending {
            self.drive(id);
        }
        Ok(())
    }

    /// Whether a node was removed: nothing on it can be reached any more.
    pub(crate) async fn is_removed(&self, node: NodeId) -> Result<bool, StoreError> {
        Ok(self.0.store.member(node).await?.is_some_and(|member| member.removed_at.is_some()))
    }

    /// All nodes by name, removed ones too. A deployment of one process has one, which never joined.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn node_views(&self) -> Result<Vec<NodeView>, Internal> {
        let zones: BTreeMap<ZoneId, String> = self.0.store.zones().await?.into_iter().map(|zone| (zone.id, zone.name)).collect();
        let mut agents: BTreeMap<NodeId, Node> = self.0.store.nodes().await?.into_iter().map(|node| (node.id, node)).collect();
        let mut views: Vec<NodeView> = Vec::new();
        for member in self.0.store.members().await? {
            let agent = agents.remove(&member.identity.node);
            views.push(self.node_view(&zones, member, agent));
        }
        for agent in agents.into_values() {
            // It runs in this very process: it joined nobody.
            let alone = MemberRecord {
                identity: NodeIdentity {
                    node: agent.id,
                    zone: agent.zone,
                    roles: NodeRole::ALL.into(),
                },
                name: agent.name.clone(),
                address: None,
                public_url: None,
                ticket_key: None,
                joined_at: agent.seen_at,
                removed_at: None,
            };
            views.push(NodeView {
                joined_at: None,
                own: true,
                ..self.node_view(&zones, alone, Some(agent))
            });
        }
        views.sort_by(|one, other| (one.removed_at.is_some(), &one.name).cmp(&(other.removed_at.is_some(), &other.name)));
        Ok(views)
    }

    fn node_view(&self, zones: &BTreeMap<ZoneId, String>, member: MemberRecord, agent: Option<Node>) -> NodeView {
        let silent = |node: &Node| self.now().since(node.seen_at) > self.0.config.node_timeout;
        let is_agent = member.identity.has(NodeRole::Agent);
        let state = match &agent {
            _ if member.removed_at.is_some() => NodeStateView::Removed,
            Some(node) if silent(node) => NodeStateView::Silent,
            Some(node) if node.degraded.is_some() => NodeStateView::Degraded,
            Some(_) => NodeStateView::Ready,
            // Its agent has not said anything yet.
            None if is_agent => NodeStateView::Silent,
            None => NodeStateView::Ready,
        };
        NodeView {
            id: member.identity.node,
            name: member.name,
            roles: member.identity.roles,
            zone: zones.get(&member.identity.zone).cloned().unwrap_or_default(),
            state,
            degraded: agent.as_ref().and_then(|node| node.degraded.clone()),
            address: member.address,
            public_url: member.public_url,
            own: self.0.own_node.get() == Some(&member.identity.node),
            seen_at: agent.as_ref().map(|node| node.seen_at),
            joined_at: Some(member.joined_at),
            removed_at: member.removed_at,
            engine: agent.as_ref().map(|node| node.engine.clone()),
            runtime: agent.as_ref().map(|node| node.runtime.clone()),
            devices: agent.as_ref().map(|node| node.devices.clone()).unwrap_or_default(),
            capacity: agent.map(|node| NodeCapacityView {
                total: node.allocatable,
                left: node.headroom,
            }),
        }
    }
}
