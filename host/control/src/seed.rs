//! The first start: users, groups, workspaces, rules and plugins to try everything with.

use std::collections::HashSet;
use std::path::Path;

use gatewright_core::capacity::Resources;
use gatewright_core::error_chain::chain_of;
use gatewright_core::gate::Gate;
use gatewright_core::plugin::{PluginKind, PluginName};
use gatewright_core::record::{Group, Network, Rule, RuleEffect, RuleTarget, Workspace};
use gatewright_core::{GroupId, RuleId, WorkspaceId, ZoneId};
use gatewright_database::{GroupRecord, ProviderPurpose, Store, StoreError, WorkspaceRecord, Zone};
use gatewright_ports::control::Provider;
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::plugins::folder::wasm_files;
use crate::random;
use crate::users::UserError;

/// Set when the first start is done.
const SEEDED: &str = "seeded-at";
/// Identifies this deployment: its containers are labelled with it.
const DEPLOYMENT: &str = "deployment-id";
/// Readable characters of a generated password: 80 bits.
const PASSWORD: usize = 16;
/// The largest clipboard text of the example rules.
const CLIPBOARD_MAX: u64 = 64 * 1024;
/// The plugins of the example rules.
const CLIPBOARD_PLUGIN: &str = "dlp-clipboard";
const FILETYPE_PLUGIN: &str = "dlp-filetype";
/// The largest upload and the largest download of the example rules.
const UPLOAD_MAX: u64 = 100 << 20;
const DOWNLOAD_MAX: u64 = 20 << 20;

/// What the first start made.
#[derive(Debug, Clone, Default)]
pub struct SeedReport {
    /// The first users with their passwords, to be shown once. Empty at every later start.
    pub passwords: Vec<SeededPassword>,
    /// Plugin files that could not be used, with the reason.
    pub bad_plugins: Vec<(String, String)>,
}

/// A first user.
#[derive(Debug, Clone)]
pub struct SeededPassword {
    /// Login name.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

/// The zone of a deployment that has no others.
pub(crate) async fn default_zone(store: &Store) -> Result<ZoneId, StoreError> {
    if let Some(zone) = store.zones().await?.into_iter().find(|zone| zone.name == "default") {
        return Ok(zone.id);
    }
    let zone = Zone {
        id: ZoneId::from_uuid(random::id()),
        name: "default".into(),
    };
    let mut write = store.begin().await?;
    write.insert_zone(&zone).await?;
    write.set_setting(DEPLOYMENT, &random::id().to_string()).await?;
    write.commit().await?;
    Ok(zone.id)
}

fn group(name: &str, priority: i32, everyone: bool) -> GroupRecord {
    GroupRecord {
        group: Group {
            id: GroupId::from_uuid(random::id()),
            name: name.into(),
            priority,
            example: true,
        },
        everyone,
    }
}

fn workspace(position: i64, name: &str, icon: &str, image: &str, description: &str, network: Network, memory_mib: u64) -> WorkspaceRecord {
    const MIB: u64 = 1024 * 1024;
    let small = icon == "terminal";
    WorkspaceRecord {
        workspace: Workspace {
            id: WorkspaceId::from_uuid(random::id()),
            name: name.into(),
            description: description.into(),
            icon: icon.into(),
            image: image.into(),
            resources: Resources {
                cpu_millicores: if small { 500 } else { 1_000 },
                memory_bytes: memory_mib * MIB,
                pids: if small { 128 } else { 512 },
                shm_bytes: if small { 16 * MIB } else { 128 * MIB },
            },
            network,
            keep_home: false,
            devices: Vec::new(),
            enabled: network == Network::None,
            example: true,
        },
        position,
    }
}

fn rule(name: &str, gate: Gate, target: GroupId, effect: RuleEffect) -> Rule {
    Rule {
        id: RuleId::from_uuid(random::id()),
        name: name.into(),
        gate,
        target: RuleTarget::Group(target),
        position: 0,
        effect,
        config_revision: 1,
        enabled: true,
        example: true,
    }
}

/// Asks the clipboard plugin about one direction.
fn clipboard(plugin: &PluginName, gate: Gate, redact_cards: bool) -> RuleEffect {
    let checks = if redact_cards {
        json!([{ "check": "card-number", "action": "redact" }])
    } else {
        json!([])
    };
    let direction = json!({ "allow": true, "max_bytes": CLIPBOARD_MAX, "checks": checks });
    let key = if gate == Gate::CopyIn { "copy_in" } else { "copy_out" };
    RuleEffect::Ask {
        plugin: plugin.clone(),
        config: json!({ key: direction }),
    }
}

fn example_workspaces() -> [WorkspaceRecord; 3] {
    [
        workspace(
            1,
            "Terminal",
            "terminal",
            "gatewright/terminal:dev",
            "A shell in a small container. Starts in a second.",
            Network::None,
            256,
        ),
        workspace(
            2,
            "Desktop",
            "desktop",
            "gatewright/desktop:dev",
            "A Debian desktop with terminal, file manager and browser, without network.",
            Network::None,
            1536,
        ),
        workspace(
            3,
            "Firefox",
            "browser",
            "gatewright/desktop:dev",
            "A browser with internet access. What leaves by the network does not pass the gates.",
            Network::Internet,
            2048,
        ),
    ]
}

fn example_rules(plugin: &PluginName, files: &PluginName, everyone: GroupId, sales: GroupId) -> Vec<Rule> {
    let mut rules = vec![
        rule(
            "Paste text up to 64 KiB",
            Gate::CopyIn,
            everyone,
            clipboard(plugin, Gate::CopyIn, false),
        ),
        rule(
            "Copy text up to 64 KiB",
            Gate::CopyOut,
            everyone,
            clipboard(plugin, Gate::CopyOut, false),
        ),
        rule(
            "Upload files up to 100 MiB",
            Gate::Upload,
            everyone,
            RuleEffect::Ask {
                plugin: files.clone(),
                config: json!({ "max_bytes": UPLOAD_MAX }),
            },
        ),
        rule("No downloads", Gate::Download, everyone, RuleEffect::Close),
    ];
    rules.push(rule(
        "Sales: download .png and .jpg up to 20 MiB",
        Gate::Download,
        sales,
        RuleEffect::Ask {
            plugin: files.clone(),
            config: json!({ "extensions": ["png", "jpg", "jpeg"], "max_bytes": DOWNLOAD_MAX }),
        },
    ));
    rules.push(rule(
        "Sales: card numbers redacted on paste",
        Gate::CopyIn,
        sales,
        clipboard(plugin, Gate::CopyIn, true),
    ));
    rules.push(rule(
        "Sales: card numbers redacted on copy",
        Gate::CopyOut,
        sales,
        clipboard(plugin, Gate::CopyOut, true),
    ));
    rules
}

impl ControlPlane {
    /// This deployment's id: agents label containers with it.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn deployment_id(&self) -> Result<String, Internal> {
        Ok(self
            .0
            .store
            .setting(DEPLOYMENT)
            .await?
            .ok_or(StoreError::Invalid { what: "deployment id" })?)
    }

