#![expect(clippy::unwrap_used, reason = "tests")]
use expect_test::{Expect, expect};
use gatewright_core::record::RuleEffect;
use gatewright_core::session::SessionState;
use gatewright_core::{GroupId, NodeId, RuleId, SessionId, UserId, WorkspaceId, ZoneId};

use super::*;

fn uuid(digits: u32) -> uuid::Uuid {
    uuid::Uuid::from_u128(digits.into())
}

const HERE: u32 = 1;
const ELSEWHERE: u32 = 2;

/// `everything`, `zone`, `other-zone`, `workspace`, `other-workspace`, or `group N`.
fn target(text: &str) -> RuleTarget {
    match text {
        "everything" => RuleTarget::Everything,
        "zone" => RuleTarget::Zone(ZoneId::from_uuid(uuid(HERE))),
        "other-zone" => RuleTarget::Zone(ZoneId::from_uuid(uuid(ELSEWHERE))),
        "workspace" => RuleTarget::Workspace(WorkspaceId::from_uuid(uuid(HERE))),
        "other-workspace" => RuleTarget::Workspace(WorkspaceId::from_uuid(uuid(ELSEWHERE))),
        group => RuleTarget::Group(GroupId::from_uuid(uuid(group.strip_prefix("group ").unwrap().parse().unwrap()))),
    }
}

/// `(target, position, gate)`; a rule is named for the three.
fn snapshot(rules: &[(&str, i32, Gate)]) -> PolicySnapshot {
    let rules = rules
        .iter()
        .zip(1..)
        .map(|((on, position, gate), id)| Rule {
            id: RuleId::from_uuid(uuid(id)),
            name: format!("{on}#{position} {}", gate.as_str()),
            gate: *gate,
            target: target(on),
            position: *position,
            effect: RuleEffect::Close,
            config_revision: 1,
            enabled: true,
            example: false,
        })
        .collect();
    PolicySnapshot {
        rules,
        ..PolicySnapshot::default()
    }
}

/// A session of a person in groups `(id, name, priority)`.
fn session(groups: &[(u32, &str, i32)]) -> SessionContext {
    SessionContext {
        session: SessionId::from_uuid(uuid(HERE)),
        user: UserId::from_uuid(uuid(HERE)),
        user_name: "demo".into(),
        groups: groups
            .iter()
            .map(|(id, name, priority)| Membership {
                id: GroupId::from_uuid(uuid(*id)),
                name: (*name).into(),
                priority: *priority,
            })
            .collect(),
        workspace: WorkspaceId::from_uuid(uuid(HERE)),
        workspace_name: "Terminal".into(),
        zone: ZoneId::from_uuid(uuid(HERE)),
        node: NodeId::from_uuid(uuid(HERE)),
        state: SessionState::Ready,
        paused: false,
        end: None,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as expect-test writes it")]
fn check(rules: &[(&str, i32, Gate)], groups: &[(u32, &str, i32)], expected: Expect) {
    let context = session(groups);
    let words = |snapshot: &PolicySnapshot| match chain(snapshot, &context, Gate::CopyOut) {
        Chain::Closed(why) => format!("closed: {}", why.text()),
        Chain::Rules(rules) => rules.iter().map(|rule| rule.name.clone()).collect::<Vec<_>>().join(" > "),
    };
    let mut snapshot = snapshot(rules);
    let found = words(&snapshot);
    expected.assert_eq(&found);
    // "In no order": the same rules backwards are the same chain.
    snapshot.rules.reverse();
    assert_eq!(words(&snapshot), found, "the snapshot's order leaks");
}

use Gate::{CopyIn, CopyOut};

#[test]
fn a_gate_without_a_rule_is_closed() {
    check(&[], &[(10, "all-users", 1000)], expect!["closed: no rule allows this here"]);
    check(
        &[
            ("everything", 1, CopyIn),
            ("group 10", 1, CopyIn),
            ("other-zone", 1, CopyOut),
            ("other-workspace", 1, CopyOut),
            ("group 99", 1, CopyOut),
        ],
        &[(10, "all-users", 1000)],
        expect!["closed: no rule allows this here"],
    );
}

#[test]
fn the_floor_comes_first_then_the_workspace_then_the_group() {
    check(
        &[
            ("group 10", 1, CopyOut),
            ("workspace", 1, CopyOut),
            ("zone", 1, CopyOut),
            ("everything", 9, CopyOut),
        ],
        &[(10, "all-users", 1000)],
        expect!["everything#9 copy-out > zone#1 copy-out > workspace#1 copy-out > group 10#1 copy-out"],
    );
}

#[test]
fn only_the_lowest_numbered_group_that_has_a_rule_here_decides() {
    let rules = &[("group 10", 1, CopyOut), ("group 20", 1, CopyOut), ("group 30", 1, CopyIn)];
    let all = (10, "all-users", 1000);
    let sales = (20, "Sales", 100);
    let without_a_rule_here = (30, "Board", 1);
    check(rules, &[all, sales], expect!["group 20#1 copy-out"]);
    check(rules, &[sales, all], expect!["group 20#1 copy-out"]);
    check(rules, &[all, sales, without_a_rule_here], expect!["group 20#1 copy-out"]);
    check(rules, &[all], expect!["group 10#1 copy-out"]);
    check(rules, &[without_a_rule_here], expect!["closed: no rule allows this here"]);
    check(rules, &[], expect!["closed: no rule allows this here"]);
}

#[test]
fn groups_of_equal_number_go_by_name() {
    let rules = &[("group 10", 1, CopyOut), ("group 20", 1, CopyOut)];
    check(rules, &[(10, "beta", 5), (20, "alpha", 5)], expect!["group 20#1 copy-out"]);
    check(rules, &[(10, "beta", -5), (20, "alpha", 5)], expect!["group 10#1 copy-out"]);
}

#[test]
fn positions_order_inside_one_target() {
    check(
        &[
            ("group 10", 3, CopyOut),
            ("group 10", -1, CopyOut),
            ("group 10", 2, CopyOut),
            ("everything", 7, CopyOut),
        ],
        &[(10, "all-users", 1000)],
        expect!["everything#7 copy-out > group 10#-1 copy-out > group 10#2 copy-out > group 10#3 copy-out"],
    );
}

#[test]
fn a_disabled_rule_takes_no_part() {
    let mut snapshot = snapshot(&[("group 20", 1, CopyOut), ("group 10", 1, CopyOut)]);
    let context = session(&[(10, "all-users", 1000), (20, "Sales", 100)]);
    let names = |snapshot: &PolicySnapshot| match chain(snapshot, &context, CopyOut) {
        Chain::Closed(_) => Vec::new(),
        Chain::Rules(rules) => rules.iter().map(|rule| rule.name.clone()).collect(),
    };
    assert_eq!(names(&snapshot), ["group 20#1 copy-out"]);
    snapshot.rules.first_mut().unwrap().enabled = false;
    assert_eq!(names(&snapshot), ["group 10#1 copy-out"]);
}
