//! Installs the Debian packages that the commands need.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};

use crate::engine;
use crate::process::{Run, on_path};

/// What the machine is prepared for; each but the last contains what the one before needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// Building workspace images.
    Images,
    /// Running the product.
    Run,
    /// The whole test run.
    Test,
    /// Fuzzing, for which nothing of the others is needed but a C++ compiler.
    Fuzz,
}

/// A Debian package and the programs that make it unnecessary when they are already there.
struct Package {
    name: &'static str,
    from: Purpose,
    unless: &'static [&'static str],
}

const PACKAGES: &[Package] = &[
    Package {
        name: "ca-certificates",
        from: Purpose::Images,
        unless: &[],
    },
    Package {
        name: "debian-archive-keyring",
        from: Purpose::Images,
        unless: &[],
    },
    Package {
        name: "docker.io",
        from: Purpose::Images,
        unless: &["docker", "dockerd"],
    },
    Package {
        name: "iptables",
        from: Purpose::Images,
        unless: &["iptables"],
    },
    Package {
        name: "mmdebstrap",
        from: Purpose::Images,
        unless: &["mmdebstrap"],
    },
    Package {
        name: "gcc",
        from: Purpose::Run,
        unless: &["cc"],
    },
    Package {
        name: "postgresql",
        from: Purpose::Test,
        unless: &[],
    },
    Package {
        name: "docker-registry",
        from: Purpose::Test,
        unless: &["docker-registry"],
    },
    Package {
        name: "iproute2",
        from: Purpose::Test,
        unless: &["ip"],
    },
    Package {
        name: "nftables",
        from: Purpose::Test,
        unless: &["nft"],
    },
    Package {
        name: "podman",
        from: Purpose::Test,
        unless: &["podman"],
    },
    Package {
        name: "runc",
        from: Purpose::Test,
        unless: &["runc"],
    },
    Package {
        name: "conmon",
        from: Purpose::Test,
        unless: &["conmon"],
    },
    Package {
        name: "netavark",
        from: Purpose::Test,
        unless: &[],
    },
    Package {
        name: "uidmap",
        from: Purpose::Test,
        unless: &["newuidmap", "newgidmap"],
    },
    Package {
        name: "tigervnc-standalone-server",
        from: Purpose::Test,
        unless: &["Xvnc"],
    },
    Package {
        name: "xterm",
        from: Purpose::Test,
        unless: &["xterm"],
    },
    Package {
        name: "xclip",
        from: Purpose::Test,
        unless: &["xclip"],
    },
    Package {
        name: "chromium",
        from: Purpose::Test,
        unless: &[],
    },
];

/// Installs what is missing for `purpose`. When all is there it takes milliseconds and touches nothing.
///
/// # Errors
/// Not a Debian, neither root nor sudo, or apt fails; the message names what is missing.
pub(crate) fn run(purpose: Purpose) -> Result<()> {
    let engine_answers = engine::any_answers();
    let wanted: Vec<&str> = PACKAGES
        .iter()
        .filter(|package| {
            if purpose == Purpose::Fuzz {
                package.from == Purpose::Fuzz
            } else {
                package.from <= purpose
            }
        })
        .filter(|package| package.unless.is_empty() || !package.unless.iter().all(|program| on_path(program)))
        // With an engine at hand only its command line is needed.
        .filter(|package| !(engine_answers && (package.name == "iptables" || (package.name == "docker.io" && on_path("docker")))))
        .map(|package| package.name)
        .collect();
    let missing = missing(&wanted)?;
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !on_path("apt-get") {
        bail!("these are missing, and there is no apt-get to install them with (Debian package names): {list}");
    }
    eprintln!("xtask: installing {list}");
    let apt = |args: &[&str]| -> Result<()> {
        Run::as_root("env")
            .with_context(|| format!("install these Debian packages first: {list}"))?
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
            .args(args)
            .run()
    };
    apt(&["update", "-qq"])?;
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(&missing);
    apt(&install).with_context(|| format!("these Debian packages could not be installed: {list}"))
}

/// Which of `packages` dpkg does not have installed.
fn missing<'a>(packages: &[&'a str]) -> Result<Vec<&'a str>> {
    if packages.is_empty() || !on_path("dpkg-query") {
        return Ok(packages.to_vec());
    }
    // dpkg-query fails when it does not know one of the names, and still prints the others.
    let output = Run::new("dpkg-query")
        .args(["-W", "-f", "${Package} ${db:Status-Status}\n"])
        .args(packages)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(not_installed(packages, &text))
}

fn not_installed<'a>(packages: &[&'a str], listing: &str) -> Vec<&'a str> {
    let installed: BTreeSet<&str> = listing.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    packages.iter().copied().filter(|package| !installed.contains(package)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_that_are_unknown_or_half_removed_are_missing() {
        let listing = "docker.io installed\niptables config-files\n";
        assert_eq!(
            not_installed(&["docker.io", "iptables", "mmdebstrap"], listing),
            ["iptables", "mmdebstrap"]
        );
    }
}
