//! Debian packages to files, by mmdebstrap.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::process::Run;

/// Taken when the machine itself is not a Debian release.
const DEFAULT_SUITE: &str = "bookworm";

/// The machine's own Debian release, so that its archive keys fit.
pub(super) fn suite() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let field = |name: &str| {
        release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim_matches('"').to_owned())
    };
    match (field("ID").as_deref(), field("VERSION_CODENAME")) {
        (Some("debian"), Some(name)) => name,
        _ => DEFAULT_SUITE.to_owned(),
    }
}

/// Unpacks `packages` and all that they depend on below `root`, without installing them.
///
/// # Errors
/// mmdebstrap failed; it says why on the terminal.
pub(super) fn extract(suite: &str, packages: &[String], root: &Path) -> Result<()> {
    Run::as_root("mmdebstrap")?
        .args(["--quiet", "--variant=extract"])
        .arg(format!("--include={}", packages.join(",")))
        .arg(suite)
        .arg(root)
        .run()
        .context("unpack the Debian packages")
}

/// Installs `packages` into a slim system, lays `overlay` (a tar file) over it, runs `script` inside when there is one, and
/// writes all of it to the tar file `output`.
///
/// # Errors
/// mmdebstrap failed; it says why on the terminal.
pub(super) fn install(suite: &str, packages: &[String], overlay: &Path, script: &Path, output: &Path) -> Result<()> {
    let mut run = Run::as_root("mmdebstrap")?
        .args(["--quiet", "--variant=essential"])
        .arg(format!("--include={}", packages.join(",")))
        .args([
            // Documentation and translations are a fifth of the size; licences stay.
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-include=/usr/share/doc/*/copyright",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/info/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--dpkgopt=path-exclude=/usr/share/help/*",
            "--dpkgopt=path-exclude=/usr/share/gtk-doc/*",
        ])
        .arg(format!("--customize-hook=tar-in {} /", quoted(overlay)?));
    if script.is_file() {
        run = run.arg(format!("--customize-hook=chroot \"$1\" sh -eu -s <{}", quoted(script)?));
    }
    run.arg("--format=tar")
        .arg(suite)
        .arg(output)
        .run()
        .context("install the Debian packages")?;
    // Written by root; the cache belongs to this person.
    let owner = format!("{}:{}", rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    Run::as_root("chown")?.arg(owner).arg(output).run()
}

/// A path as one word of a hook, which a shell reads.
fn quoted(path: &Path) -> Result<String> {
    let text = path.to_str().filter(|text| !text.contains(['\'', '"', ' ', '\\']));
    let Some(text) = text else {
        bail!(
            "{} has characters that a build hook cannot take: set GATEWRIGHT_CACHE to a plain path",
            path.display()
        )
    };
    Ok(text.to_owned())
}
