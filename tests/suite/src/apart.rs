//! The roles in processes of their own: two of each, in two zones, joined by tokens, over one PostgreSQL.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, ensure};
use gatewright_core::Timestamp;
use tokio::process::Command;

use crate::home::{Apart, Home};
use crate::lan::Machine;
use crate::process::Process;
use crate::{EngineKind, Entrance, Hook};

/// Where nodes listen for each other.
const RPC: u16 = 7443;
/// Where edges listen for people.
const HTTPS: u16 = 8443;

/// How long agents may take until they report.
const REPORT: Duration = Duration::from_secs(60);

/// What a process is.
struct Node {
    name: &'static str,
    role: &'static str,
    zone: &'static str,
    /// The last part of its address.
    host: u8,
}

const fn node(name: &'static str, role: &'static str, zone: &'static str, host: u8) -> Node {
    Node { name, role, zone, host }
}

const WEB_APPS: [Node; 2] = [
    node("web-app-1", "web-app", "default", 11),
    node("web-app-2", "web-app", "default", 12),
];
/// The web-app that drives sessions while it has a hook.
pub(crate) const DRIVER: &str = "web-app-1";
/// Docker is the first zone's engine, Podman the second's.
const JOINED: [Node; 6] = [
    node("proxy-1", "connection-proxy", "default", 21),
    node("proxy-2", "connection-proxy", "south", 22),
    node("agent-1", "agent", "default", 31),
    node("agent-2", "agent", "south", 32),
    node("edge-1", "dedicated-proxy", "default", 41),
    node("edge-2", "dedicated-proxy", "south", 42),
];

/// All processes, by name, in the order in which they were started.
pub(crate) struct Processes {
    running: Vec<(&'static str, Process)>,
    program: PathBuf,
    guests: PathBuf,
}

/// What all of them are started with.
pub(crate) struct Start<'a> {
    pub(crate) program: &'a Path,
    pub(crate) guests: &'a Path,
    pub(crate) hook: Option<Hook>,
    pub(crate) arguments: &'a [&'a str],
}

impl Processes {
    /// Starts them; those that never joined do so first.
    pub(crate) async fn start(home: &Home, start: Start<'_>) -> anyhow::Result<Self> {
        let apart = home.apart.as_ref().context("a home for another layout")?;
        let (given, arguments) = settings(start.arguments)?;
        let began = Timestamp::from(SystemTime::now());
        let mut all = Self {
            running: Vec::new(),
            program: start.program.to_owned(),
            guests: start.guests.to_owned(),
        };
        let hook = start.hook.map(|hook| hook.env());
        // A hook is in one web-app: with another one beside it, nobody would know which of them drives.
        let web_apps = if hook.is_some() { &WEB_APPS[..1] } else { &WEB_APPS[..] };
        for node in web_apps {
            all.configure(home, apart, node, &given)?;
            all.serve(home, apart, node, &arguments, hook.as_deref()).await?;
        }
        let joining = JOINED.iter().map(|node| {
            let all = &all;
            let given = &given;
            async move {
                all.configure(home, apart, node, given)?;
                if home.data_dir(node.name).join("node").exists() {
                    return Ok(());
                }
                all.join(home, apart, node).await
            }
        });
        futures_util::future::try_join_all(joining).await?;
        for node in &JOINED {
            all.serve(home, apart, node, &arguments, None).await?;
        }
        reported(home, began).await?;
        Ok(all)
    }

    /// Starts the web-app again that drives sessions: the others went on without it.
    pub(crate) async fn driven_again(mut self, home: &Home, start: Start<'_>) -> anyhow::Result<Self> {
        let apart = home.apart.as_ref().context("a home for another layout")?;
        let hook = start.hook.map(|hook| hook.env());
        self.serve(home, apart, &WEB_APPS[0], &[], hook.as_deref()).await?;
        Ok(self)
    }

