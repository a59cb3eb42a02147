//! Manifests: lints and versions come from the root.

use anyhow::{Context as _, Result};
use toml::{Table, Value};

/// Offences of one `Cargo.toml`.
///
/// # Errors
/// It is not TOML.
pub(super) fn check(path: &str, text: &str) -> Result<Vec<String>> {
    let manifest: Table = text.parse().with_context(|| format!("read {path}"))?;
    // The root, and crates that are workspaces of their own (fuzz targets: their lints and versions are cargo-fuzz's).
    if manifest.contains_key("workspace") {
        return Ok(Vec::new());
    }
    let mut offences = Vec::new();
    let lints = manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"))
        .and_then(Value::as_bool);
    if lints != Some(true) {
        offences.push(format!("{path}: `[lints] workspace = true` is missing"));
    }
    let mut tables = vec![&manifest];
    tables.extend(
        manifest
            .get("target")
            .and_then(Value::as_table)
            .into_iter()
            .flat_map(|targets| targets.values().filter_map(Value::as_table)),
    );
    for table in tables {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = table.get(kind).and_then(Value::as_table) else {
                continue;
            };
            for (name, value) in dependencies {
                if value.get("workspace").and_then(Value::as_bool) != Some(true) {
                    offences.push(format!(
                        "{path}: {name} has to take its version from the root: {name}.workspace = true"
                    ));
                }
            }
        }
    }
    Ok(offences)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn versions_and_lints_come_from_the_root() {
        let good = "[package]\nname = \"x\"\n[lints]\nworkspace = true\n[dependencies]\na.workspace = true\nb = { workspace = true, features = [\"f\"] }\n";
        assert!(check("x/Cargo.toml", good).unwrap().is_empty());
        let bad = "[package]\nname = \"x\"\n[dependencies]\na = \"1\"\n[target.'cfg(unix)'.dev-dependencies]\nb = { version = \"2\" }\n[build-dependencies]\nc = { path = \"../c\" }\n";
        assert_eq!(check("x/Cargo.toml", bad).unwrap().len(), 4);
        assert!(
            check("Cargo.toml", "[workspace]\nmembers = []\n[workspace.dependencies]\na = \"1\"\n")
                .unwrap()
                .is_empty()
        );
        assert!(check("x/Cargo.toml", "= broken").is_err());
    }
}
