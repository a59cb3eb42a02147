//! A folder that becomes (part of) an image: modes and owners do not depend on the person who builds.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::SESSION_UID;
use crate::process::Run;

/// The home folder, relative to the root: the only files that belong to the session's user.
const HOME: &str = "home/user";

/// Files on their way into an image.
pub(super) struct Staging {
    root: PathBuf,
}

impl Staging {
    /// An empty root with what every image has: the home folder with `Transfer`, and the folders for X sockets.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn new(root: &Path) -> Result<Self> {
        let staging = Self { root: root.to_owned() };
        for (dir, mode) in [
            ("", 0o755),
            ("home", 0o755),
            (HOME, 0o755),
            ("run", 0o755),
            ("run/session", 0o755),
            ("tmp", 0o1777),
            ("tmp/.X11-unix", 0o1777),
        ] {
            staging.dir(dir, mode)?;
        }
        staging.link("home/user/Transfer", "/run/session/transfer")?;
        Ok(staging)
    }

    /// A path below the root.
    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative.trim_start_matches('/'))
    }

    /// Makes a folder and gives it a mode.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn dir(&self, relative: &str, mode: u32) -> Result<()> {
        let path = self.path(relative);
        self.parents(&path)?;
        fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(fs::set_permissions(&path, Permissions::from_mode(mode))?)
    }

    /// Makes a symbolic link, in the place of what was there.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn link(&self, relative: &str, target: &str) -> Result<()> {
        let path = self.path(relative);
        self.parents(&path)?;
        if path.symlink_metadata().is_ok() {
            fs::remove_file(&path)?;
        }
        symlink(target, &path).with_context(|| format!("link {}", path.display()))
    }

    /// Copies one file, following links, with mode 0755 or 0644.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub(super) fn file(&self, from: &Path, relative: &str) -> Result<()> {
        let path = self.path(relative);
        self.parents(&path)?;
        fs::copy(from, &path).with_context(|| format!("copy {} to {}", from.display(), path.display()))?;
        let executable = from.metadata()?.permissions().mode() & 0o100 != 0;
        Ok(fs::set_permissions(
            &path,
            Permissions::from_mode(if executable { 0o755 } else { 0o644 }),
        )?)
    }

    /// Copies a file, a link or a whole folder, links as links.
    ///
    /// # Errors
    /// Something cannot be read or written.
    pub(super) fn tree(&self, from: &Path, relative: &str) -> Result<()> {
        let meta = from.symlink_metadata().with_context(|| format!("read {}", from.display()))?;
        if meta.is_symlink() {
            return self.link(relative, &fs::read_link(from)?.to_string_lossy());
        }
        if !meta.is_dir() {
            return self.file(from, relative);
        }
        if !relative.is_empty() && self.path(relative).symlink_metadata().is_err() {
            self.dir(relative, 0o755)?;
        }
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            self.tree(&entry.path(), &format!("{relative}/{}", entry.file_name().to_string_lossy()))?;
        }
        Ok(())
    }

    /// Lays folders over the root, later ones over earlier ones. A folder that is not there is empty.
    ///
    /// # Errors
    /// Something cannot be read or written.
    pub(super) fn overlay(self, overlays: &[PathBuf]) -> Result<Self> {
        for overlay in overlays.iter().filter(|overlay| overlay.is_dir()) {
            self.tree(overlay, "")?;
        }
        Ok(self)
    }

    /// Writes all of it to a tar file: root's, but for the home folder.
    ///
    /// # Errors
    /// tar failed.
    pub(super) fn pack(&self, output: &Path) -> Result<()> {
        let tar = |mode: &str, owner: u32| {
            Run::new("tar")
                .args([format!("--owner={owner}"), format!("--group={owner}")])
                .args(["--numeric-owner", "--sort=name", "--mtime=@0", "--format=gnu"])
                .arg("-C")
                .arg(&self.root)
                .arg(mode)
                .arg(output)
        };
        tar("-cf", 0).arg(format!("--exclude=./{HOME}")).arg(".").run()?;
        tar("-rf", SESSION_UID).arg(format!("./{HOME}")).run()
    }

    /// Makes the folders above `path`, each with mode 0755 whatever the umask.
    fn parents(&self, path: &Path) -> Result<()> {
        let Some(parent) = path.parent() else { return Ok(()) };
        if parent.exists() || !parent.starts_with(&self.root) {
            return Ok(fs::create_dir_all(parent)?);
        }
        self.parents(parent)?;
        fs::create_dir(parent).with_context(|| format!("make {}", parent.display()))?;
        Ok(fs::set_permissions(parent, Permissions::from_mode(0o755))?)
    }
}
