//! Which crate may depend on which, and which crates may name a library at all.

use std::path::Path;

use cargo_metadata::{DependencyKind, Package};

/// A crate of the workspace, as far as the tiers care.
#[derive(Debug, Clone)]
pub(super) struct Crate {
    /// The package's name.
    pub(super) name: String,
    /// Its folder, relative to the root.
    pub(super) folder: String,
    /// What it depends on.
    pub(super) dependencies: Vec<Dependency>,
}

/// One dependency.
#[derive(Debug, Clone)]
pub(super) struct Dependency {
    /// The package's name.
    pub(super) name: String,
    /// Only for tests and benchmarks.
    pub(super) dev: bool,
}

impl Crate {
    /// Reads what cargo says of a crate.
    pub(super) fn of(package: &Package, root: &Path) -> Self {
        let manifest = package.manifest_path.as_std_path();
        let folder = manifest.parent().and_then(|dir| dir.strip_prefix(root).ok()).unwrap_or(manifest);
        let dependencies = package.dependencies.iter().map(|dependency| Dependency {
            name: dependency.name.clone(),
            dev: dependency.kind == DependencyKind::Development,
        });
        Self {
            name: package.name.to_string(),
            folder: folder.display().to_string(),
            dependencies: dependencies.collect(),
        }
    }
}

/// Where a crate stands. A crate depends only on lower tiers; within a tier, on none but where [`Tier::sideways`] says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tier {
    /// Protocols, and the commands: depend on no crate of ours.
    Alone,
    /// What plugins are built from: only each other.
    Guest,
    /// The product, from the bottom: 0 is core.
    Product(u8),
    /// Depends on what it likes, and nothing but tests depends on it.
    Tests,
}

/// The folders, and the tier of the crates in them. The first that fits counts.
const TIERS: &[(&str, Tier)] = &[
    ("host/core", Tier::Product(0)),
    ("host/ports", Tier::Product(1)),
    ("host/plugin-host", Tier::Product(2)),
    ("policy", Tier::Product(2)),
    ("host/rpc", Tier::Product(2)),
    ("host/identity", Tier::Product(2)),
    // A role by name; the crate is the store that the control plane opens.
    ("host/roles/database", Tier::Product(2)),
    ("host/gate", Tier::Product(3)),
    ("host/control", Tier::Product(3)),
    ("host/roles", Tier::Product(4)),
    ("host/app", Tier::Product(5)),
    ("host/protocols", Tier::Alone),
    ("host/xtask", Tier::Alone),
    ("plugins", Tier::Guest),
    ("runtimes", Tier::Guest),
    ("sdk-wit", Tier::Guest),
    ("tests", Tier::Tests),
];

/// Libraries that only some crates may name, by the crates' folders.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("wasmtime", &["host/plugin-host"]),
    ("sqlx", &["host/roles/database"]),
    (
        "axum",
        &[
            "host/rpc",
            "host/plugin-host",
            "host/roles/web-app",
            "host/roles/connection-proxy",
            "host/roles/dedicated-proxy",
            "host/roles/agent",
        ],
    ),
    (
        "hyper",
        &[
            "host/rpc",
            "host/plugin-host",
            "host/roles/web-app",
            "host/roles/connection-proxy",
            "host/roles/dedicated-proxy",
            "host/roles/agent",
        ],
    ),
];

/// Libraries for which tests are not excused.
const STRICT: &[&str] = &["wasmtime"];

/// Folders below which any library may be named: they stand outside of the product.
const UNBOUND: &[&str] = &["tests"];

impl Tier {
    fn of(folder: &str) -> Option<Self> {
        TIERS.iter().find(|(prefix, _)| below(folder, prefix)).map(|(_, tier)| *tier)
    }

    /// Whether a crate of this tier may depend on one of `other`.
    fn may_use(self, other: Self) -> bool {
        match (self, other) {
            // A plugin may read what the host reads with the same parser.
            (Self::Tests, _) | (Self::Guest, Self::Guest | Self::Alone) => true,
            (Self::Product(own), Self::Product(other)) => other < own || (other == own && Self::sideways(own)),
            // Protocols serve what carries bytes: gate, roles and the like, not the data types below.
            (Self::Product(own), Self::Alone) => own >= 2,
            _ => false,
        }
    }

    /// Adapters may use each other; gate and control, and the roles, may not.
    fn sideways(tier: u8) -> bool {
        tier == 2
    }
}

