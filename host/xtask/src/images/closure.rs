//! The smallest root that a few programs run in: they, the libraries they are linked to, and the files they open by name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::recipe::Recipe;
use super::staging::Staging;
use crate::process::Run;

/// How deep symbolic links may go.
const LINK_LIMIT: usize = 16;

/// Chooses files from `packages` (unpacked, not installed), lays `overlays` over them, and writes the tar file `output`.
///
/// # Errors
/// A program, a library or a file is not in the packages.
pub(super) fn assemble(recipe: &Recipe, packages: &Path, overlays: &[PathBuf], work: &Path, output: &Path) -> Result<()> {
    let staging = Staging::new(work)?;
    // The merged layout of a current Debian; unpacked packages still have both.
    for name in ["bin", "sbin", "lib", "lib64"] {
        staging.dir(&format!("usr/{name}"), 0o755)?;
        staging.link(name, &format!("usr/{name}"))?;
    }
    for dir in ["dev", "proc", "sys", "root", "var", "var/lib", "var/tmp"] {
        staging.dir(dir, 0o755)?;
    }

    let mut libraries = BTreeSet::new();
    for program in &recipe.programs {
        let path = resolve(packages, program)?;
        libraries.extend(linked_libraries(packages, &path).with_context(|| format!("libraries of {program}"))?);
        staging.file(&path, &merged(program))?;
    }
    for library in &libraries {
        staging.file(&resolve(packages, library)?, &merged(library))?;
    }
    for file in &recipe.files {
        // The path itself may be a link in the packages; what is below a folder keeps its links.
        staging.tree(&resolve(packages, file)?, &merged(file))?;
    }
    if let Some(busybox) = recipe.programs.iter().find(|program| program.ends_with("/busybox")) {
        let list = Run::new(resolve(packages, busybox)?).arg("--list").read()?;
        for applet in list.lines().filter(|applet| !staging.path("usr/bin").join(applet).exists()) {
            staging.link(&format!("usr/bin/{applet}"), "busybox")?;
        }
    }
    for (link, target) in &recipe.links {
        staging.link(link, target)?;
    }
    staging.overlay(overlays)?.pack(output)
}

/// `/bin/x` and `/lib/x` as they are in the merged layout: below `/usr`.
fn merged(path: &str) -> String {
    let top = path.split('/').nth(1).unwrap_or_default();
    if matches!(top, "bin" | "sbin" | "lib" | "lib64") {
        format!("/usr{path}")
    } else {
        path.to_owned()
    }
}

/// The file that `path` names inside `root`, with links followed inside of it.
fn resolve(root: &Path, path: &str) -> Result<PathBuf> {
    let mut current = PathBuf::from(path);
    for _ in 0..LINK_LIMIT {
        let full = root.join(current.strip_prefix("/").unwrap_or(&current));
        let meta = full
            .symlink_metadata()
            .with_context(|| format!("{} is not in the packages", current.display()))?;
        if !meta.is_symlink() {
            return Ok(full);
        }
        let target = fs::read_link(&full)?;
        current = current.parent().unwrap_or(Path::new("/")).join(target);
    }
    bail!("{path} has too many links")
}

/// Absolute paths, inside `root`, of the loader and of all libraries that `program` is linked to, directly or not.
fn linked_libraries(root: &Path, program: &Path) -> Result<Vec<String>> {
    let (triplet, loader) = match std::env::consts::ARCH {
        "x86_64" => ("x86_64-linux-gnu", "/lib64/ld-linux-x86-64.so.2"),
        "aarch64" => ("aarch64-linux-gnu", "/lib/ld-linux-aarch64.so.1"),
        other => bail!("images are not built on {other} yet"),
    };
    let folders = [format!("/usr/lib/{triplet}"), format!("/lib/{triplet}")];
    let search = folders
        .iter()
        .map(|dir| root.join(dir.trim_start_matches('/')).display().to_string())
        .collect::<Vec<_>>()
        .join(":");
    let loader_path = resolve(root, loader)?;
    // Status 1 says: not linked to anything (busybox-static); `--list` would crash on such a program.
    if Run::new(&loader_path).arg("--verify").arg(program).output()?.status.code() == Some(1) {
        return Ok(Vec::new());
    }
    // The packages' own loader reads the program with the packages' own libraries, without entering the root.
    let text = Run::new(&loader_path)
        .args(["--library-path", &search, "--list"])
        .arg(program)
        .read()?;
    let mut libraries = parse_listing(&text, root)?;
    libraries.push(loader.to_owned());
    Ok(libraries)
}

/// Reads what `ld.so --list` prints.
fn parse_listing(text: &str, root: &Path) -> Result<Vec<String>> {
    let mut libraries = Vec::new();
    for line in text.lines() {
        let Some((name, rest)) = line.trim().split_once(" => ") else {
            continue;
        };
        if rest.starts_with("not found") {
            bail!("{name} is not in the packages");
        }
        let path = rest.split(" (").next().unwrap_or_default();
        // The loader itself is listed with the path of this machine.
        let Ok(inside) = Path::new(path).strip_prefix(root) else { continue };
        libraries.push(format!("/{}", inside.display()));
    }
    Ok(libraries)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn listing_of_the_loader_is_read() {
        let text = "\tlinux-vdso.so.1 (0x1)\n\tlibm.so.6 => /r/lib/x/libm.so.6 (0x2)\n\t/lib64/ld.so => /lib64/ld.so (0x3)\n";
        assert_eq!(parse_listing(text, Path::new("/r")).unwrap(), ["/lib/x/libm.so.6"]);
        let missing = "\tlibfoo.so.1 => not found\n";
        assert_eq!(
            parse_listing(missing, Path::new("/r")).unwrap_err().to_string(),
            "libfoo.so.1 is not in the packages"
        );
    }

    #[test]
    fn links_are_followed_inside_the_root_only() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        fs::write(root.path().join("usr/bin/real"), "x").unwrap();
        std::os::unix::fs::symlink("/usr/bin/real", root.path().join("usr/bin/absolute")).unwrap();
        std::os::unix::fs::symlink("absolute", root.path().join("usr/bin/relative")).unwrap();
        std::os::unix::fs::symlink("loop", root.path().join("usr/bin/loop")).unwrap();
        assert_eq!(resolve(root.path(), "/usr/bin/relative").unwrap(), root.path().join("usr/bin/real"));
        assert_eq!(
            resolve(root.path(), "/usr/bin/loop").unwrap_err().to_string(),
            "/usr/bin/loop has too many links"
        );
        assert_eq!(
            resolve(root.path(), "/etc/passwd").unwrap_err().to_string(),
            "/etc/passwd is not in the packages"
        );
    }

    #[test]
    fn old_layout_moves_below_usr() {
        assert_eq!(merged("/lib64/ld.so"), "/usr/lib64/ld.so");
        assert_eq!(merged("/etc/X11"), "/etc/X11");
        assert_eq!(merged("/usr/lib/x"), "/usr/lib/x");
    }
}
