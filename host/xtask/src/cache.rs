//! The cache outside of the repository, addressed by content.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// `$GATEWRIGHT_CACHE`, or `~/.cache/gatewright`, with `section` below it; made when missing.
///
/// # Errors
/// There is no home folder, or the folder cannot be made.
pub(crate) fn section(section: &str) -> Result<PathBuf> {
    let root = match std::env::var_os("GATEWRIGHT_CACHE") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => std::env::home_dir()
            .context("no home folder: set GATEWRIGHT_CACHE to a folder for built files")?
            .join(".cache/gatewright"),
    };
    let dir = root.join(section);
    fs::create_dir_all(&dir).with_context(|| format!("make the cache folder {}", dir.display()))?;
    Ok(dir)
}

/// Waits until no other xtask holds the lock named by `path`, and holds it until the file is dropped.
///
/// # Errors
/// The lock file cannot be opened or locked.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("open the lock {}", path.display()))?;
    if file.try_lock().is_err() {
        eprintln!("xtask: waiting for another xtask ({})", path.display());
        file.lock().with_context(|| format!("wait for the lock {}", path.display()))?;
    }
    Ok(file)
}

/// Hashes the inputs of a build step.
#[derive(Default)]
pub(crate) struct InputHash(Sha256);

impl InputHash {
    /// Adds one input; `label` and length keep neighbours apart.
    pub(crate) fn add(&mut self, label: &str, bytes: &[u8]) {
        for part in [label.as_bytes(), bytes] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    /// Adds a file, or a folder with all files below it in a fixed order: paths below `path`, contents and link targets,
    /// and whether a file is executable. Names for which `skip` answers true are left out, as is a path that is missing.
    ///
    /// # Errors
    /// Something cannot be read.
    pub(crate) fn add_tree(&mut self, path: &Path, skip: &dyn Fn(&str) -> bool) -> Result<()> {
        self.add_below(path, "", skip).with_context(|| format!("hash {}", path.display()))
    }

    fn add_below(&mut self, path: &Path, name: &str, skip: &dyn Fn(&str) -> bool) -> Result<()> {
        let Ok(meta) = path.symlink_metadata() else {
            self.add(name, b"missing");
            return Ok(());
        };
        if meta.is_symlink() {
            self.add(name, fs::read_link(path)?.as_os_str().as_encoded_bytes());
        } else if meta.is_dir() {
            let mut entries = fs::read_dir(path)?
                .map(|entry| Ok(entry?.file_name()))
                .collect::<Result<Vec<_>>>()?;
            entries.sort();
            for entry in entries {
                let entry = entry.to_string_lossy();
                if !skip(&entry) {
                    self.add_below(&path.join(&*entry), &format!("{name}/{entry}"), skip)?;
                }
            }
        } else {
            use std::os::unix::fs::PermissionsExt as _;
            self.add(name, &fs::read(path)?);
            self.add("executable", &[u8::from(meta.permissions().mode() & 0o100 != 0)]);
        }
        Ok(())
    }

    /// The first 128 bits, in hexadecimal.
    pub(crate) fn finish(self) -> String {
        hex::encode(self.0.finalize()).chars().take(32).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn hash(dir: &Path) -> String {
        let mut hash = InputHash::default();
        hash.add_tree(dir, &|name| name == "skipped").unwrap();
        hash.finish()
    }

    #[test]
    fn content_names_and_modes_count_and_skipped_names_do_not() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/b"), "one").unwrap();
        let first = hash(dir.path());
        assert_eq!(first.len(), 32);

        fs::write(dir.path().join("skipped"), "x").unwrap();
        assert_eq!(first, hash(dir.path()));

        fs::write(dir.path().join("a/b"), "two").unwrap();
        let second = hash(dir.path());
        assert_ne!(first, second);

        fs::set_permissions(dir.path().join("a/b"), fs::Permissions::from_mode(0o755)).unwrap();
        let third = hash(dir.path());
        assert_ne!(second, third);

        fs::rename(dir.path().join("a/b"), dir.path().join("a/c")).unwrap();
        assert_ne!(third, hash(dir.path()));
    }
}
