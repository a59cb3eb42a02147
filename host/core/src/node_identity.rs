//! What a process of a deployment is: which node, in which zone, with which roles. Certificates carry it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{NodeId, ZoneId};

/// What a process does for the deployment. Processes call it a role; the pages call it a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeRole {
    /// Control plane: pages, REST API, saga.
    WebApp,
    /// Runs workspaces on one machine.
    Agent,
    /// Carries sessions through the gates.
    ConnectionProxy,
    /// The edge: owns the public HTTPS port.
    DedicatedProxy,
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such role: the roles are web-app, agent, connection-proxy and dedicated-proxy")]
pub struct UnknownRole;

impl NodeRole {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::WebApp, Self::Agent, Self::ConnectionProxy, Self::DedicatedProxy];

    /// As configuration, certificates and command line have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebApp => "web-app",
            Self::Agent => "agent",
            Self::ConnectionProxy => "connection-proxy",
            Self::DedicatedProxy => "dedicated-proxy",
        }
    }
}

impl fmt::Display for NodeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for NodeRole {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// Who a process is to the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeIdentity {
    /// Its id, fixed when it joined.
    pub node: NodeId,
    /// Its zone, fixed when it joined.
    pub zone: ZoneId,
    /// What it may do; never empty.
    pub roles: BTreeSet<NodeRole>,
}

/// Names that are no identity of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("certificate does not name a node of this product")]
pub struct NotANode;

const SCHEME: &str = "gatewright://";

impl NodeIdentity {
    /// Whether it has the role.
    #[must_use]
    pub fn has(&self, role: NodeRole) -> bool {
        self.roles.contains(&role)
    }

    /// Its names in a certificate, one for each role: `gatewright://zone/<id>/node/<id>/role/<role>`.
    #[must_use]
    pub fn uris(&self) -> Vec<String> {
        self.roles
            .iter()
            .map(|role| format!("{SCHEME}zone/{}/node/{}/role/{role}", self.zone, self.node))
            .collect()
    }

    /// Reads the names of a certificate. Strict: each of them is one of ours in its one spelling, all name the same node
    /// and zone, and no role comes twice.
    ///
    /// # Errors
    /// [`NotANode`].
    pub fn from_uris<'a>(uris: impl IntoIterator<Item = &'a str>) -> Result<Self, NotANode> {
        let mut found: Option<Self> = None;
        for uri in uris {
            let (zone, node, role) = parse(uri).ok_or(NotANode)?;
            let identity = found.get_or_insert_with(|| Self {
                node,
                zone,
                roles: BTreeSet::new(),
            });
            if identity.node != node || identity.zone != zone || !identity.roles.insert(role) {
                return Err(NotANode);
            }
        }
        found.ok_or(NotANode)
    }
}

fn parse(uri: &str) -> Option<(ZoneId, NodeId, NodeRole)> {
    let rest = uri.strip_prefix(SCHEME)?.strip_prefix("zone/")?;
    let (zone_text, rest) = rest.split_once("/node/")?;
    let (node_text, role) = rest.split_once("/role/")?;
    let zone: ZoneId = zone_text.parse().ok()?;
    let node: NodeId = node_text.parse().ok()?;
    // A UUID has other spellings too; what was compared as text elsewhere must be the same here.
    (zone.to_string() == zone_text && node.to_string() == node_text).then_some(())?;
    Some((zone, node, role.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use uuid::Uuid;

    fn identity(roles: &[NodeRole]) -> NodeIdentity {
        NodeIdentity {
            node: NodeId::from_uuid(Uuid::from_u128(1)),
            zone: ZoneId::from_uuid(Uuid::from_u128(2)),
            roles: roles.iter().copied().collect(),
        }
    }

    #[test]
    fn reads_what_it_writes() {
        for roles in [&NodeRole::ALL[..], &[NodeRole::Agent]] {
            let identity = identity(roles);
            let uris = identity.uris();
            assert_eq!(NodeIdentity::from_uris(uris.iter().map(String::as_str)).unwrap(), identity);
        }
    }

    #[test]
    fn other_names_are_nobody() {
        let good = identity(&[NodeRole::Agent]).uris().remove(0);
        let other = good.replace("000000000001", "000000000003");
        for uris in [
            vec![],
            vec!["https://example.org/"],
            vec![good.as_str(), good.as_str()],
            vec![good.as_str(), other.as_str()],
            vec![good.as_str(), "gatewright://"],
            vec![&good.replace("agent", "admin")],
            vec![&good.replace("agent", "agent/")],
            vec![&good.replace("0000-0000", "00000000")],
            vec![&good.to_uppercase()],
        ] {
            assert_eq!(NodeIdentity::from_uris(uris.iter().copied()), Err(NotANode), "{uris:?}");
        }
    }
}
