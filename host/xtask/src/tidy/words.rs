//! Words that must not get into tracked files.

/// Registries of packages: a lock file names them, nothing else may, since a user may have mirrors. In two parts each, so
/// that this file does not name them either.
const REGISTRY_HOSTS: &[(&str, &str)] = &[
    ("crates", ".io/"),
    ("registry.", "npmjs.org"),
    ("registry.", "yarnpkg.com"),
    ("deb.", "debian.org"),
    ("security.", "debian.org"),
    ("pypi", ".org"),
    ("files.", "pythonhosted.org"),
    ("proxy.", "golang.org"),
];

/// Files that may name registries.
const LOCK_FILES: &[&str] = &["Cargo.lock", "package-lock.json", "deny.toml"];

/// In parts, as above.
const BARE_SPAWN: [&str; 2] = ["tokio::", "spawn("];

/// Offences of one file.
pub(super) fn check(path: &str, text: &str) -> Vec<String> {
    let lock_file = LOCK_FILES.contains(&path.rsplit('/').next().unwrap_or(path));
    let mut offences = Vec::new();
    let mut in_tests = false;
    for (index, line) in text.lines().enumerate() {
        in_tests |= line.trim() == "#[cfg(test)]";
        let mut complain = |what: &str| offences.push(format!("{path}:{}: {what}", index + 1));
        if !lock_file {
            for (first, second) in REGISTRY_HOSTS {
                if line.contains(&format!("{first}{second}")) {
                    complain("names a package registry");
                }
            }
        }
        if is_product(path) && !in_tests && line.contains(BARE_SPAWN.concat().as_str()) {
            complain("spawns a task that nobody joins: use a JoinSet or a TaskTracker");
        }
        if names_a_home(line) {
            complain("has the path of a person's home folder");
        }
    }
    offences
}

/// Source of the product, and not of its tests.
fn is_product(path: &str) -> bool {
    path.ends_with(".rs")
        && (path.starts_with("host/") || path.starts_with("policy/"))
        && !path.contains("/tests/")
        && !path.ends_with("tests.rs")
}

/// Whether the line has an absolute path below somebody's home folder. The home of a workspace's own user is part of the
/// images' contract.
fn names_a_home(line: &str) -> bool {
    let mut found = false;
    for (start, root) in [("/home", true), ("/Users", true), ("/root", false)] {
        for (at, _) in line.match_indices(&format!("{start}/")) {
            let begins = line
                .get(..at)
                .and_then(|before| before.chars().next_back())
                .is_none_or(|c| !(c.is_alphanumeric() || "./_-}".contains(c)));
            let rest = line.get(at + start.len() + 1..).unwrap_or_default();
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || "_-.".contains(*c)).collect();
            found |= begins && !name.is_empty() && !(root && name == "user");
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_found_and_other_paths_are_not() {
        for line in [
            format!("let x = \"/home{}\";", "/jane/x"),
            format!("/root{}", "/.cargo"),
            format!("see /Users{}", "/jo/src"),
        ] {
            assert_eq!(check("a.rs", &line).len(), 1, "{line}");
        }
        for line in [
            "/home/user/Transfer",
            "rootfs/home/user",
            "$HOME/x",
            "web/src/root/index.ts",
            "/usr/home",
            "/home/",
        ] {
            assert!(check("a.rs", line).is_empty(), "{line}");
        }
    }

    #[test]
    fn tasks_are_joined_but_in_tests() {
        let spawn = format!("let task = {}async {{}});", BARE_SPAWN.concat());
        assert_eq!(check("host/gate/src/live.rs", &spawn).len(), 1);
        assert!(
            check(
                "host/gate/src/live.rs",
                &format!("#[cfg(test)]\nmod tests {{ {spawn} }}\n\n{spawn}")
            )
            .is_empty()
        );
        assert!(check("host/gate/tests/all/main.rs", &spawn).is_empty());
    }

    #[test]
    fn registries_are_only_in_lock_files() {
        let line = format!("https://registry.{}/x", "npmjs.org");
        assert_eq!(check("web/README.md", &line), ["web/README.md:1: names a package registry"]);
        assert!(check("web/package-lock.json", &line).is_empty());
        assert!(check("a.rs", "crates.iota and docs.rs").is_empty());
    }
}
