//! Which rules stand on a gate, for one session.

use std::cmp::Ordering;

use gatewright_core::gate::Gate;
use gatewright_core::record::{Rule, RuleTarget};
use gatewright_ports::control::{Membership, PolicySnapshot, SessionContext};

/// The rules on a gate, or none at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Chain<'a> {
    /// Asked in this order. Each sees what the last one left; a denial ends it. Never empty.
    Rules(Vec<&'a Rule>),
    /// The gate is closed.
    Closed(ClosedWhy),
}

/// Why a gate is closed without any rule being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedWhy {
    /// No rule stands on it for this session.
    NoRule,
}

impl ClosedWhy {
    /// The words after the item in the message to the person.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoRule => "no rule allows this here",
        }
    }
}

/// The chain of `gate` for a session: the rules on everything, then on its zone (the floor, never loosened), then its
/// workspace's, then those of the person's lowest-numbered group that has one for this gate (equal numbers by name).
/// Within one target the positions decide.
#[must_use]
pub fn chain<'a>(snapshot: &'a PolicySnapshot, context: &SessionContext, gate: Gate) -> Chain<'a> {
    let on = |target: RuleTarget| rules_on(snapshot, gate, target);
    let mut rules = on(RuleTarget::Everything);
    rules.extend(on(RuleTarget::Zone(context.zone)));
    rules.extend(on(RuleTarget::Workspace(context.workspace)));
    let mut groups: Vec<&Membership> = context.groups.iter().collect();
    groups.sort_by(|a, b| by_precedence(a, b));
    if let Some(deciding) = groups
        .into_iter()
        .map(|group| on(RuleTarget::Group(group.id)))
        .find(|rules| !rules.is_empty())
    {
        rules.extend(deciding);
    }
    if rules.is_empty() {
        Chain::Closed(ClosedWhy::NoRule)
    } else {
        Chain::Rules(rules)
    }
}

fn rules_on(snapshot: &PolicySnapshot, gate: Gate, target: RuleTarget) -> Vec<&Rule> {
    let mut rules: Vec<&Rule> = snapshot
        .rules
        .iter()
        .filter(|rule| rule.enabled && rule.gate == gate && rule.target == target)
        .collect();
    // A snapshot has no order; equal positions must not change places from one verdict to the next.
    rules.sort_by_key(|rule| (rule.position, rule.id));
    rules
}

fn by_precedence(a: &Membership, b: &Membership) -> Ordering {
    (a.priority, &a.name, a.id).cmp(&(b.priority, &b.name, b.id))
}

#[cfg(test)]
mod tests;
