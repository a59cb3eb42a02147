//! A network of a test's own: a bridge in a namespace of its own, where no engine's packet filter applies, and a namespace
//! for each machine.

use anyhow::{Context as _, bail, ensure};
use tokio::process::Command;

use crate::root::root_command;

/// The table of what is dropped.
const FILTER: &str = "suite";
/// How many networks may be there at once.
const NETWORKS: u8 = 250;

/// The network `198.18.<number>.0/24` (RFC 2544: for tests, never routed); the test itself is its first host. Taken down when dropped.
pub(crate) struct Lan {
    number: u8,
    machines: std::sync::Mutex<Vec<String>>,
}

/// A machine on it.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// Its network namespace.
    pub(crate) namespace: String,
    /// Its address.
    pub(crate) address: String,
}

impl Lan {
    /// Takes a number that nobody has.
    pub(crate) async fn make() -> anyhow::Result<Self> {
        for number in 1..=NETWORKS {
            let (own, hub) = (format!("gwsuite{number}"), format!("gwsuite{number}-hub"));
            // The namespace's name is the lock: of two that try, one makes it.
            if let Err(error) = ip(&["netns", "add", &hub]).await {
                if std::path::Path::new("/run/netns").join(&hub).exists() {
                    continue;
                }
                return Err(error);
            }
            let lan = Self {
                number,
                machines: vec![hub.clone()].into(),
            };
            ip(&["-n", &hub, "link", "add", "hub", "type", "bridge"]).await?;
            ip(&["-n", &hub, "link", "set", "hub", "up"]).await?;
            ip(&["link", "add", &own, "type", "veth", "peer", "name", "test", "netns", &hub]).await?;
            ip(&["-n", &hub, "link", "set", "test", "master", "hub", "up"]).await?;
            ip(&["address", "add", &format!("198.18.{number}.1/24"), "dev", &own]).await?;
            ip(&["link", "set", &own, "up"]).await?;
            return Ok(lan);
        }
        bail!("{NETWORKS} networks are in use: are some left of a run that was killed? (ip netns | grep gwsuite)")
    }

    /// Makes a machine, or finds the one of this name.
    pub(crate) async fn machine(&self, name: &str, host: u8) -> anyhow::Result<Machine> {
        let number = self.number;
        let machine = Machine {
            namespace: format!("gwsuite{number}-{name}"),
            address: format!("198.18.{number}.{host}"),
        };
        {
            let mut machines = self.machines.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
            if machines.contains(&machine.namespace) {
                return Ok(machine);
            }
            machines.push(machine.namespace.clone());
        }
        let (namespace, hub, port) = (&machine.namespace, format!("gwsuite{number}-hub"), format!("port{host}"));
        ip(&["netns", "add", namespace]).await?;
        ip(&[
            "-n", &hub, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", namespace,
        ])
        .await?;
        ip(&["-n", &hub, "link", "set", &port, "master", "hub", "up"]).await?;
        ip(&["-n", namespace, "address", "add", &format!("{}/24", machine.address), "dev", "eth0"]).await?;
        ip(&["-n", namespace, "link", "set", "eth0", "up"]).await?;
        ip(&["-n", namespace, "link", "set", "lo", "up"]).await?;
        Ok(machine)
    }
}

impl Machine {
    /// Runs a program there. Only the network is another one: files, users and processes are the test's.
    pub(crate) fn command(&self, program: &std::path::Path) -> Command {
        let namespace = format!("--net=/run/netns/{}", self.namespace);
        if rustix::process::geteuid().is_root() {
            let mut command = Command::new("nsenter");
            command.arg(namespace).arg(program);
            return command;
        }
        let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let mut command = Command::new("sudo");
        // What is started there is this person's again, with this environment.
        command
            .args(["-n", "-E", "nsenter", &namespace, "setpriv", "--init-groups"])
            .args([format!("--reuid={user}"), format!("--regid={group}")])
            .arg(program);
        command
    }

    /// Drops every packet to and from another machine, by the kernel's own filter: neither is told.
    pub(crate) async fn cut(&self, other: &Self) -> anyhow::Result<()> {
        let rules = format!(
            "table ip {FILTER} {{\n\
             chain in {{ type filter hook input priority 0; ip saddr {0} drop; }}\n\
             chain out {{ type filter hook output priority 0; ip daddr {0} drop; }}\n}}",
            other.address
        );
        self.nft(&rules).await
    }

    /// Lets all packets pass again.
    pub(crate) async fn mend(&self) -> anyhow::Result<()> {
        self.nft(&format!("delete table ip {FILTER}")).await
    }

    async fn nft(&self, rules: &str) -> anyhow::Result<()> {
        let inside = format!("--net=/run/netns/{}", self.namespace);
        let done = Command::from(root_command("nsenter"))
            .args([&inside, "nft", rules])
            .output()
            .await?;
        ensure!(
            done.status.success(),
            "nft (Debian package nftables): {}",
            String::from_utf8_lossy(&done.stderr).trim()
        );
        Ok(())
    }

    /// Cuts its cable, or plugs it in again.
    pub(crate) async fn plug(&self, plugged: bool) -> anyhow::Result<()> {
        let parts: Vec<&str> = self.address.split('.').collect();
        let [_, _, number, host] = parts.as_slice() else {
            bail!("no address")
        };
        let state = if plugged { "up" } else { "down" };
        ip(&["-n", &format!("gwsuite{number}-hub"), "link", "set", &format!("port{host}"), state]).await
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        let machines = self.machines.get_mut().map(std::mem::take).unwrap_or_default();
        for namespace in machines {
            take_down(&["netns", "delete", &namespace]);
        }
    }
}

async fn ip(command: &[&str]) -> anyhow::Result<()> {
    let done = Command::from(root_command("ip"))
        .args(command)
        .output()
        .await
        .context("ip can't be run: install the Debian package iproute2")?;
    ensure!(
        done.status.success(),
        "ip {}: {}",
        command.join(" "),
        String::from_utf8_lossy(&done.stderr).trim()
    );
    Ok(())
}

/// In a destructor there is nobody to tell but the person at the terminal.
#[expect(clippy::print_stderr, reason = "a destructor of a test harness")]
fn take_down(command: &[&str]) {
    let done = root_command("ip").args(command).output();
    if !done.as_ref().is_ok_and(|done| done.status.success()) {
        eprintln!("ip {} failed: {done:?}", command.join(" "));
    }
}
