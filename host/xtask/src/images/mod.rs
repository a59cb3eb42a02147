//! Workspace images, built from Debian packages without a registry or a Dockerfile.
//!
//! A folder of `runtimes/images` with an `image.toml` is an image; its `rootfs/` is laid over the packages' files, and
//! `runtimes/images/session` over every image. The hash of all of that is the image's label and the name of its cached file.

mod closure;
mod debian;
mod recipe;
mod staging;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::cache::{self, InputHash};
use crate::engine::CommandLine;

use crate::process::Run;
use crate::workspace::Workspace;
use recipe::{Build, Recipe};

/// Raise when the code here changes what an image contains.
const BUILDER_VERSION: &str = "1";
const LABEL: &str = "gatewright.image.hash";
/// Every workspace runs as this user and group.
pub(crate) const SESSION_UID: u32 = 1000;

/// Builds and loads into `engine` the images that it has not, or has from other inputs; all of them when `names` is empty.
///
/// # Errors
/// An unknown name, or a step failed.
pub(crate) fn build(workspace: &Workspace, engine: &dyn CommandLine, names: &[String], fresh: bool) -> Result<()> {
    let all = list(workspace)?;
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        bail!("there is no image `{unknown}`; there are: {}", all.join(", "));
    }
    let cache_dir = cache::section("images")?;
    for name in all.iter().filter(|name| names.is_empty() || names.contains(name)) {
        let image = Image::load(workspace, name)?;
        image
            .provide(engine, &cache_dir, fresh)
            .with_context(|| format!("image `{name}`"))?;
    }
    Ok(())
}

fn list(workspace: &Workspace) -> Result<Vec<String>> {
    let dir = workspace.join("runtimes/images");
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("read {}", dir.display()))? {
        let entry = entry?;
        if entry.path().join("image.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// One image of the repository.
struct Image {
    name: String,
    recipe: Recipe,
    /// Folders laid over the packages' files, in this order.
    overlays: Vec<PathBuf>,
    /// Run inside the root at the end, for images with a complete Debian.
    script: PathBuf,
    suite: String,
    hash: String,
}

impl Image {
    fn load(workspace: &Workspace, name: &str) -> Result<Self> {
        let dir = workspace.join("runtimes/images").join(name);
        let session = workspace.join("runtimes/images/session");
        let recipe_path = dir.join("image.toml");
        let text = fs::read_to_string(&recipe_path).with_context(|| format!("read {}", recipe_path.display()))?;
        let recipe = Recipe::parse(&text).with_context(|| format!("read {}", recipe_path.display()))?;
        let suite = debian::suite();
        let script = dir.join("setup.sh");

        let mut hash = InputHash::default();
        hash.add("builder", BUILDER_VERSION.as_bytes());
        hash.add("suite", suite.as_bytes());
        hash.add("architecture", std::env::consts::ARCH.as_bytes());
        hash.add_tree(&dir, &|_| false)?;
        hash.add_tree(&session, &|_| false)?;
        Ok(Self {
            name: name.to_owned(),
            recipe,
            overlays: vec![session, dir.join("rootfs")],
            script,
            suite,
            hash: hash.finish(),
        })
    }

    fn tag(&self) -> String {
        format!("gatewright/{}:dev", self.name)
    }

    fn provide(&self, engine: &dyn CommandLine, cache_dir: &Path, fresh: bool) -> Result<()> {
        if !fresh && self.loaded(engine)?.1 == self.hash {
            return Ok(());
        }
        let _lock = cache::lock(&cache_dir.join(format!("{}.lock", self.name)))?;
        // Another xtask may have loaded it while this one waited.
        let (old_id, old_hash) = self.loaded(engine)?;
        if !fresh && old_hash == self.hash {
            return Ok(());
        }
        let started = Instant::now();
        let file = cache_dir.join(format!("{}-{}.tar", self.name, self.hash));
        if fresh || !file.is_file() {
            eprintln!("xtask: building image {} from Debian {} packages", self.name, self.suite);
            self.remove_old_files(cache_dir)?;
            self.build(&file)?;
        }
        self.import(engine, &file)?;
        if !old_id.is_empty() {
            // The untagged predecessor; a container may still use it, then it stays until that ends.
            let _in_use = engine.command().args(["image", "rm", &old_id]).output()?;
        }
        let size = engine
            .command()
            .args(["image", "inspect", "--format", "{{.Size}}", &self.tag()])
            .read()?;
        let mib = size.parse::<u64>().unwrap_or_default() / (1024 * 1024);
        eprintln!(
            "xtask: image {} is ready ({mib} MiB, {:.1} s)",
            self.tag(),
            started.elapsed().as_secs_f32()
        );
        Ok(())
    }

    /// The id and the hash of the image that the engine has under this name; empty when there is none.
    fn loaded(&self, engine: &dyn CommandLine) -> Result<(String, String)> {
        let format = format!("{{{{.Id}}}} {{{{index .Config.Labels \"{LABEL}\"}}}}");
        let inspect = engine
            .command()
            .args(["image", "inspect", "--format", &format, &self.tag()])
            .output()?;
        let known = String::from_utf8_lossy(&inspect.stdout).trim().to_owned();
        let (id, hash) = known.split_once(' ').unwrap_or((&known, ""));
        Ok((id.to_owned(), hash.to_owned()))
    }

    fn build(&self, file: &Path) -> Result<()> {
        let work = tempfile::Builder::new()
            .prefix("gatewright-image-")
            .tempdir_in(file.parent().unwrap_or(Path::new("/tmp")))?;
        let built = work.path().join("image.tar");
        match self.recipe.build {
            Build::Closure => {
                let root = work.path().join("packages");
                debian::extract(&self.suite, &self.recipe.packages, &root)?;
                let result = closure::assemble(&self.recipe, &root, &self.overlays, &work.path().join("staging"), &built);
                // mmdebstrap ran as root: what it made has to be removed by root.
                Run::as_root("rm")?.arg("-rf").arg(&root).clean_up()?;
                result?;
            }
            Build::Debian => {
                let overlay = work.path().join("overlay.tar");
                staging::Staging::new(&work.path().join("staging"))?
                    .overlay(&self.overlays)?
                    .pack(&overlay)?;
                debian::install(&self.suite, &self.recipe.packages, &overlay, &self.script, &built)?;
            }
        }
        fs::rename(&built, file).with_context(|| format!("move the image to {}", file.display()))
    }

    fn remove_old_files(&self, cache_dir: &Path) -> Result<()> {
        let prefix = format!("{}-", self.name);
        for entry in fs::read_dir(cache_dir)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.strip_prefix(&prefix).is_some_and(|rest| rest.ends_with(".tar")) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    fn import(&self, engine: &dyn CommandLine, file: &Path) -> Result<()> {
        let changes = [
            format!("USER {SESSION_UID}:{SESSION_UID}"),
            "WORKDIR /home/user".to_owned(),
            // One at a time: of several, Podman takes the rest of the line for the first one's value.
            "ENV HOME=/home/user".to_owned(),
            "ENV USER=user".to_owned(),
            "ENV SHELL=/bin/sh".to_owned(),
            "ENV LANG=C.UTF-8".to_owned(),
            "ENV PATH=/usr/local/bin:/usr/bin:/bin".to_owned(),
            "CMD [\"/usr/bin/gatewright-session\"]".to_owned(),
            format!("LABEL {LABEL}={}", self.hash),
        ];
        let mut run = engine.command().arg("import");
        for change in &changes {
            run = run.args(["--change", change]);
        }
        run.arg(file).arg(self.tag()).read().context("load the image into the engine")?;
        Ok(())
    }
}
