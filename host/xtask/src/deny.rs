//! Licences, banned crates and sources of everything in the lock file, by cargo-deny and `deny.toml`.

use anyhow::Result;

use crate::process::Run;
use crate::tools;
use crate::workspace::Workspace;

/// Checks the lock file.
///
/// # Errors
/// A crate breaks a rule of `deny.toml`; cargo-deny says which on the terminal.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let program = tools::cargo_tool("cargo-deny")?;
    // Not `advisories`: their database is a git repository that a machine without general internet access cannot fetch.
    Run::new(program)
        .args([
            "--all-features",
            // Two versions of one crate are only a warning, and there are always some: run `cargo deny check bans` to see them.
            "--log-level",
            "error",
            "check",
            "--hide-inclusion-graph",
            "licenses",
            "bans",
            "sources",
        ])
        .dir(workspace.root())
        .run()
}