    /// Fills the database at the first start. Everything of it is one transaction, then come the plugins.
    pub(crate) async fn seed(&self) -> Result<SeedReport, Internal> {
        if self.0.store.setting(SEEDED).await?.is_some() {
            return Ok(SeedReport::default());
        }
        let name = |text: &str| text.parse::<PluginName>().map_err(|_| StoreError::Invalid { what: "plugin name" });
        let (plugin, files) = (name(CLIPBOARD_PLUGIN)?, name(FILETYPE_PLUGIN)?);
        let passwords = &self.0.config.passwords;
        let admin = passwords.admin.clone().unwrap_or_else(|| random::password(PASSWORD));
        let demo = passwords.demo.clone().unwrap_or_else(|| random::password(PASSWORD));
        let admin_user = self.new_user("admin", admin.clone(), "admin", false).await.map_err(of_user)?;
        let demo_user = self.new_user("demo", demo.clone(), "user", true).await.map_err(of_user)?;
        let everyone = group("all-users", 1000, true);
        let sales = group("Sales", 100, false);

        let mut write = self.0.store.begin().await?;
        write.insert_group(&everyone).await?;
        write.insert_group(&sales).await?;
        write.insert_user(&admin_user).await?;
        write.insert_user(&demo_user).await?;
        write.join_group(demo_user.user.id, sales.group.id).await?;
        for record in example_workspaces() {
            write.insert_workspace(&record).await?;
        }
        for rule in example_rules(&plugin, &files, everyone.group.id, sales.group.id) {
            write.insert_rule(&rule).await?;
        }
        write.set_setting(SEEDED, &self.now().as_micros().to_string()).await?;
        write
            .append_event(&self.audit(
                &Actor::system(),
                "deployment.created",
                "examples",
                "users, groups, workspaces and rules",
                true,
            ))
            .await?;
        write.commit().await?;

        let mut report = SeedReport {
            passwords: vec![
                SeededPassword {
                    user: "admin".into(),
                    password: admin,
                },
                SeededPassword {
                    user: "demo".into(),
                    password: demo,
                },
            ],
            bad_plugins: Vec::new(),
        };
        if let Some(folder) = self.0.config.first_plugins.clone() {
            self.seed_plugins(&folder, &mut report).await?;
        }
        Ok(report)
    }

    /// Imports the plugins of a folder. `name.wasm` is activated, `name@version.wasm` is made ready only.
    async fn seed_plugins(&self, folder: &Path, report: &mut SeedReport) -> Result<(), Internal> {
        // In order of their names, `name.wasm` comes before `name@version.wasm`, which often is the same file.
        let mut taken = HashSet::new();
        for path in wasm_files(folder) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Err(why) = self.seed_plugin(&path, !name.contains('@'), &mut taken).await {
                tracing::warn!(file = %name, %why, "Plugin can't be imported");
                report.bad_plugins.push((name, why));
            }
        }
        Ok(())
    }

    async fn seed_plugin(&self, path: &Path, activate: bool, taken: &mut HashSet<[u8; 32]>) -> Result<(), String> {
        let actor = Actor::system();
        let words = |error: &dyn std::error::Error| chain_of(error);
        let bytes = tokio::fs::read(path).await.map_err(|error| words(&error))?;
        if !taken.insert(Sha256::digest(&bytes).into()) {
            return Ok(());
        }
        let uploaded = self.upload_plugin(bytes.into(), &actor).await.map_err(|error| words(&error))?;
        if !activate {
            return Ok(());
        }
        let plugin = self
            .activate_plugin(&uploaded.plugin.name, &uploaded.version, &actor)
            .await
            .map_err(|error| words(&error))?;
        let purpose = match plugin.kind {
            PluginKind::Placement => ProviderPurpose::Placement,
            PluginKind::Credential => ProviderPurpose::Credential,
            PluginKind::Dlp | PluginKind::Runtime => return Ok(()),
        };
        let provider = Provider {
            plugin: plugin.name,
            config: json!({}),
        };
        let set = async {
            let mut write = self.0.store.begin().await?;
            write.set_provider(purpose, &provider).await?;
            write.commit().await
        };
        set.await.map_err(|error| words(&error))
    }
}

fn of_user(error: UserError) -> Internal {
    match error {
        UserError::Internal(internal) => internal,
        _ => Internal::Store(StoreError::Invalid { what: "first user" }),
    }
}