    /// The entrance of the zone that has an engine of this kind.
    pub(crate) fn entrance(&self, home: &Home, kind: EngineKind) -> anyhow::Result<Entrance> {
        let edge = match kind {
            EngineKind::Docker => "edge-1",
            EngineKind::Podman => "edge-2",
        };
        let process = self.named(edge)?;
        Entrance::new(process.origin.clone().context("the edge names no address")?, &home.data_dir(edge))
    }

    pub(crate) fn named(&self, name: &str) -> anyhow::Result<&Process> {
        let found = self.running.iter().find(|(known, _)| *known == name);
        found.map(|(_, process)| process).with_context(|| format!("{name} does not run"))
    }

    /// Takes a process out, to be stopped or killed.
    pub(crate) fn take(&mut self, name: &str) -> anyhow::Result<Process> {
        let index = self.running.iter().position(|(known, _)| *known == name);
        Ok(self.running.remove(index.with_context(|| format!("{name} does not run"))?).1)
    }

    /// All of them, the last that was started first.
    pub(crate) fn into_all(self) -> impl Iterator<Item = Process> {
        self.running.into_iter().rev().map(|(_, process)| process)
    }

    /// What all of them logged.
    pub(crate) fn log(&self) -> String {
        self.running
            .iter()
            .map(|(name, process)| format!("── {name}\n{}", process.log()))
            .collect()
    }

    /// Starts a process that was taken out.
    pub(crate) async fn again(&mut self, home: &Home, name: &str) -> anyhow::Result<()> {
        let apart = home.apart.as_ref().context("a home for another layout")?;
        self.serve(home, apart, of(name)?, &[], None).await
    }

    /// Drops all packets between two processes' machines.
    pub(crate) async fn cut(&self, home: &Home, name: &str, other: &str) -> anyhow::Result<()> {
        machine(home, name).await?.cut(&machine(home, other).await?).await
    }

    /// Lets all packets of a process's machine pass again.
    pub(crate) async fn mend(&self, home: &Home, name: &str) -> anyhow::Result<()> {
        machine(home, name).await?.mend().await
    }

    /// Takes those out that have ended without having been asked to, with how they ended.
    pub(crate) fn take_ended(&mut self) -> Vec<(String, String)> {
        let mut ended = Vec::new();
        self.running.retain_mut(|(name, process)| match process.has_ended() {
            Some(end) => {
                ended.push(((*name).to_owned(), end));
                false
            }
            None => true,
        });
        ended
    }

    /// Cuts a process's cable, or plugs it in again.
    pub(crate) async fn plug(&self, home: &Home, name: &str, plugged: bool) -> anyhow::Result<()> {
        machine(home, name).await?.plug(plugged).await
    }

    /// Runs the product's command line beside the first web-app, as its operator does.
    pub(crate) async fn operate(&self, home: &Home, arguments: &[&str]) -> anyhow::Result<String> {
        let apart = home.apart.as_ref().context("a home for another layout")?;
        let web_app = &WEB_APPS[0];
        let mut command = self.command(home, web_app, &apart.lan.machine(web_app.name, web_app.host).await?);
        output(command.args(arguments)).await
    }

    fn configure(&self, home: &Home, apart: &Apart, node: &Node, given: &toml::Table) -> anyhow::Result<()> {
        let data = home.data_dir(node.name);
        std::fs::create_dir_all(&data)?;
        let mut conf = given.clone();
        if node.role == "web-app" {
            let store = section(&mut conf, "store")?;
            store.insert("url".into(), apart.database.url().into());
            let key = home.path().join("master.key");
            store.insert("master_key_file".into(), key.display().to_string().into());
        }
        section(&mut conf, "agent")?.insert("name".into(), node.name.into());
        if node.role == "agent" {
            let podman = node.zone == "south";
            let (runtime, variable) = if podman {
                ("runtime-podman", "GATEWRIGHT_PODMAN_HOST")
            } else {
                ("runtime-docker", "GATEWRIGHT_DOCKER_HOST")
            };
            let engine = std::env::var(variable).with_context(|| format!("{variable} names no engine: run cargo xtask test"))?;
            let agent = section(&mut conf, "agent")?;
            agent.insert("runtime".into(), runtime.into());
            agent.insert("engine".into(), engine.into());
        }
        std::fs::write(data.join("gatewright.toml"), toml::to_string(&conf)?)?;
        Ok(())
    }

