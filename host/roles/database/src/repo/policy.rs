//! Rules, and which plugins place sessions and resolve credentials.

use gatewright_core::RuleId;
use gatewright_core::gate::Gate;
use gatewright_core::plugin::PluginName;
use gatewright_core::record::{Rule, RuleEffect, RuleTarget};
use gatewright_ports::control::Provider;
use sqlx::FromRow;
use uuid::Uuid;

use crate::convert::{from_json, json};
use crate::sql::sql;
use crate::{ChangeKind, Store, StoreError, Write};

/// A rule, as stored.
pub type RuleRecord = Rule;

/// What a plugin provides for the whole deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderPurpose {
    /// Ranks nodes for a session.
    Placement,
    /// Resolves the credential of a target.
    Credential,
}

impl ProviderPurpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Placement => "placement",
            Self::Credential => "credential",
        }
    }
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    name: String,
    gate: String,
    target: String,
    position: i64,
    effect: String,
    config_revision: i64,
    enabled: bool,
    example: bool,
}

impl TryFrom<Row> for Rule {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: RuleId::from_uuid(row.id),
            name: row.name,
            gate: Gate::parse(&row.gate).ok_or(StoreError::Invalid { what: "gate" })?,
            target: from_json(&row.target, "rule target")?,
            position: i32::try_from(row.position).map_err(|_| StoreError::Invalid { what: "rule position" })?,
            effect: from_json(&row.effect, "rule effect")?,
            config_revision: row.config_revision,
            enabled: row.enabled,
            example: row.example,
        })
    }
}

const fn target_id(target: &RuleTarget) -> Option<Uuid> {
    match target {
        RuleTarget::Everything => None,
        RuleTarget::Zone(id) => Some(id.as_uuid()),
        RuleTarget::Workspace(id) => Some(id.as_uuid()),
        RuleTarget::Group(id) => Some(id.as_uuid()),
    }
}

impl Store {
    /// All rules, enabled or not.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn rules(&self) -> Result<Vec<Rule>, StoreError> {
        let rows: Vec<Row> = sql!(
            fetch_all,
            self.reader(),
            "SELECT id, name, gate, target, position, effect, config_revision, enabled, example FROM rules ORDER BY gate, position, name"
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The rules that ask a plugin.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn rules_of_plugin(&self, plugin: &PluginName) -> Result<Vec<Rule>, StoreError> {
        let rows: Vec<Row> = sql!(
            fetch_all,
            self.reader(),
            "SELECT id, name, gate, target, position, effect, config_revision, enabled, example FROM rules \
             WHERE plugin = $1 ORDER BY gate, position, name",
            plugin.as_str()
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The plugin that serves a purpose.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn provider(&self, purpose: ProviderPurpose) -> Result<Option<Provider>, StoreError> {
        let row: Option<(String, String)> = sql!(
            fetch_optional,
            self.reader(),
            "SELECT plugin, config FROM providers WHERE purpose = $1",
            purpose.as_str()
        )?;
        row.map(|(plugin, config)| {
            Ok(Provider {
                plugin: plugin.parse().map_err(|_| StoreError::Invalid { what: "plugin name" })?,
                config: from_json(&config, "provider configuration")?,
            })
        })
        .transpose()
    }
}

impl Write {
    /// Adds a rule.
    ///
    /// # Errors
    /// `Json`, `Unavailable`.
    pub async fn insert_rule(&mut self, rule: &Rule) -> Result<(), StoreError> {
        let plugin = match &rule.effect {
            RuleEffect::Close => None,
            RuleEffect::Ask { plugin, .. } => Some(plugin.as_str()),
        };
        sql!(
            execute,
            self.connection(),
            "INSERT INTO rules (id, name, gate, target, target_id, position, effect, plugin, config_revision, enabled, example) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            rule.id.as_uuid(),
            &rule.name,
            rule.gate.as_str(),
            json(&rule.target)?,
            target_id(&rule.target),
            i64::from(rule.position),
            json(&rule.effect)?,
            plugin,
            rule.config_revision,
            rule.enabled,
            rule.example
        )?;
        self.changed(ChangeKind::Rule, &rule.id.to_string()).await
    }

    /// Changes what a rule does; its revision counts up. False where there is no such rule.
    ///
    /// # Errors
    /// `Json`, `Unavailable`.
    pub async fn set_rule_effect(&mut self, rule: RuleId, effect: &RuleEffect) -> Result<bool, StoreError> {
        let plugin = match effect {
            RuleEffect::Close => None,
            RuleEffect::Ask { plugin, .. } => Some(plugin.as_str()),
        };
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE rules SET effect = $2, plugin = $3, config_revision = config_revision + 1 WHERE id = $1",
            rule.as_uuid(),
            json(effect)?,
            plugin
        )?;
        if done == 1 {
            self.changed(ChangeKind::Rule, &rule.to_string()).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Deletes a rule.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete_rule(&mut self, rule: RuleId) -> Result<bool, StoreError> {
        let done = sql!(execute, self.connection(), "DELETE FROM rules WHERE id = $1", rule.as_uuid())?;
        if done == 1 {
            self.changed(ChangeKind::Rule, &rule.to_string()).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Deletes the rules that stand on a target which goes away.
    pub(crate) async fn delete_rules_of_target(&mut self, target: Uuid) -> Result<(), StoreError> {
        let gone: Vec<(Uuid,)> = sql!(
            fetch_all,
            self.connection(),
            "DELETE FROM rules WHERE target_id = $1 RETURNING id",
            target
        )?;
        for (id,) in gone {
            self.changed(ChangeKind::Rule, &id.to_string()).await?;
        }
        Ok(())
    }

    /// Says which plugin serves a purpose.
    ///
    /// # Errors
    /// `Json`, `Unavailable`.
    pub async fn set_provider(&mut self, purpose: ProviderPurpose, provider: &Provider) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "INSERT INTO providers (purpose, plugin, config) VALUES ($1, $2, $3) \
             ON CONFLICT (purpose) DO UPDATE SET plugin = excluded.plugin, config = excluded.config",
            purpose.as_str(),
            provider.plugin.as_str(),
            json(&provider.config)?
        )?;
        self.changed(ChangeKind::Provider, purpose.as_str()).await
    }
}
