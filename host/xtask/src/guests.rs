//! Builds the plugins of this repository: components with their manifest inside.
//!
//! A folder below `plugins/`, `runtimes/` or `tests/guests/` with a `plugin.toml` is a crate that makes a plugin. Each file
//! `plugin*.toml` in it is a version of it: one source, one manifest each, and with `build_features` in the manifest, other
//! features of the crate. What comes out, in `target/guests` (the hostile ones of `tests/guests` in its folder `hostile`):
//! `<id>.wasm` from `plugin.toml`, and `<id>@<version>.wasm` from each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use wasm_encoder::{ComponentSection as _, CustomSection};

use crate::cache::{self, InputHash};
use crate::wasm_toolchain::{self, TARGET, Toolchain};
use crate::workspace::Workspace;

/// The custom section that carries the manifest.
const MANIFEST_SECTION: &str = "gatewright:manifest";
/// The field of a `plugin.toml` that is for this command and does not get into the plugin.
const BUILD_FEATURES: &str = "build_features";
/// The profile in the root's `Cargo.toml`.
const PROFILE: &str = "guest";
/// Folders that have plugins in them, and the folder of `target/guests` that they come out in.
const HOMES: [(&str, &str); 3] = [("plugins", ""), ("runtimes", ""), ("tests/guests", "hostile")];
/// Begins every component: a module has another version here.
const COMPONENT_HEAD: &[u8] = b"\0asm\x0d\0\x01\0";

/// Builds all plugins. When nothing changed it takes milliseconds.
///
/// # Errors
/// No toolchain, a manifest that makes no sense, or a plugin that does not compile; the message names it.
pub(crate) fn build_guests(workspace: &Workspace) -> Result<()> {
    let out = workspace.target().join("guests");
    fs::create_dir_all(out.join("hostile")).with_context(|| format!("make {}", out.display()))?;
    let _lock = cache::lock(&out.join(".lock"))?;
    let versions = find(workspace.root())?;
    check_names(&versions)?;
    let toolchain = wasm_toolchain::toolchain()?;
    let inputs = inputs(workspace, &toolchain, &versions)?;
    let stamp = Stamp::at(&out);
    if stamp.holds(&inputs) {
        return Ok(());
    }
    eprintln!("xtask: building {} plugins", versions.len());
    let built = build(workspace, &toolchain, &versions, &out)?;
    stamp.write(&inputs, &built)
}

/// One version of a plugin.
#[derive(Debug)]
struct Version {
    /// The crate, for `cargo build --package`.
    package: String,
    /// The `plugin*.toml`, for messages.
    file: PathBuf,
    id: String,
    version: String,
    /// Features of the crate.
    features: Vec<String>,
    /// What goes into the plugin.
    manifest: String,
    /// Below `target/guests`.
    folder: &'static str,
    /// Whether it is the one that `<id>.wasm` is.
    is_main: bool,
}

impl Version {
    fn read(package: &str, file: PathBuf, folder: &'static str) -> Result<Self> {
        let name = || file.display().to_string();
        let mut manifest: toml::Table = fs::read_to_string(&file)
            .with_context(|| format!("read {}", name()))?
            .parse()
            .with_context(|| format!("{} is not TOML", name()))?;
        let features = match manifest.remove(BUILD_FEATURES) {
            None => Vec::new(),
            Some(features) => features
                .try_into()
                .with_context(|| format!("{BUILD_FEATURES} in {} is no list of texts", name()))?,
        };
        let text = |field: &str| {
            let value = manifest.get(field).and_then(toml::Value::as_str);
            value
                .map(str::to_owned)
                .with_context(|| format!("{} has no text `{field}`", name()))
        };
        let (id, version) = (text("id")?, text("version")?);
        // Both become the name of a file.
        let fits = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+.".contains(&b)) && !text.starts_with('.')
        };
        if !fits(&id) || !fits(&version) {
            bail!(
                "{}: id and version have letters, digits and `-`, the version also `.` and `+`",
                name()
            );
        }
        text("kind")?;
        text("wit")?;
        let is_main = file.file_name().is_some_and(|name| name == "plugin.toml");
        let manifest = toml::to_string(&manifest).with_context(|| format!("write the manifest of {}", name()))?;
        Ok(Self {
            package: package.to_owned(),
            file,
            id,
            version,
            features,
            manifest,
            folder,
            is_main,
        })
    }

    /// The files that it becomes, below `target/guests`.
    fn outputs(&self) -> Vec<PathBuf> {
        let folder = Path::new(self.folder);
        let mut outputs = vec![folder.join(format!("{}@{}.wasm", self.id, self.version))];
        if self.is_main {
            outputs.push(folder.join(format!("{}.wasm", self.id)));
        }
        outputs
    }
}

