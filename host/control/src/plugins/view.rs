//! Plugins as the pages show them, and the snapshot that gates decide by.

use std::collections::{BTreeMap, BTreeSet};

use gatewright_core::Timestamp;
use gatewright_core::plugin::PluginName;
use gatewright_core::record::{Rule, RuleTarget};
use gatewright_core::session::SessionState;
use gatewright_database::{PluginRecord, ProviderPurpose, VersionRecord, VersionState};
use gatewright_ports::control::{ActivePlugin, PolicySnapshot};

use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::views::{ImpactView, PluginView, RuleUse, VerdictCounts, VersionView};

/// Verdicts shown beside a plugin.
const LAST_VERDICTS: u32 = 5;
/// What the counts of verdicts cover.
const DAY_MICROS: i64 = 86_400_000_000;

fn version_view(record: VersionRecord, active: Option<&str>) -> VersionView {
    let state = if active == Some(record.version.as_str()) && record.state == VersionState::Ready {
        "active"
    } else {
        record.state.as_str()
    };
    VersionView {
        version: record.version,
        digest: record.digest,
        state: state.into(),
        state_detail: record.state_detail,
        size_bytes: record.size_bytes,
        wit: record.wit,
        wants: record.wants,
        uploaded_at: record.uploaded_at,
        uploaded_by: record.uploaded_by,
        activated_at: record.activated_at,
        description: record.description,
    }
}

impl ControlPlane {
    /// All plugins by name.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn plugins(&self) -> Result<Vec<PluginView>, Internal> {
        let mut views = Vec::new();
        for record in self.0.store.plugins().await? {
            views.push(self.plugin_view(record).await?);
        }
        Ok(views)
    }

    /// A plugin. None where there is none.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn plugin(&self, name: &PluginName) -> Result<Option<PluginView>, Internal> {
        match self.0.store.plugin(name).await? {
            Some(record) => Ok(Some(self.plugin_view(record).await?)),
            None => Ok(None),
        }
    }

    async fn plugin_view(&self, record: PluginRecord) -> Result<PluginView, Internal> {
        let store = &self.0.store;
        let versions: Vec<VersionView> = store
            .plugin_versions(&record.name)
            .await?
            .into_iter()
            .map(|one| version_view(one, record.active.as_deref()))
            .collect();
        let previous = store.previous_version(&record.name).await?;
        let find = |wanted: &Option<String>| wanted.as_ref().and_then(|v| versions.iter().find(|one| &one.version == v)).cloned();
        let since = Timestamp::from_micros(self.now().as_micros().saturating_sub(DAY_MICROS));
        let mut verdicts = VerdictCounts::default();
        for (outcome, count) in store.count_verdicts_of_plugin(&record.name, since).await? {
            match outcome.as_str() {
                "allowed" => verdicts.allowed = count,
                "redacted" => verdicts.redacted = count,
                "denied" => verdicts.denied = count,
                _ => verdicts.failed += count,
            }
        }
        let last = store.events_of_plugin(&record.name, LAST_VERDICTS).await?;
        Ok(PluginView {
            active: find(&record.active),
            previous: find(&previous),
            used_by: self.rule_uses(store.rules_of_plugin(&record.name).await?).await?,
            verdicts,
            last_verdicts: last.into_iter().map(Into::into).collect(),
            name: record.name,
            kind: record.kind,
            versions,
        })
    }

    /// What activating a version would touch. None where there is no such version.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn plugin_impact(&self, name: &PluginName, version: &str) -> Result<Option<ImpactView>, Internal> {
        let store = &self.0.store;
        if store.plugin_version(name, version).await?.is_none() {
            return Ok(None);
        }
        let rules: Vec<Rule> = store.rules_of_plugin(name).await?.into_iter().filter(|rule| rule.enabled).collect();
        let groups = store.groups().await?;
        let mut names = BTreeSet::new();
        for rule in &rules {
            match rule.target {
                RuleTarget::Group(id) => names.extend(groups.iter().filter(|one| one.group.id == id).map(|one| one.group.name.clone())),
                RuleTarget::Everything | RuleTarget::Zone(_) | RuleTarget::Workspace(_) => {
                    names.extend(groups.iter().map(|one| one.group.name.clone()));
                }
            }
        }
        let mut open_sessions = 0;
        for record in store.open_sessions().await? {
            if record.session.state != SessionState::Ready {
                continue;
            }
            let member_of = store.groups_of(record.session.user).await?;
            let touched = rules.iter().any(|rule| match rule.target {
                RuleTarget::Everything => true,
                RuleTarget::Zone(id) => id == record.session.zone,
                RuleTarget::Workspace(id) => id == record.session.workspace,
                RuleTarget::Group(id) => member_of.iter().any(|one| one.id == id),
            });
            open_sessions += u64::from(touched);
        }
        let replaces = store
            .plugin(name)
            .await?
            .and_then(|record| record.active)
            .filter(|active| active != version);
        Ok(Some(ImpactView {
            rules: self.rule_uses(rules).await?,
            groups: names.into_iter().collect(),
            open_sessions,
            replaces,
        }))
    }

    async fn rule_uses(&self, rules: Vec<Rule>) -> Result<Vec<RuleUse>, Internal> {
        let store = &self.0.store;
        let groups = store.groups().await?;
        let workspaces = store.workspaces().await?;
        let zones = store.zones().await?;
        Ok(rules
            .into_iter()
            .map(|rule| {
                let target = match rule.target {
                    RuleTarget::Everything => "everything".to_owned(),
                    RuleTarget::Group(id) => {
                        let name = groups
                            .iter()
                            .find(|one| one.group.id == id)
                            .map_or("?", |one| one.group.name.as_str());
                        format!("group {name}")
                    }
                    RuleTarget::Workspace(id) => {
                        let name = workspaces
                            .iter()
                            .find(|one| one.workspace.id == id)
                            .map_or("?", |one| one.workspace.name.as_str());
                        format!("workspace {name}")
                    }
                    RuleTarget::Zone(id) => {
                        let name = zones.iter().find(|one| one.id == id).map_or("?", |one| one.name.as_str());
                        format!("zone {name}")
                    }
                };
                RuleUse {
                    rule_id: rule.id,
                    rule_name: rule.name,
                    gate: rule.gate,
                    target,
                    on: rule.target,
                }
            })
            .collect())
    }

    pub(crate) async fn read_policy(&self, revision: u64) -> Result<PolicySnapshot, Internal> {
        let store = &self.0.store;
        let mut plugins = BTreeMap::new();
        for (plugin, digest) in store.active_versions().await? {
            if let Some(version) = plugin.active {
                plugins.insert(
                    plugin.name,
                    ActivePlugin {
                        kind: plugin.kind,
                        version,
                        digest,
                    },
                );
            }
        }
        Ok(PolicySnapshot {
            revision,
            rules: store.rules().await?.into_iter().filter(|rule| rule.enabled).collect(),
            plugins,
            credential: store.provider(ProviderPurpose::Credential).await?,
            placement: store.provider(ProviderPurpose::Placement).await?,
            groups: store
                .groups()
                .await?
                .into_iter()
                .map(|one| (one.group.id, one.group.name))
                .collect(),
        })
    }
}
