//! Who calls, and whether they may.

use gatewright_core::{NodeId, NodeIdentity, ZoneId};

use crate::method::{Method, Scope};

/// Whoever is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Showed no certificate.
    Stranger,
    /// Showed this one.
    Node(NodeIdentity),
}

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Nothing in particular.
    All,
    /// A node.
    Node(NodeId),
    /// Something in a zone.
    Zone(ZoneId),
}

/// The caller may not do this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not allowed to this caller")]
pub struct Denied;

impl Caller {
    /// Looks it up in the table. The one place where it is decided.
    ///
    /// # Errors
    /// [`Denied`], logged: a node of ours does not ask for what it may not have.
    pub fn may(&self, method: Method, about: About) -> Result<(), Denied> {
        let allowed = self.allowed(method, about);
        if !allowed {
            tracing::warn!(caller = ?self, ?method, ?about, "A call was refused: the caller's certificate does not allow it");
        }
        allowed.then_some(()).ok_or(Denied)
    }

    fn allowed(&self, method: Method, about: About) -> bool {
        let entry = method.entry();
        let node = match self {
            Self::Stranger => return entry.scope == Scope::Stranger,
            Self::Node(node) => node,
        };
        if !entry.callers.iter().any(|role| node.has(*role)) {
            return false;
        }
        match (entry.scope, about) {
            (Scope::Stranger | Scope::Deployment, _) => true,
            (Scope::Zone, About::Zone(zone)) => zone == node.zone,
            (Scope::Own, About::Node(id)) => id == node.node,
            // What is limited to a zone or a node, and asked for without one, is not to be had.
            (Scope::Zone | Scope::Own, _) => false,
        }
    }

    /// Whether the caller has one of the roles at all: known before the body is read.
    #[must_use]
    pub fn may_call(&self, method: Method) -> bool {
        let entry = method.entry();
        match self {
            Self::Stranger => entry.scope == Scope::Stranger,
            Self::Node(node) => entry.callers.iter().any(|role| node.has(*role)),
        }
    }
}