fn below(folder: &str, prefix: &str) -> bool {
    folder
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Every forbidden edge.
pub(super) fn check(crates: &[Crate]) -> Vec<String> {
    let mut offences = Vec::new();
    for from in crates {
        let Some(tier) = Tier::of(&from.folder) else {
            offences.push(format!(
                "{}: no tier is known for this folder; add it to the tiers of `xtask tidy`",
                from.folder
            ));
            continue;
        };
        for dependency in &from.dependencies {
            let ours = crates.iter().find(|other| other.name == dependency.name);
            // Tests may look at what they need, but for a protocol, which stands alone there too.
            let excused = dependency.dev && tier != Tier::Alone;
            if let Some(to) = ours
                && !excused
                && Tier::of(&to.folder).is_some_and(|other| !tier.may_use(other))
            {
                offences.push(format!(
                    "{}: must not depend on {} (the tiers: ARCHITECTURE.md)",
                    from.folder, to.folder
                ));
            }
            if let Some((library, allowed)) = LIBRARIES.iter().find(|(library, _)| *library == dependency.name)
                && (!dependency.dev || STRICT.contains(library))
                && !allowed.iter().chain(UNBOUND).any(|folder| below(&from.folder, folder))
            {
                offences.push(format!("{}: must not name {library}; only {} may", from.folder, allowed.join(", ")));
            }
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crates(list: &[(&str, &[&str])]) -> Vec<Crate> {
        list.iter()
            .map(|(folder, dependencies)| Crate {
                name: folder.replace('/', "-"),
                folder: (*folder).to_owned(),
                dependencies: dependencies
                    .iter()
                    .map(|name| match name.strip_prefix("dev:") {
                        Some(name) => Dependency {
                            name: name.replace('/', "-"),
                            dev: true,
                        },
                        None => Dependency {
                            name: name.replace('/', "-"),
                            dev: false,
                        },
                    })
                    .collect(),
            })
            .collect()
    }

    #[track_caller]
    fn edge(from: &str, to: &str, allowed: bool) {
        let found = check(&crates(&[(from, &[to]), (to.trim_start_matches("dev:"), &[])]));
        assert_eq!(found.is_empty(), allowed, "{from} -> {to}: {found:?}");
    }

    #[test]
    fn tiers_go_down() {
        edge("host/ports", "host/core", true);
        edge("host/core", "host/ports", false);
        edge("host/gate", "policy", true);
        edge("policy", "host/gate", false);
        edge("host/gate", "host/control", false);
        edge("host/control", "host/roles/database", true);
        edge("host/roles/agent", "host/gate", true);
        edge("host/app", "host/roles/agent", true);
        edge("host/roles/agent", "host/app", false);
    }

    #[test]
    fn roles_never_use_each_other() {
        edge("host/roles/web-app", "host/roles/agent", false);
        edge("host/roles/agent", "host/roles/connection-proxy", false);
    }

    #[test]
    fn protocols_stand_alone_even_in_tests() {
        edge("host/roles/connection-proxy", "host/protocols/rfb", true);
        edge("host/core", "host/protocols/rfb", false);
        edge("host/protocols/rfb", "host/core", false);
        edge("host/protocols/rfb", "dev:host/core", false);
        edge("host/protocols/rdp", "host/protocols/rfb", false);
    }

    #[test]
    fn plugins_see_the_sdk_and_nothing_of_the_host() {
        edge("plugins/dlp-clipboard", "sdk-wit/rust", true);
        edge("plugins/dlp-clipboard", "host/core", false);
        edge("host/app", "plugins/dlp-clipboard", false);
        edge("host/plugin-host", "dev:tests/guests", true);
        edge("host/plugin-host", "tests/guests", false);
        edge("tests/suite", "host/app", true);
    }

    #[test]
    fn libraries_stay_in_their_crates() {
        assert!(check(&crates(&[("host/plugin-host", &["wasmtime"])])).is_empty());
        for (folder, library) in [
            ("host/gate", "wasmtime"),
            ("host/gate", "dev:wasmtime"),
            ("host/control", "sqlx"),
            ("host/gate", "axum"),
            ("policy", "hyper"),
        ] {
            assert_eq!(check(&crates(&[(folder, &[library])])).len(), 1, "{folder} {library}");
        }
        for (folder, library) in [("host/roles/agent", "hyper"), ("tests/suite", "sqlx"), ("host/gate", "dev:axum")] {
            assert!(check(&crates(&[(folder, &[library])])).is_empty(), "{folder} {library}");
        }
    }

    #[test]
    fn a_new_folder_needs_a_tier() {
        assert_eq!(check(&crates(&[("host/corex", &[])])).len(), 1);
    }
}
