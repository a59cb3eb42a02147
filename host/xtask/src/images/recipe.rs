//! `image.toml`: what an image is made of.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// How an image's files are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Build {
    /// Only the listed programs, the libraries that they are linked to, and the listed files: small.
    Closure,
    /// The packages installed as Debian installs them.
    Debian,
}

/// The contents of `image.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    /// How the files are chosen.
    pub(super) build: Build,
    /// Debian packages.
    pub(super) packages: Vec<String>,
    /// Closure only: programs by absolute path.
    #[serde(default)]
    pub(super) programs: Vec<String>,
    /// Closure only: files and whole folders that the programs open by name, by absolute path.
    #[serde(default)]
    pub(super) files: Vec<String>,
    /// Symbolic links to add: absolute path of the link, and its target.
    #[serde(default)]
    pub(super) links: BTreeMap<String, String>,
}

impl Recipe {
    /// Reads and checks the text of an `image.toml`.
    ///
    /// # Errors
    /// Not TOML of this form, a path that is not absolute, or fields that do not go with the kind of build.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let recipe: Self = toml::from_str(text).context("not a valid image description")?;
        let paths = recipe.programs.iter().chain(&recipe.files).chain(recipe.links.keys());
        if let Some(path) = paths
            .into_iter()
            .find(|path| !path.starts_with('/') || path.split('/').any(|part| part == ".."))
        {
            bail!("`{path}` is not an absolute path");
        }
        if let Some(package) = recipe
            .packages
            .iter()
            .find(|name| !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.:".contains(&b)))
        {
            bail!("`{package}` is not a package name");
        }
        if recipe.build == Build::Debian && !(recipe.programs.is_empty() && recipe.files.is_empty() && recipe.links.is_empty()) {
            bail!("programs, files and links are only for build = \"closure\"");
        }
        Ok(recipe)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn wrong_descriptions_are_refused() {
        assert!(Recipe::parse("build = \"closure\"\npackages = [\"xterm\"]\nprograms = [\"/usr/bin/xterm\"]").is_ok());
        for (text, why) in [
            ("build = \"magic\"\npackages = []", "not a valid image description"),
            ("build = \"debian\"\npackages = []\nother = 1", "not a valid image description"),
            ("build = \"debian\"\npackages = [\"a;b\"]", "`a;b` is not a package name"),
            (
                "build = \"debian\"\npackages = []\nfiles = [\"/etc\"]",
                "programs, files and links are only for build = \"closure\"",
            ),
            (
                "build = \"closure\"\npackages = []\nfiles = [\"/usr/../etc\"]",
                "`/usr/../etc` is not an absolute path",
            ),
            (
                "build = \"closure\"\npackages = []\nprograms = [\"xterm\"]",
                "`xterm` is not an absolute path",
            ),
        ] {
            assert_eq!(Recipe::parse(text).unwrap_err().to_string(), why, "{text}");
        }
    }
}
