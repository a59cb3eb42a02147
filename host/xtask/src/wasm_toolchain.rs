//! A Rust toolchain that has the target `wasm32-unknown-unknown`.
//!
//! Where rustup can fetch the target, that is all. Where it cannot (no way to its server), one is made of Debian's `rustc-web`
//! packages, unpacked and not installed, with the linker of the toolchain that is here, and the target's standard library is
//! built from the packaged source. The result is cached by the versions that went into it, outside of the repository.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::cache::{self, InputHash};
use crate::process::{Run, on_path};

/// The target that plugins are built for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// Names everything that went into a cached toolchain; the last file that is written.
const VERSIONS_FILE: &str = "versions";
/// Changes whenever toolchains made by an older xtask can't be used.
const RECIPE: &str = "1";

/// A compiler with the target, and cargo to drive it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// The compiler; none where the one that cargo finds by itself has the target.
    rustc: Option<PathBuf>,
    /// Names its version; another text means that everything has to be built anew.
    pub(crate) version: String,
}

impl Toolchain {
    /// Cargo, set up to build for [`TARGET`] with this toolchain. `remap` are folders whose names must not get into what is built.
    pub(crate) fn cargo(&self, remap: &[(&Path, &str)]) -> Run {
        let mut flags = vec!["-Clinker-flavor=wasm-ld".to_owned()];
        flags.extend(
            remap
                .iter()
                .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())),
        );
        let cargo = clean_cargo()
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-component-ld")
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
        match &self.rustc {
            Some(rustc) => cargo.env("RUSTC", rustc),
            None => cargo,
        }
    }
}

/// Finds a toolchain with the target, and makes one where there is none. Takes minutes the first time at the most.
///
/// # Errors
/// There is no way to get one; the message names what is missing.
pub(crate) fn toolchain() -> Result<Toolchain> {
    let own = Own::look()?;
    if own.has_target()? {
        return Ok(own.as_toolchain());
    }
    let cache = cache::section("wasm-toolchain")?;
    if let Some(found) = cached(&cache, &own.version) {
        return Ok(found);
    }
    let _lock = cache::lock(&cache.join("lock"))?;
    // Another xtask may have made it while this one waited.
    if let Some(found) = cached(&cache, &own.version) {
        return Ok(found);
    }
    let from_rustup = own.add_target();
    if from_rustup.is_ok() && own.has_target()? {
        return Ok(own.as_toolchain());
    }
    let why = from_rustup
        .err()
        .map_or_else(|| "it is not there afterwards".to_owned(), |error| format!("{error:#}"));
    eprintln!("xtask: rustup cannot add {TARGET} here; making a toolchain of Debian's rustc-web packages (once, about a minute)");
    from_debian(&cache, &own)
        .with_context(|| format!("no compiler for {TARGET}: `rustup target add {TARGET}` did not work ({why}), nor did Debian's packages"))
}

/// The toolchain that runs this xtask.
struct Own {
    /// All that `rustc -vV` says.
    version: String,
    host: String,
    sysroot: PathBuf,
}

impl Own {
    fn look() -> Result<Self> {
        let version = rustc().arg("-vV").read().context("is Rust installed?")?;
        let host = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .context("`rustc -vV` names no host")?
            .to_owned();
        let sysroot = PathBuf::from(rustc().args(["--print", "sysroot"]).read()?);
        Ok(Self { version, host, sysroot })
    }

    fn as_toolchain(&self) -> Toolchain {
        Toolchain {
            rustc: None,
            version: self.version.clone(),
        }
    }

    fn has_target(&self) -> Result<bool> {
        let folder = self.sysroot.join("lib/rustlib").join(TARGET).join("lib");
        Ok(folder.is_dir() && first(&folder, "libstd-", ".rlib")?.is_some())
    }

    fn add_target(&self) -> Result<()> {
        if !on_path("rustup") {
            bail!("there is no rustup");
        }
        let toolchain = self.sysroot.file_name().context("the sysroot has no name")?;
        Run::new("rustup")
            .args(["target", "add", TARGET, "--toolchain"])
            .arg(toolchain)
            .read()
            .map(drop)
    }

