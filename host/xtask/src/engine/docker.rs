//! The container engine that images are built on and tests run against.
//!
//! One that answers is used; otherwise a private dockerd is started, which needs no systemd, and is stopped at the end.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::CommandLine;
use super::server::{self, make_home, named_by, ping};
use crate::process::{self, Run};

/// Where the private dockerd keeps everything of its own: not in the repository or a home folder, which may be on a
/// file system that overlay2 does not take. [`HOME_ENVIRONMENT`] names another folder.
const HOME: &str = "/var/lib/gatewright-dev/docker";
const HOME_ENVIRONMENT: &str = "GATEWRIGHT_ENGINE_DIR";
const SYSTEM_SOCKET: &str = "/var/run/docker.sock";
const ENVIRONMENT: &str = "GATEWRIGHT_DOCKER_HOST";

/// Which engine to take when none is named by the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preference {
    /// The machine's own docker when it answers: what a person runs by hand.
    System,
    /// The private one: what tests run against.
    Own,
}

/// An engine that answers. Dropping it stops a dockerd that was started for it.
#[derive(Debug)]
pub(crate) struct Engine {
    socket: PathBuf,
    /// Where the private engine keeps everything of its own.
    home: String,
    /// What it is started with besides.
    extra: &'static [&'static str],
    /// Set when this process started the engine.
    started: bool,
    /// Held while the private engine is in use, so that its starter does not stop it under another xtask.
    in_use: Option<File>,
}

impl Engine {
    /// Finds an engine that answers, or starts one.
    ///
    /// # Errors
    /// dockerd is missing, does not answer in time, or may not be used by this person.
    pub(crate) fn obtain(preference: Preference) -> Result<Self> {
        if let Some(socket) = named_by(ENVIRONMENT)? {
            match ping(&socket) {
                Ok(()) => {
                    return Ok(Self::of_another(socket));
                }
                Err(error) => eprintln!(
                    "xtask: {ENVIRONMENT} names {}, which does not answer ({error}); starting an engine",
                    socket.display()
                ),
            }
        }
        if preference == Preference::System && ping(Path::new(SYSTEM_SOCKET)).is_ok() {
            return Ok(Self::of_another(SYSTEM_SOCKET.into()));
        }
        Self::own(home(), &[])
    }

    /// The private engine in `home`, started with `extra` where it does not run.
    ///
    /// # Errors
    /// As [`Self::obtain`].
    pub(crate) fn own(home: String, extra: &'static [&'static str]) -> Result<Self> {
        make_home(&home)?;
        let folder = Path::new(&home);
        let socket = folder.join("docker.sock");
        let _starting = crate::cache::lock(&folder.join("start.lock"))?;
        let started = ping(&socket).is_err();
        if started {
            start(&home, &socket, extra)?;
        }
        let in_use = File::options()
            .create(true)
            .append(true)
            .mode(0o660)
            .open(folder.join("users.lock"))?;
        in_use.lock_shared().context("note that the engine is in use")?;
        Ok(Self {
            socket,
            home,
            extra,
            started,
            in_use: Some(in_use),
        })
    }

    /// One that somebody else started.
    fn of_another(socket: PathBuf) -> Self {
        Self {
            socket,
            home: String::new(),
            extra: &[],
            started: false,
            in_use: None,
        }
    }

    /// The file with the process id of the private engine.
    pub(crate) fn pid_file(&self) -> String {
        format!("{}/docker.pid", self.home)
    }

    /// Starts the private engine anew where its process has ended.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn revive(&self) -> Result<()> {
        if server::has_ended(&self.pid_file()) {
            start(&self.home, &self.socket, self.extra)?;
        }
        Ok(())
    }

    /// `unix://` and the path of its socket, as the docker command line and the product take it.
    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// A command that is told where the engine is.
    pub(crate) fn known_to(&self, run: Run) -> Run {
        run.env(ENVIRONMENT, self.url())
    }
}

impl CommandLine for Engine {
    fn command(&self) -> Run {
        Run::new("docker").env("DOCKER_HOST", self.url()).env_remove("DOCKER_CONTEXT")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.started {
            return;
        }
        // Only the last user may stop it; a user that came later keeps the shared lock.
        if let Some(file) = &self.in_use {
            let _dropped = file.unlock();
            if file.try_lock().is_err() {
                eprintln!("xtask: the engine stays up, another xtask uses it");
                return;
            }
        }
        if let Err(error) = stop(&self.home) {
            eprintln!("xtask: the engine was not stopped cleanly: {error:#}");
        }
    }
}

/// The folder of the private dockerd.
fn home() -> String {
    std::env::var(HOME_ENVIRONMENT)
        .ok()
        .filter(|dir| dir.starts_with('/'))
        .unwrap_or_else(|| HOME.to_owned())
}

/// Whether any engine that a command could use answers now.
pub(crate) fn any_answers() -> bool {
    let own = Path::new(&home()).join("docker.sock");
    named_by(ENVIRONMENT).ok().flatten().is_some_and(|socket| ping(&socket).is_ok()) || ping(&own).is_ok()
}

fn start(home: &str, socket: &Path, extra: &[&str]) -> Result<()> {
    let dockerd = process::find("dockerd").context("dockerd is missing: install the Debian package docker.io")?;
    // What an engine that was killed left behind.
    for name in ["docker.pid", "docker.sock"] {
        let left = Path::new(home).join(name);
        if left.exists() && fs::remove_file(&left).is_err() {
            Run::as_root("rm")?.arg("-f").arg(&left).run()?;
        }
    }
    let mut arguments = [
        ("--data-root", format!("{home}/data")),
        ("--exec-root", format!("{home}/exec")),
        ("--pidfile", format!("{home}/docker.pid")),
        ("-H", format!("unix://{}", socket.display())),
        ("-G", rustix::process::getgid().as_raw().to_string()),
        ("--storage-driver", "overlay2".to_owned()),
        ("--exec-opt", "native.cgroupdriver=cgroupfs".to_owned()),
        ("--log-level", "warn".to_owned()),
    ]
    .map(|(name, value)| [name.to_owned(), value])
    .concat();
    if let Some(mtu) = default_route_mtu() {
        arguments.extend(["--mtu".to_owned(), mtu.to_string()]);
    }
    arguments.extend(extra.iter().map(|argument| (*argument).to_owned()));
    server::start(&dockerd, &arguments, &[], socket, &format!("{home}/log"))
}

/// Stops the private dockerd by its process id, and removes the mount that it leaves.
fn stop(home: &str) -> Result<()> {
    let pid = fs::read_to_string(format!("{home}/docker.pid"))
        .context("read the engine's process id")?
        .trim()
        .to_owned();
    server::stop("dockerd", &pid)?;
    server::unmount(&format!("{home}/data"))
}

/// The MTU of the interface with the default route: containers with a larger one lose packets silently.
fn default_route_mtu() -> Option<u32> {
    let routes = fs::read_to_string("/proc/net/route").ok()?;
    let interface = routes.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let interface = fields.next()?;
        (fields.next()? == "00000000").then_some(interface)
    })?;
    fs::read_to_string(format!("/sys/class/net/{interface}/mtu"))
        .ok()?
        .trim()
        .parse()
        .ok()
}
