//! Decisions and audit events: what Activity shows. Never content, only what it was and what became of it.

use serde::{Deserialize, Serialize};

use crate::gate::{Gate, Outcome};
use crate::plugin::{Digest, PluginName};
use crate::{EventId, Reference, RuleId, SessionId, Timestamp, UserId, WorkspaceId};

/// One event, as appended. The store adds the sequence number and the hash chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Chosen by whoever reports it, so that a repeated append changes nothing.
    pub id: EventId,
    /// What the person was told to quote.
    pub reference: Reference,
    /// When it happened, by the reporter's clock.
    pub at: Timestamp,
    /// The person, where there is one (a failed login has none).
    pub user: Option<UserId>,
    /// The person's login name at that time.
    pub user_name: String,
    /// The person's groups at that time.
    pub groups: Vec<String>,
    /// The session, where there is one.
    pub session: Option<SessionId>,
    /// The workspace, where there is one.
    pub workspace: Option<WorkspaceId>,
    /// The workspace's name at that time.
    pub workspace_name: String,
    /// The client's address as the edge saw it; empty when the host itself acted.
    pub client: String,
    /// What happened.
    pub what: What,
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum What {
    /// Something came to a gate.
    Verdict(VerdictRecord),
    /// Something was done that an auditor asks about.
    Audit(AuditRecord),
}

/// What came to a gate, which rules were asked, what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictRecord {
    /// Where.
    pub gate: Gate,
    /// What it was.
    pub item: Item,
    /// The rules in the order in which they were asked. Empty where the gate is closed for want of a rule.
    pub rules: Vec<RuleAnswer>,
    /// What became of it.
    pub outcome: Outcome,
    /// The sentence that the person read; empty when it passed unchanged.
    pub message: String,
}

/// What an item was, without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// `text`, or a file's name.
    pub name: String,
    /// The type found in the bytes: `text/plain` for clipboard text. Empty where nothing was read.
    pub media_type: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of a file's content, once it was read to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
}

/// How one rule answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleAnswer {
    /// The rule.
    pub rule: RuleId,
    /// Its name at that time.
    pub rule_name: String,
    /// The plugin that answered; none for a rule that closes the gate by itself.
    pub plugin: Option<PluginName>,
    /// The version, as its manifest gives it; empty where no version was active.
    pub version: String,
    /// The digest of that version.
    pub digest: Option<Digest>,
    /// The revision of the rule's configuration.
    pub config_revision: i64,
    /// The check that fired, where one did.
    pub check: Option<String>,
    /// What it said.
    pub outcome: Outcome,
    /// Why it failed, for administrators: the plugin's trap, a timeout, an undeclared reason.
    pub failure: Option<String>,
    /// How long the call took, in microseconds.
    pub micros: u64,
}

/// Something an auditor asks about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// A dotted name: `login.failed`, `plugin.activated`, `session.ended`.
    pub action: String,
    /// What it was done to, in words: `dlp-clipboard 0.2.0`.
    pub object: String,
    /// More, in words; never a secret.
    pub detail: String,
    /// Whether it was done.
    pub succeeded: bool,
}