    /// Programs that link for WASM, which rustup's toolchains have and Debian's does not.
    fn linkers(&self) -> Result<PathBuf> {
        let folder = self.sysroot.join("lib/rustlib").join(&self.host).join("bin");
        for program in ["rust-lld", "wasm-component-ld"] {
            if !folder.join(program).is_file() {
                bail!("{program} is missing in {}: use a toolchain installed by rustup", folder.display());
            }
        }
        Ok(folder)
    }
}

/// A finished toolchain in the cache that was made for this compiler.
fn cached(cache: &Path, own_version: &str) -> Option<Toolchain> {
    let mut found: Vec<Toolchain> = fs::read_dir(cache)
        .ok()?
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let versions = fs::read_to_string(folder.join(VERSIONS_FILE)).ok()?;
            versions.starts_with(&head(own_version)).then(|| in_folder(&folder, versions))
        })
        .collect();
    found.sort_by(|a, b| a.version.cmp(&b.version));
    found.pop()
}

fn in_folder(folder: &Path, versions: String) -> Toolchain {
    Toolchain {
        rustc: Some(folder.join("bin/rustc")),
        version: versions,
    }
}

/// How a cached toolchain's list of versions begins.
fn head(own_version: &str) -> String {
    format!("recipe {RECIPE}\n{own_version}\n")
}

fn from_debian(cache: &Path, own: &Own) -> Result<Toolchain> {
    let linkers = own.linkers()?;
    let packages = debian_packages()?;
    let versions = packages.iter().fold(head(&own.version), |text, package| {
        format!("{text}{} {}\n", package.name, package.version)
    });
    let mut hash = InputHash::default();
    hash.add("versions", versions.as_bytes());
    let finished = cache.join(hash.finish());

    let work = tempfile::Builder::new()
        .prefix(".making-")
        .tempdir_in(cache)
        .context("make a folder in the cache")?;
    let unpacked = work.path().join("unpacked");
    let made = work.path().join("toolchain");
    download(&packages, &work.path().join("debs"), &unpacked)?;
    let usr = unpacked.join("usr");
    assemble(&usr, own, &linkers, &made)?;
    build_std(&usr, &made, work.path())?;
    fs::write(made.join(VERSIONS_FILE), &versions)?;
    // What stands there has no list of versions, or it would have been found: it is of no use.
    if finished.exists() {
        fs::remove_dir_all(&finished).with_context(|| format!("remove the damaged {}", finished.display()))?;
    }
    fs::rename(&made, &finished).with_context(|| format!("move the toolchain to {}", finished.display()))?;
    Ok(in_folder(&finished, versions))
}

/// A package that is to be unpacked.
#[derive(Debug, PartialEq, Eq)]
struct Package {
    name: String,
    version: String,
    depends: String,
}

fn debian_packages() -> Result<Vec<Package>> {
    for program in ["apt-get", "apt-cache", "dpkg-deb", "cc"] {
        if !on_path(program) {
            bail!("there is no `{program}`: on another system than Debian, let rustup add the target");
        }
    }
    if lookup("rustc-web").is_err() {
        eprintln!("xtask: apt does not know rustc-web yet: updating its lists");
        Run::as_root("apt-get")?.args(["update", "-qq"]).run()?;
    }
    let compiler = lookup("rustc-web")?;
    let source = lookup("rust-web-src")?;
    let development = lookup("libstd-rust-web-dev")?;
    let library = lookup(dependency(&development, "libstd-rust-web-")?)?;
    let llvm = lookup(dependency(&library, "libllvm")?)?;
    for other in [&source, &development, &library] {
        if other.version != compiler.version {
            bail!(
                "{} is {} and rustc-web is {}: run `apt-get update`",
                other.name,
                other.version,
                compiler.version
            );
        }
    }
    Ok(vec![compiler, source, development, library, llvm])
}

/// The version of `package` that apt would install.
fn lookup(name: &str) -> Result<Package> {
    let text = Run::new("apt-cache")
        .args(["show", "--no-all-versions", name])
        .read()
        .with_context(|| format!("apt has no package {name}: are Debian's archives, with security, in its sources?"))?;
    let field = |field: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(": "))
            .map(str::to_owned)
    };
    Ok(Package {
        name: field("Package").unwrap_or_else(|| name.to_owned()),
        version: field("Version").with_context(|| format!("apt names no version of {name}"))?,
        depends: field("Depends").unwrap_or_default(),
    })
}