/// Finds all versions of all plugins.
fn find(root: &Path) -> Result<Vec<Version>> {
    let mut versions = Vec::new();
    for (home, folder) in HOMES {
        for guest in listed(&root.join(home))? {
            if !guest.join("plugin.toml").is_file() {
                continue;
            }
            let package = package_name(&guest)?;
            for file in listed(&guest)? {
                let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                if name.starts_with("plugin") && name.ends_with(".toml") {
                    versions.push(Version::read(&package, file, folder)?);
                }
            }
        }
    }
    Ok(versions)
}

fn package_name(guest: &Path) -> Result<String> {
    let file = guest.join("Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(&file)
        .with_context(|| format!("{} has a plugin.toml and no Cargo.toml", guest.display()))?
        .parse()
        .with_context(|| format!("{} is not TOML", file.display()))?;
    let name = manifest
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(toml::Value::as_str);
    name.map(str::to_owned)
        .with_context(|| format!("{} names no package", file.display()))
}

/// Two plugins must not become the same file.
fn check_names(versions: &[Version]) -> Result<()> {
    let mut seen = BTreeMap::new();
    for version in versions {
        for output in version.outputs() {
            if let Some(other) = seen.insert(output, &version.file) {
                bail!("{} and {} have the same id and version", other.display(), version.file.display());
            }
        }
    }
    Ok(())
}

/// Everything that what comes out depends on.
fn inputs(workspace: &Workspace, toolchain: &Toolchain, versions: &[Version]) -> Result<String> {
    let mut hash = InputHash::default();
    hash.add("toolchain", toolchain.version.as_bytes());
    hash.add("this command", include_bytes!("guests.rs"));
    let skip = |name: &str| name == "target";
    for part in ["Cargo.toml", "Cargo.lock", "sdk-wit", "plugins", "host/protocols/filetype"] {
        hash.add_tree(&workspace.join(part), &skip)?;
    }
    for version in versions {
        hash.add(&version.package, version.manifest.as_bytes());
        if let Some(guest) = version.file.parent().filter(|_| version.is_main) {
            hash.add_tree(guest, &skip)?;
        }
    }
    Ok(hash.finish())
}

/// Builds each set of features in a call of cargo, and puts the manifests in. Gives the files that it made, below `out`.
fn build(workspace: &Workspace, toolchain: &Toolchain, versions: &[Version], out: &Path) -> Result<Vec<PathBuf>> {
    let mut by_features: BTreeMap<Vec<String>, Vec<&Version>> = BTreeMap::new();
    for version in versions {
        let qualified = version
            .features
            .iter()
            .map(|feature| format!("{}/{feature}", version.package))
            .collect();
        by_features.entry(qualified).or_default().push(version);
    }
    let target = workspace.target().join("guests-build");
    let built = target.join(TARGET).join(PROFILE);
    let mut made = Vec::new();
    for (features, versions) in &by_features {
        let packages: BTreeSet<&str> = versions.iter().map(|version| version.package.as_str()).collect();
        // Cargo gives the library the same name whatever the features are, and takes the one that it finds for up to date.
        for package in packages.iter().filter(|package| has_variants(&by_features, package)) {
            remove(&built.join("deps").join(file_name(package)))?;
        }
        cargo(workspace, toolchain, &target, &packages, features)?;
        for version in versions {
            let component = fs::read(built.join(file_name(&version.package)))
                .with_context(|| format!("cargo made no component of {}", version.package))?;
            let plugin = with_manifest(component, &version.manifest).with_context(|| format!("plugin {}", version.id))?;
            for output in version.outputs() {
                write_if_other(&out.join(&output), &plugin)?;
                made.push(output);
            }
        }
    }
    Ok(made)
}

fn has_variants(by_features: &BTreeMap<Vec<String>, Vec<&Version>>, package: &str) -> bool {
    by_features
        .values()
        .filter(|versions| versions.iter().any(|version| version.package == package))
        .count()
        > 1
}

fn cargo(workspace: &Workspace, toolchain: &Toolchain, target: &Path, packages: &BTreeSet<&str>, features: &[String]) -> Result<()> {
    // No name of a folder of this machine gets into a plugin: the same source makes the same bytes elsewhere.
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let mut remap: Vec<(&Path, &str)> = vec![(workspace.root(), "gatewright")];
    remap.extend(home.iter().map(|home| (home.as_path(), "cargo")));
    let mut run = toolchain
        .cargo(&remap)
        .args([
            "build",
            "--quiet",
            "--lib",
            "--target",
            TARGET,
            "--profile",
            PROFILE,
            "--target-dir",
        ])
        .arg(target)
        .dir(workspace.root());
    for package in packages {
        run = run.args(["--package", package]);
    }
    if !features.is_empty() {
        run = run.arg("--features").arg(features.join(","));
    }
    run.run()
}

/// What cargo calls the library of a package, a component on this target.
fn file_name(package: &str) -> String {
    format!("{}.wasm", package.replace('-', "_"))
}

/// Puts the manifest at the end of a component.
fn with_manifest(mut component: Vec<u8>, manifest: &str) -> Result<Vec<u8>> {
    if !component.starts_with(COMPONENT_HEAD) {
        bail!("what cargo made is no component: is the linker wasm-component-ld?");
    }
    CustomSection {
        name: MANIFEST_SECTION.into(),
        data: manifest.as_bytes().into(),
    }
    .append_to_component(&mut component);
    Ok(component)
}

/// Whoever watches the folder sees a whole file or none, and only one that changed.
fn write_if_other(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let new = path.with_extension("new");
    fs::write(&new, bytes)
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("write {}", path.display()))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).with_context(|| format!("remove {}", path.display())),
        _ => Ok(()),
    }
}

/// Everything in a folder, in order; nothing where there is none.
fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// What was built last time: the inputs in the first line, then the files.
struct Stamp<'a> {
    out: &'a Path,
    last: String,
}

impl<'a> Stamp<'a> {
    fn at(out: &'a Path) -> Self {
        // Missing, or damaged: then everything is built.
        let last = fs::read_to_string(out.join(".built")).unwrap_or_default();
        Self { out, last }
    }

    fn holds(&self, inputs: &str) -> bool {
        let mut lines = self.last.lines();
        lines.next() == Some(inputs) && lines.all(|file| self.out.join(file).is_file())
    }

    /// Also removes what was built last time and is not any more.
    fn write(&self, inputs: &str, built: &[PathBuf]) -> Result<()> {
        for file in self
            .last
            .lines()
            .skip(1)
            .filter(|file| !built.iter().any(|built| built.as_path() == Path::new(file)))
        {
            remove(&self.out.join(file))?;
        }
        let lines = built
            .iter()
            .fold(format!("{inputs}\n"), |lines, file| format!("{lines}{}\n", file.display()));
        write_if_other(&self.out.join(".built"), lines.as_bytes())
    }
}

#[cfg(test)]
#[path = "guests_tests.rs"]
mod tests;
