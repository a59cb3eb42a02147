//! Plugins and their versions.

use gatewright_control::{ImpactView, PluginView, RuleUse, VerdictCounts, VersionView};
use gatewright_core::gate::Gate;
use gatewright_core::plugin::{Digest, PluginKind, PluginName};
use gatewright_core::{RuleId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::activity::ActivityItem;
use super::names::{GateName, PluginKindName, VersionStateName};

/// All plugins.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plugins {
    pub(crate) items: Vec<Plugin>,
}

/// A plugin with its versions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plugin {
    #[schema(value_type = String)]
    name: PluginName,
    #[schema(value_type = PluginKindName)]
    kind: PluginKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<Version>,
    /// The version that roll back goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Version>,
    /// Newest first.
    versions: Vec<Version>,
    /// The rules that ask it.
    used_by: Vec<UsedBy>,
    /// What it said in the last 24 hours.
    verdicts: Verdicts,
    /// The last five.
    last_verdicts: Vec<ActivityItem>,
}

/// A version of a plugin.
#[derive(Debug, Serialize, ToSchema)]
struct Version {
    version: String,
    /// SHA-256 of the file, 64 hexadecimal digits.
    #[schema(value_type = String)]
    digest: Digest,
    #[schema(value_type = VersionStateName)]
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_detail: Option<String>,
    size_bytes: u64,
    /// What it was built for: `dlp@0.1`.
    wit: String,
    /// The grants that it asks for, in words.
    wants: Vec<String>,
    /// Microseconds since 1970.
    #[schema(value_type = i64)]
    uploaded_at: Timestamp,
    uploaded_by: String,
    /// Microseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    activated_at: Option<Timestamp>,
    description: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct UsedBy {
    #[schema(value_type = Uuid)]
    rule_id: RuleId,
    rule_name: String,
    #[schema(value_type = GateName)]
    gate: Gate,
    /// What the rule stands on, in words.
    target: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Verdicts {
    allowed: u64,
    redacted: u64,
    denied: u64,
    failed: u64,
}

/// What an upload left.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Uploaded {
    plugin: Plugin,
    /// The version that was uploaded.
    version: String,
    /// What an administrator should know.
    warnings: Vec<String>,
}

/// What activating a version would touch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Impact {
    rules: Vec<TouchedRule>,
    /// The groups whose people it affects.
    groups: Vec<String>,
    /// Sessions open now that it affects.
    open_sessions: u64,
    /// The version that is active now.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct TouchedRule {
    #[schema(value_type = Uuid)]
    id: RuleId,
    name: String,
    #[schema(value_type = GateName)]
    gate: Gate,
    /// What the rule stands on, in words.
    target: String,
}

impl From<PluginView> for Plugin {
    fn from(view: PluginView) -> Self {
        let VerdictCounts {
            allowed,
            redacted,
            denied,
            failed,
        } = view.verdicts;
        Self {
            name: view.name,
            kind: view.kind,
            active: view.active.map(Into::into),
            previous: view.previous.map(Into::into),
            versions: view.versions.into_iter().map(Into::into).collect(),
            used_by: view.used_by.into_iter().map(Into::into).collect(),
            verdicts: Verdicts {
                allowed,
                redacted,
                denied,
                failed,
            },
            last_verdicts: view.last_verdicts.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<VersionView> for Version {
    fn from(view: VersionView) -> Self {
        Self {
            version: view.version,
            digest: view.digest,
            state: view.state,
            state_detail: view.state_detail,
            size_bytes: view.size_bytes,
            wit: view.wit,
            wants: view.wants,
            uploaded_at: view.uploaded_at,
            uploaded_by: view.uploaded_by,
            activated_at: view.activated_at,
            description: view.description,
        }
    }
}

impl From<RuleUse> for UsedBy {
    fn from(rule: RuleUse) -> Self {
        Self {
            rule_id: rule.rule_id,
            rule_name: rule.rule_name,
            gate: rule.gate,
            target: rule.target,
        }
    }
}

impl From<gatewright_control::Uploaded> for Uploaded {
    fn from(done: gatewright_control::Uploaded) -> Self {
        Self {
            plugin: done.plugin.into(),
            version: done.version,
            warnings: done.warnings,
        }
    }
}

impl From<ImpactView> for Impact {
    fn from(view: ImpactView) -> Self {
        Self {
            rules: view
                .rules
                .into_iter()
                .map(|rule| TouchedRule {
                    id: rule.rule_id,
                    name: rule.rule_name,
                    gate: rule.gate,
                    target: rule.target,
                })
                .collect(),
            groups: view.groups,
            open_sessions: view.open_sessions,
            replaces: view.replaces,
        }
    }
}