    fn command(&self, home: &Home, node: &Node, machine: &Machine) -> Command {
        let data = home.data_dir(node.name);
        let mut command = machine.command(&self.program);
        command
            .env("GATEWRIGHT_DATA_DIR", &data)
            .env("GATEWRIGHT_CONFIG", data.join("gatewright.toml"))
            .env("GATEWRIGHT_GUESTS_DIR", &self.guests)
            .env_remove("GATEWRIGHT_DOCKER_HOST");
        command
    }

    async fn join(&self, home: &Home, apart: &Apart, node: &Node) -> anyhow::Result<()> {
        let told = self
            .operate(home, &["node", "add", "--role", node.role, "--zone", node.zone])
            .await?;
        // The command as it was printed.
        let line = told
            .lines()
            .find(|line| line.contains("gatewright join"))
            .context("no command was printed")?;
        let join: Vec<&str> = line.split_whitespace().skip(1).collect();
        let machine = apart.lan.machine(node.name, node.host).await?;
        output(self.command(home, node, &machine).args(join)).await?;
        Ok(())
    }

    async fn serve(&mut self, home: &Home, apart: &Apart, node: &Node, arguments: &[String], hook: Option<&str>) -> anyhow::Result<()> {
        let machine = apart.lan.machine(node.name, node.host).await?;
        let mut command = self.command(home, node, &machine);
        command.arg("serve").args(arguments);
        let at = |port: u16| format!("{}:{port}", machine.address);
        match node.role {
            // What it joined as says the rest.
            "web-app" => command.args(["--roles", "web-app", "--rpc-listen", &at(RPC)]),
            "connection-proxy" => command.args(["--rpc-listen", &at(RPC)]),
            "dedicated-proxy" => command.args(["--listen", &at(HTTPS), "--public-url", &format!("https://{}", at(HTTPS))]),
            _ => &mut command,
        };
        if let Some(hook) = hook {
            command.env("GATEWRIGHT_SUITE_HOOK", hook);
        }
        let process = Process::start(command, node.name, &home.data_dir(node.name), "Serving ").await?;
        self.running.push((node.name, process));
        Ok(())
    }
}

/// Waits until both agents have said since `began` what they can take.
async fn reported(home: &Home, began: Timestamp) -> anyhow::Result<()> {
    let store = home.store().await?;
    let deadline = Instant::now() + REPORT;
    loop {
        let nodes = store.nodes().await?;
        let fit = nodes.iter().filter(|node| node.seen_at >= began && node.degraded.is_none()).count();
        if fit == 2 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the agents do not report: {nodes:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn machine(home: &Home, name: &str) -> anyhow::Result<Machine> {
    let apart = home.apart.as_ref().context("a home for another layout")?;
    let node = of(name)?;
    apart.lan.machine(node.name, node.host).await
}

fn of(name: &str) -> anyhow::Result<&'static Node> {
    let mut all = WEB_APPS.iter().chain(&JOINED);
    all.find(|node| node.name == name).context("no such process")
}

/// The configuration that a test gives with `--config`, and the arguments beside it.
fn settings(arguments: &[&str]) -> anyhow::Result<(toml::Table, Vec<String>)> {
    let (mut conf, mut rest) = (toml::Table::new(), Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if *argument == "--config" {
            conf = std::fs::read_to_string(arguments.next().context("--config of what?")?)?.parse()?;
        } else {
            rest.push((*argument).to_owned());
        }
    }
    Ok((conf, rest))
}

fn section<'a>(conf: &'a mut toml::Table, name: &str) -> anyhow::Result<&'a mut toml::Table> {
    let section = conf.entry(name).or_insert_with(|| toml::Table::new().into());
    section.as_table_mut().context("not a section")
}

async fn output(command: &mut Command) -> anyhow::Result<String> {
    let done = command.output().await?;
    ensure!(
        done.status.success(),
        "{:?}: {}",
        command.as_std(),
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(String::from_utf8(done.stdout)?)
}
