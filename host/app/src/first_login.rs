//! The passwords of a first start, kept for their owner until they are changed.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use gatewright_control::SeededPassword;
use secrecy::ExposeSecret as _;

/// Readable by the service's user alone, to be removed once the passwords were changed.
const FILE: &str = "initial-passwords.toml";

/// Writes the passwords that a first start made; nothing at a later start.
///
/// # Errors
/// Where the file can't be written.
pub(crate) fn keep(data_dir: &Path, passwords: &[SeededPassword]) -> anyhow::Result<()> {
    if passwords.is_empty() {
        return Ok(());
    }
    let table: toml::Table = passwords
        .iter()
        .map(|seeded| (seeded.user.clone(), toml::Value::from(seeded.password.expose_secret())))
        .collect();
    let path = data_dir.join(FILE);
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("{} can't be written", path.display()))?;
    writeln!(file, "# Made at the first start. Remove this file once the passwords were changed.")?;
    write!(file, "{table}")?;
    Ok(())
}

/// The passwords of the first start, by login name; nothing once the file was removed.
#[must_use]
pub(crate) fn read(data_dir: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(data_dir.join(FILE)).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    table
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
        .collect()
}
