//! What happened.

use gatewright_control::{ActivityQuery, EventKind, RuleAnswerView};
use gatewright_core::gate::{Gate, Outcome};
use gatewright_core::plugin::{Digest, PluginName};
use gatewright_core::{EventId, Reference, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::names::{EventKindName, GateName, OutcomeName};

/// What to show. Everything that is given must hold; an empty text is as good as none.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActivitySearch {
    /// At this gate.
    #[param(value_type = Option<GateName>)]
    gate: Option<String>,
    /// With this outcome.
    #[param(value_type = Option<OutcomeName>)]
    outcome: Option<String>,
    /// Of the person with this login name.
    user: Option<String>,
    /// With this reference, as the person was told it.
    reference: Option<String>,
    /// Verdicts or audit.
    #[param(value_type = Option<EventKindName>)]
    kind: Option<String>,
    /// Older than this one.
    #[param(minimum = 0)]
    before: Option<u64>,
    /// Items on the page, 200 at the most; 50 where nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

impl ActivitySearch {
    /// None where a parameter has a value that there is not: its name.
    pub(crate) fn query(&self) -> Result<ActivityQuery, &'static str> {
        fn read<T>(name: &'static str, text: Option<&String>, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, &'static str> {
            text.map(|text| text.trim())
                .filter(|text| !text.is_empty())
                .map(|text| parse(text).ok_or(name))
                .transpose()
        }
        let outcomes = [Outcome::Allowed, Outcome::Redacted, Outcome::Denied, Outcome::Failed];
        let outcome = |text: &str| outcomes.into_iter().find(|one| one.as_str() == text);
        let kind = |text: &str| match text {
            "verdict" => Some(EventKind::Verdict),
            "audit" => Some(EventKind::Audit),
            _ => None,
        };
        Ok(ActivityQuery {
            gate: read("gate", self.gate.as_ref(), Gate::parse)?,
            outcome: read("outcome", self.outcome.as_ref(), outcome)?,
            user_name: read("user", self.user.as_ref(), |text| Some(text.to_owned()))?,
            reference: read("reference", self.reference.as_ref(), |text| text.parse().ok())?,
            session: None,
            kind: read("kind", self.kind.as_ref(), kind)?,
            before: self.before,
            limit: self.limit.unwrap_or(50).clamp(1, 200),
        })
    }

    /// What was asked for, as the record of the reading remembers it. The page does not matter.
    pub(crate) fn words(&self) -> String {
        [
            ("gate", &self.gate),
            ("outcome", &self.outcome),
            ("user", &self.user),
            ("reference", &self.reference),
            ("kind", &self.kind),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().filter(|value| !value.trim().is_empty()).map(|value| (name, value)))
        .map(|(name, value)| format!("{name} {}", value.chars().filter(|c| !c.is_control()).take(64).collect::<String>()))
        .collect::<Vec<_>>()
        .join(", ")
    }
}

/// A page of Activity, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActivityPage {
    items: Vec<ActivityItem>,
    /// For the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_before: Option<u64>,
    chain: Chain,
}

/// Whether the record is as it was written.
#[derive(Debug, Serialize, ToSchema)]
struct Chain {
    intact: bool,
    /// How many of the newest events were checked for this answer.
    checked: u64,
}

/// A verdict, or something that an auditor asks about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActivityItem {
    seq: u64,
    #[schema(value_type = Uuid)]
    id: EventId,
    /// What the person was told to quote.
    #[schema(value_type = String)]
    reference: Reference,
    /// Microseconds since 1970.
    #[schema(value_type = i64)]
    at: Timestamp,
    user_name: String,
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    session_id: Option<SessionId>,
    workspace_name: String,
    /// The client's address; empty where the host itself acted.
    client: String,
    #[schema(value_type = EventKindName)]
    kind: EventKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<GateName>)]
    gate: Option<Gate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OutcomeName>)]
    outcome: Option<Outcome>,
    /// The sentence that the person read.
    message: String,
    rules: Vec<RuleAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    succeeded: Option<bool>,
}

/// What came to a gate, without its content.
#[derive(Debug, Serialize, ToSchema)]
struct Item {
    name: String,
    media_type: String,
    bytes: u64,
    /// SHA-256 of a file that was read to its end, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

/// How one rule answered.
#[derive(Debug, Serialize, ToSchema)]
struct RuleAnswer {
    rule_name: String,
    /// None for a rule that closes its gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    plugin: Option<PluginName>,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<String>,
    #[schema(value_type = OutcomeName)]
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    /// How long it took, in microseconds.
    micros: u64,
    config_revision: i64,
}

impl From<gatewright_control::ActivityPage> for ActivityPage {
    fn from(page: gatewright_control::ActivityPage) -> Self {
        Self {
            items: page.items.into_iter().map(Into::into).collect(),
            next_before: page.next_before,
            chain: Chain {
                intact: page.chain.intact,
                checked: page.chain.checked,
            },
        }
    }
}

impl From<gatewright_control::ActivityItem> for ActivityItem {
    fn from(view: gatewright_control::ActivityItem) -> Self {
        Self {
            seq: view.seq,
            id: view.id,
            reference: view.reference,
            at: view.at,
            user_name: view.user_name,
            groups: view.groups,
            session_id: view.session_id,
            workspace_name: view.workspace_name,
            client: view.client,
            kind: view.kind,
            gate: view.gate,
            item: view.item.map(|item| Item {
                name: item.name,
                media_type: item.media_type,
                bytes: item.bytes,
                sha256: item.sha256.map(|digest| digest.to_string()),
            }),
            outcome: view.outcome,
            message: view.message,
            rules: view.rules.into_iter().map(Into::into).collect(),
            action: view.action,
            object: view.object,
            detail: view.detail,
            succeeded: view.succeeded,
        }
    }
}

impl From<RuleAnswerView> for RuleAnswer {
    fn from(view: RuleAnswerView) -> Self {
        Self {
            rule_name: view.rule_name,
            plugin: view.plugin,
            version: view.version,
            digest: view.digest,
            check: view.check,
            outcome: view.outcome,
            failure: view.failure,
            micros: view.micros,
            config_revision: view.config_revision,
        }
    }
}
