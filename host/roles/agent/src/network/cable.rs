//! A pair of virtual interfaces (veth): one end at the host, the other in a container.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;

use super::command::{CommandError, run};
use super::pool::Pool;
use crate::guard::ContainerId;

/// What the container's end is called inside.
const INSIDE: &str = "eth0";
/// The kernel's own default.
const ETHERNET_MTU: u32 = 1500;

/// The way into a container's network. Held open: the process may go, and its number be another's.
pub(super) struct Cable {
    namespace: File,
}

impl Cable {
    /// The network of a container with this first process.
    pub(super) fn into_container(container: &ContainerId, pid: u32) -> Result<Self, CommandError> {
        let failed = |why: &dyn ToString| CommandError::new("find the container's network", why.to_string());
        let namespace = File::open(format!("/proc/{pid}/ns/net")).map_err(|error| failed(&error))?;
        // After it was opened: a number that was handed on meanwhile is another process's, in another control group.
        let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).map_err(|error| failed(&error))?;
        if !groups.contains(container.as_str()) {
            return Err(failed(&"its process is another"));
        }
        let (theirs, ours) = (namespace.metadata(), std::fs::metadata("/proc/self/ns/net"));
        match (theirs, ours) {
            (Ok(theirs), Ok(ours)) if (theirs.dev(), theirs.ino()) != (ours.dev(), ours.ino()) => Ok(Self { namespace }),
            (Err(error), _) | (_, Err(error)) => Err(failed(&error)),
            _ => Err(failed(&"it is the host's")),
        }
    }

    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.namespace.as_raw_fd())
    }

    async fn inside(&self, command: &[&str]) -> Result<String, CommandError> {
        let net = format!("--net={}", self.path());
        run("nsenter", &[&[net.as_str()], command].concat()).await
    }

    /// Whether there is one.
    pub(super) async fn is_there(&self) -> bool {
        self.inside(&["ip", "link", "show", "dev", INSIDE]).await.is_ok()
    }

    /// Lays one, on the first network of the pool that is free. The name of the host's end.
    pub(super) async fn lay(&self, pool: &Pool, prefix: &str) -> Result<String, CommandError> {
        let mtu = uplink_mtu().to_string();
        for network in 0..pool.networks() {
            let name = format!("{prefix}{network}");
            // The name is the lock: of two that try, one makes it.
            let pair = [
                "link",
                "add",
                &name,
                "mtu",
                &mtu,
                "type",
                "veth",
                "peer",
                "name",
                INSIDE,
                "mtu",
                &mtu,
                "netns",
                &self.path(),
            ];
            match run("ip", &pair).await {
                Ok(_) => {}
                Err(_) if exists(&name) => continue,
                Err(error) => return Err(error),
            }
            if let Err(error) = self.set_up(&name, pool.addresses(network)).await {
                take_away(&name).await?;
                return Err(error);
            }
            return Ok(name);
        }
        Err(CommandError::new(
            "give the session a network",
            "all networks of the pool are taken",
        ))
    }

    async fn set_up(&self, name: &str, (host, container): (std::net::Ipv4Addr, std::net::Ipv4Addr)) -> Result<(), CommandError> {
        // IPv6 is not filtered address by address, so there is none, on either end.
        let off = |file: String| std::fs::write(&file, "1").map_err(|error| CommandError::new(format!("write {file}"), error));
        if std::path::Path::new("/proc/sys/net/ipv6").exists() {
            off(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"))?;
            self.inside(&["sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6"])
                .await?;
        }
        run("ip", &["address", "add", &format!("{host}/29"), "dev", name]).await?;
        run("ip", &["link", "set", name, "up"]).await?;
        self.inside(&["ip", "address", "add", &format!("{container}/29"), "dev", INSIDE])
            .await?;
        self.inside(&["ip", "link", "set", INSIDE, "up"]).await?;
        self.inside(&["ip", "route", "add", "default", "via", &host.to_string()]).await?;
        Ok(())
    }
}

/// The host's ends of all cables.
pub(super) fn all(prefix: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(prefix)).collect()
}

/// Removes a cable by its host's end, and with it the other.
pub(super) async fn take_away(name: &str) -> Result<(), CommandError> {
    match run("ip", &["link", "delete", name]).await {
        Err(error) if exists(name) => Err(error),
        _ => Ok(()),
    }
}

fn exists(name: &str) -> bool {
    std::path::Path::new("/sys/class/net").join(name).exists()
}

/// The largest packet that the way to the Internet takes.
fn uplink_mtu() -> u32 {
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    let interface = routes.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let interface = fields.next()?;
        (fields.next()? == "00000000").then_some(interface)
    });
    let mtu = interface.and_then(|name| std::fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok());
    mtu.and_then(|mtu| mtu.trim().parse().ok()).unwrap_or(ETHERNET_MTU)
}
