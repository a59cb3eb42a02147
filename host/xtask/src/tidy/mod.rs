//! `cargo xtask tidy`: the rules of the house that a compiler does not check.
//!
//! Every rule is a function from what it looks at to the lines that it has to complain about, so that it can be tested.

mod files;
mod manifests;
mod tiers;
mod words;

use std::fs;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::MetadataCommand;

use crate::process::Run;
use crate::workspace::Workspace;

/// Checks all rules and prints every offence.
///
/// # Errors
/// There are offences, or the repository cannot be read.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(workspace.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("read the workspace's crates")?;
    let crates: Vec<tiers::Crate> = metadata
        .packages
        .iter()
        .map(|package| tiers::Crate::of(package, workspace.root()))
        .collect();
    let mut offences = tiers::check(&crates);

    let tracked = tracked(workspace)?;
    let mut notes = Vec::new();
    for path in &tracked {
        let full = workspace.join(path);
        // Deleted but not yet committed, or a link: nothing to read.
        let Ok(bytes) = fs::read(&full) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        offences.extend(files::check(path, &text, &mut notes));
        offences.extend(words::check(path, &text));
        if path.ends_with("Cargo.toml") {
            offences.extend(manifests::check(path, &text)?);
        }
    }
    for note in notes {
        eprintln!("note: {note}");
    }
    if offences.is_empty() {
        return Ok(());
    }
    bail!(
        "{} offences against the rules of the house:\n  {}",
        offences.len(),
        offences.join("\n  ")
    );
}

/// Files that git knows, or would take with the next `git add`.
fn tracked(workspace: &Workspace) -> Result<Vec<String>> {
    let list = Run::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .dir(workspace.root())
        .read()?;
    let mut paths: Vec<String> = list.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}
