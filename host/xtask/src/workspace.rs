//! Where things are in this repository.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The root of the repository and the folders that commands share.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the repository that this binary was built from.
    ///
    /// # Errors
    /// The folder was moved since the binary was built.
    pub(crate) fn locate() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest
            .ancestors()
            .nth(2)
            .context("the xtask crate is not inside the repository")?;
        if !root.join("Cargo.toml").is_file() {
            bail!("{} is not the repository: run this as `cargo xtask` inside of it", root.display());
        }
        Ok(Self { root: root.to_owned() })
    }

    /// The root of the repository.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the root.
    pub(crate) fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// Cargo's target directory, which also holds built guests and stamps.
    pub(crate) fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.join("target"), |dir| self.root.join(dir))
    }
}
