//! The Podman that tests run against besides Docker: one that the environment names, or a private `podman system service`.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::process::{Resource, getrlimit};

use super::CommandLine;
use super::server::{self, make_home, named_by, ping};
use crate::process::{self, Run};

/// Where the private engine keeps everything of its own. [`HOME_ENVIRONMENT`] names another folder.
const HOME: &str = "/var/lib/gatewright-dev/podman";
const HOME_ENVIRONMENT: &str = "GATEWRIGHT_PODMAN_DIR";
const ENVIRONMENT: &str = "GATEWRIGHT_PODMAN_HOST";
/// More processes than any workspace may have.
const MAX_PROCESSES: u64 = 32_768;

/// A Podman engine that answers. Dropping it stops a service that was started for it.
#[derive(Debug)]
pub(crate) struct Podman {
    socket: PathBuf,
    /// Where the private engine keeps everything of its own.
    home: String,
    /// Set when this process started the engine.
    started: bool,
    /// Held while the private engine is in use, so that its starter does not stop it under another xtask.
    in_use: Option<File>,
}

impl Podman {
    /// Finds an engine that answers, or starts one.
    ///
    /// # Errors
    /// podman is missing, does not answer in time, or may not be used by this person.
    pub(crate) fn obtain() -> Result<Self> {
        if let Some(socket) = named_by(ENVIRONMENT)? {
            match ping(&socket) {
                Ok(()) => {
                    return Ok(Self {
                        socket,
                        home: String::new(),
                        started: false,
                        in_use: None,
                    });
                }
                Err(error) => eprintln!(
                    "xtask: {ENVIRONMENT} names {}, which does not answer ({error}); starting an engine",
                    socket.display()
                ),
            }
        }
        Self::own(home())
    }

    /// The private engine in `home`, started where it does not run.
    ///
    /// # Errors
    /// As [`Self::obtain`].
    pub(crate) fn own(home: String) -> Result<Self> {
        make_home(&home)?;
        let socket = Path::new(&home).join("podman.sock");
        let _starting = crate::cache::lock(&Path::new(&home).join("start.lock"))?;
        let started = ping(&socket).is_err();
        if started {
            start(&home, &socket)?;
        }
        let in_use = File::options()
            .create(true)
            .append(true)
            .mode(0o660)
            .open(Path::new(&home).join("users.lock"))?;
        in_use.lock_shared().context("note that the engine is in use")?;
        Ok(Self {
            socket,
            home,
            started,
            in_use: Some(in_use),
        })
    }

    /// The file with the process id of the private engine.
    pub(crate) fn pid_file(&self) -> String {
        format!("{}/podman.pid", self.home)
    }

    /// Starts the private engine anew where its process has ended.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn revive(&self) -> Result<()> {
        if server::has_ended(&self.pid_file()) {
            start(&self.home, &self.socket)?;
        }
        Ok(())
    }

    /// A command that is told where the engine is.
    pub(crate) fn known_to(&self, run: Run) -> Run {
        run.env(ENVIRONMENT, self.url())
    }

    fn url(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}

impl CommandLine for Podman {
    fn command(&self) -> Run {
        Run::new("podman").args(["--remote", "--url", &self.url()])
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        if !self.started {
            return;
        }
        if let Some(file) = &self.in_use {
            let _dropped = file.unlock();
            if file.try_lock().is_err() {
                eprintln!("xtask: Podman stays up, another xtask uses it");
                return;
            }
        }
        if let Err(error) = stop(&self.home) {
            eprintln!("xtask: Podman was not stopped cleanly: {error:#}");
        }
    }
}

/// The folder of the private engine.
fn home() -> String {
    std::env::var(HOME_ENVIRONMENT)
        .ok()
        .filter(|dir| dir.starts_with('/'))
        .unwrap_or_else(|| HOME.to_owned())
}

/// The engine's own configuration: it works without systemd, under the limits of this process, on any version of cgroups.
fn containers_conf() -> String {
    // The engine raises a container's limits to numbers of its own, which a process without privileges may not.
    let files = getrlimit(Resource::Nofile).maximum.unwrap_or(1 << 20);
    let processes = getrlimit(Resource::Nproc).maximum.unwrap_or(MAX_PROCESSES).min(MAX_PROCESSES);
    format!(
        "[containers]\n\
         default_ulimits = [\"nofile={files}:{files}\", \"nproc={processes}:{processes}\"]\n\
         [engine]\n\
         cgroup_manager = \"cgroupfs\"\n\
         events_logger = \"file\"\n\
         # Otherwise the monitor of a command in a container stays for five minutes.\n\
         exit_command_delay = 1\n\
         # crun fails where both versions of cgroups are mounted.\n\
         runtime = \"runc\"\n\
         [network]\n\
         network_backend = \"netavark\"\n"
    )
}

fn start(home: &str, socket: &Path) -> Result<()> {
    let podman = process::find("podman").context("podman is missing: install the Debian package podman")?;
    let storage = format!("[storage]\ndriver = \"overlay\"\ngraphroot = \"{home}/data\"\nrunroot = \"{home}/run\"\n");
    for (name, text) in [("containers.conf", containers_conf()), ("storage.conf", storage)] {
        let path = format!("{home}/{name}");
        fs::write(&path, text).with_context(|| format!("write {path}"))?;
    }
    if socket.exists() && fs::remove_file(socket).is_err() {
        Run::as_root("rm")?.arg("-f").arg(socket).run()?;
    }
    // The service does not write its process id: the shell that it replaces does.
    let script = format!(
        "echo $$ >{home}/podman.pid; exec {} --tmpdir {home}/tmp system service --time=0 unix://{}",
        podman.display(),
        socket.display()
    );
    let environment = [
        ("CONTAINERS_CONF", format!("{home}/containers.conf")),
        ("CONTAINERS_STORAGE_CONF", format!("{home}/storage.conf")),
    ];
    let arguments = ["-c".to_owned(), script];
    server::start(Path::new("/bin/sh"), &arguments, &environment, socket, &format!("{home}/log"))?;
    if !rustix::process::geteuid().is_root() {
        let owner = rustix::process::getuid().as_raw().to_string();
        Run::as_root("chown")?.arg(owner).arg(socket).run()?;
    }
    Ok(())
}

/// Stops the private engine by its process id, and removes the mount that it leaves.
fn stop(home: &str) -> Result<()> {
    let pid = fs::read_to_string(format!("{home}/podman.pid")).context("read the engine's process id")?;
    server::stop("podman", pid.trim())?;
    end_unbegun(home)?;
    server::unmount(&format!("{home}/data/overlay"))
}

/// Ends containers that were made and never begun. An engine that was killed in the middle of a start does not know of them any
/// more, and nobody else would end them. Those that run are sessions, and go on.
fn end_unbegun(home: &str) -> Result<()> {
    let arguments = |pid: &str| -> Vec<String> {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0)
            .map(|one| String::from_utf8_lossy(one).into_owned())
            .collect()
    };
    let ours = format!("{home}/data/");
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let pid = name.to_string_lossy();
        let monitor = arguments(&pid);
        if !monitor.first().is_some_and(|program| program.ends_with("/conmon")) || !monitor.iter().any(|one| one.starts_with(&ours)) {
            continue;
        }
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        for child in children.split_whitespace() {
            // Before a container begins, its first process is the one that is to become it.
            if arguments(child).get(1).is_some_and(|one| one == "init") {
                Run::as_root("kill")?.args(["-KILL", child]).clean_up()?;
            }
        }
    }
    Ok(())
}