/// The package that `package` depends on whose name begins so.
fn dependency<'a>(package: &'a Package, prefix: &str) -> Result<&'a str> {
    package
        .depends
        .split([',', '|'])
        .filter_map(|one| one.split_whitespace().next())
        .find(|name| name.starts_with(prefix))
        .with_context(|| format!("{} depends on no package {prefix}*", package.name))
}

fn download(packages: &[Package], debs: &Path, unpacked: &Path) -> Result<()> {
    fs::create_dir(debs)?;
    let names: Vec<String> = packages
        .iter()
        .map(|package| format!("{}={}", package.name, package.version))
        .collect();
    eprintln!("xtask: downloading {}", names.join(", "));
    Run::new("apt-get")
        .args(["download", "-qq"])
        .args(&names)
        .dir(debs)
        .read()
        .context("download Debian's packages")?;
    for deb in listed(debs)? {
        Run::new("dpkg-deb").arg("-x").arg(&deb).arg(unpacked).read()?;
    }
    Ok(())
}

/// Puts the pieces where a compiler looks for them.
fn assemble(usr: &Path, own: &Own, linkers: &Path, to: &Path) -> Result<()> {
    let own_target = PathBuf::from("lib/rustlib").join(&own.host);
    for folder in ["bin", "libexec"] {
        fs::create_dir_all(to.join(folder))?;
    }
    fs::create_dir_all(to.join("lib/rustlib"))?;
    fs::copy(usr.join("bin/rustc"), to.join("libexec/rustc")).context("rustc is not in the package rustc-web")?;
    copy_tree(&usr.join(&own_target), &to.join(&own_target))?;
    let mut folders = vec![usr.join("lib")];
    // Debian's folder for libraries has another name than Rust's target: x86_64-linux-gnu.
    folders.extend(
        listed(&usr.join("lib"))?
            .into_iter()
            .filter(|path| path.is_dir() && path.to_string_lossy().ends_with("-linux-gnu")),
    );
    let mut driver = false;
    for library in folders
        .iter()
        .map(|folder| listed(folder))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
    {
        let name = library
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if library.is_file()
            && ["librustc_driver-", "libLLVM", "libstd-", "libtest-"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        {
            driver |= name.starts_with("librustc_driver-");
            // `copy` follows links: the folder that is left is whole.
            fs::copy(&library, to.join("lib").join(&name))?;
        }
    }
    if !driver {
        bail!("Debian's packages have no librustc_driver: their layout changed");
    }
    copy_tree(linkers, &to.join(&own_target).join("bin"))?;
    // The linkers need the LLVM that they were built with.
    for library in listed(&own.sysroot.join("lib"))? {
        let name = library
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name.starts_with("libLLVM") && !to.join("lib").join(&name).exists() {
            fs::copy(&library, to.join("lib").join(&name))?;
        }
    }
    let wrapper = to.join("bin/rustc");
    fs::write(
        &wrapper,
        "#!/bin/sh\nhere=$(dirname \"$(dirname \"$(readlink -f \"$0\")\")\")\n\
         LD_LIBRARY_PATH=\"$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\" exec \"$here/libexec/rustc\" \"$@\"\n",
    )?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Builds the standard library for [`TARGET`], from the packaged source and its vendored dependencies: offline.
fn build_std(usr: &Path, toolchain: &Path, work: &Path) -> Result<()> {
    let source = first(&usr.join("src"), "rustc-", "")?
        .context("no source of rustc in the package rust-web-src")?
        .join("library");
    let in_toolchain = toolchain.join("lib/rustlib/src/rust");
    fs::create_dir_all(&in_toolchain)?;
    fs::rename(&source, in_toolchain.join("library")).context("no `library` in the package rust-web-src")?;
    let package = work.join("nothing");
    fs::create_dir_all(package.join("src"))?;
    fs::write(package.join("src/lib.rs"), "#![no_std]\n")?;
    fs::write(
        package.join("Cargo.toml"),
        "[package]\nname = \"nothing\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[profile.release]\nopt-level = 3\ndebug = 0\n[workspace]\n",
    )?;
    eprintln!("xtask: building the standard library for {TARGET}");
    let vendor = in_toolchain.join("library/vendor");
    let flags = [
        "-Cembed-bitcode=yes".to_owned(),
        "-Zforce-unstable-if-unmarked".to_owned(),
        format!("--remap-path-prefix={}=/rust", in_toolchain.display()),
    ];
    clean_cargo()
        .env("RUSTC", toolchain.join("bin/rustc"))
        // Building the standard library is not stable, and this is how its own build does it.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_DEFAULT_LIB_METADATA", "gatewright")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--offline",
            "--target",
            TARGET,
            "-Zbuild-std=std,panic_abort",
        ])
        .args(["--config", "source.crates-io.replace-with='packaged'", "--config"])
        .arg(format!("source.packaged.directory='{}'", vendor.display()))
        .dir(&package)
        .run()?;
    let to = toolchain.join("lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&to)?;
    for file in listed(&package.join("target").join(TARGET).join("release/deps"))? {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(".rlib") && !name.starts_with("libnothing-") {
            fs::copy(&file, to.join(&name))?;
        }
    }
    if first(&to, "libstd-", ".rlib")?.is_none() {
        bail!("the build made no standard library");
    }
    fs::remove_dir_all(toolchain.join("lib/rustlib/src"))?;
    Ok(())
}

/// The compiler that cargo uses here.
fn rustc() -> Run {
    Run::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// Cargo without what the one that started this xtask, or a person's shell, set for other builds.
fn clean_cargo() -> Run {
    [
        "RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "CARGO_INCREMENTAL",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
    ]
    .iter()
    .fold(
        Run::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
        |cargo, name| cargo.env_remove(name),
    )
}

/// Everything in a folder, in order.
fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The first entry of a folder whose name begins and ends so.
fn first(folder: &Path, prefix: &str, suffix: &str) -> Result<Option<PathBuf>> {
    Ok(listed(folder)?.into_iter().find(|path| {
        path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            name.starts_with(prefix) && name.ends_with(suffix)
        })
    }))
}

/// Copies a folder. Links to libraries outside of it are kept as links, links between files of it too.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for path in listed(from)? {
        let target = to.join(path.file_name().context("an entry without a name")?);
        let meta = path.symlink_metadata()?;
        if meta.is_dir() {
            copy_tree(&path, &target)?;
        } else if meta.is_symlink() && !path.is_file() {
            symlink(fs::read_link(&path)?, &target)?;
        } else {
            fs::copy(&path, &target).with_context(|| format!("copy {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn package(depends: &str) -> Package {
        Package {
            name: "libstd-rust-web-dev".into(),
            version: "1".into(),
            depends: depends.into(),
        }
    }

    #[test]
    fn a_dependency_is_found_by_how_its_name_begins() {
        let depends = package("libc6 (>= 2.34), libstd-rust-web-1.96 (= 1.96.0+dfsg1-1~deb12u2), libllvm22 (>= 1:22) | x");
        assert_eq!(dependency(&depends, "libstd-rust-web-").unwrap(), "libstd-rust-web-1.96");
        assert_eq!(dependency(&depends, "libllvm").unwrap(), "libllvm22");
        assert!(
            dependency(&package("libc6"), "libllvm")
                .unwrap_err()
                .to_string()
                .contains("libllvm*")
        );
    }

    #[test]
    fn only_a_finished_toolchain_made_for_this_compiler_is_used() {
        let cache = tempfile::tempdir().unwrap();
        let make = |name: &str, versions: Option<String>| {
            fs::create_dir(cache.path().join(name)).unwrap();
            if let Some(versions) = versions {
                fs::write(cache.path().join(name).join(VERSIONS_FILE), versions).unwrap();
            }
        };
        make("unfinished", None);
        make("other", Some(format!("{}rustc-web 1.96\n", head("rustc 1.94.0"))));
        assert_eq!(cached(cache.path(), "rustc 1.95.0"), None);
        make("right", Some(format!("{}rustc-web 1.96\n", head("rustc 1.95.0"))));
        assert_eq!(
            cached(cache.path(), "rustc 1.95.0").unwrap().rustc,
            Some(cache.path().join("right/bin/rustc"))
        );
    }
}
