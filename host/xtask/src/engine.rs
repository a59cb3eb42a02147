//! The container engine that images are built on and tests run against.
//!
//! One that answers is used; otherwise a private dockerd is started, which needs no systemd, and is stopped at the end.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::interrupt;
use crate::process::{self, Run};

/// Where the private dockerd keeps everything of its own: not in the repository or a home folder, which may be on a
/// file system that overlay2 does not take. [`HOME_ENVIRONMENT`] names another folder.
const HOME: &str = "/var/lib/gatewright-dev/docker";
const HOME_ENVIRONMENT: &str = "GATEWRIGHT_ENGINE_DIR";
const SYSTEM_SOCKET: &str = "/var/run/docker.sock";
const ENVIRONMENT: &str = "GATEWRIGHT_DOCKER_HOST";
const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(20);

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
        if let Some(socket) = named_by_environment()? {
            match ping(&socket) {
                Ok(()) => {
                    return Ok(Self {
                        socket,
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
        if preference == Preference::System && ping(Path::new(SYSTEM_SOCKET)).is_ok() {
            return Ok(Self {
                socket: SYSTEM_SOCKET.into(),
                started: false,
                in_use: None,
            });
        }
        let socket = Path::new(&home()).join("docker.sock");
        make_home()?;
        let _starting = crate::cache::lock(&Path::new(&home()).join("start.lock"))?;
        let started = ping(&socket).is_err();
        if started {
            start(&socket)?;
        }
        let in_use = File::options()
            .create(true)
            .append(true)
            .mode(0o660)
            .open(Path::new(&home()).join("users.lock"))?;
        in_use.lock_shared().context("note that the engine is in use")?;
        Ok(Self {
            socket,
            started,
            in_use: Some(in_use),
        })
    }

    /// `unix://` and the path of its socket, as the docker command line and the product take it.
    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The docker command line, talking to this engine.
    pub(crate) fn docker(&self) -> Run {
        Run::new("docker").env("DOCKER_HOST", self.url()).env_remove("DOCKER_CONTEXT")
    }

    /// A command that is told where the engine is.
    pub(crate) fn known_to(&self, run: Run) -> Run {
        run.env(ENVIRONMENT, self.url())
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
        if let Err(error) = stop() {
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
    named_by_environment().ok().flatten().is_some_and(|socket| ping(&socket).is_ok()) || ping(&own).is_ok()
}

fn named_by_environment() -> Result<Option<PathBuf>> {
    let Ok(value) = std::env::var(ENVIRONMENT) else { return Ok(None) };
    if value.is_empty() {
        return Ok(None);
    }
    match value.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') => Ok(Some(path.into())),
        _ => bail!("{ENVIRONMENT} has to be unix:// and an absolute path"),
    }
}

/// Asks the engine whether it is there (`GET /_ping`).
fn ping(socket: &Path) -> Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    if answer.starts_with(b"HTTP/1.") && answer.ends_with(b" 200") {
        return Ok(());
    }
    bail!("it answers, but not with 200");
}

/// Makes the engine's folder, writable for this person.
fn make_home() -> Result<()> {
    let home = home();
    if fs::create_dir_all(&home).is_err()
        || File::options()
            .create(true)
            .append(true)
            .open(format!("{home}/users.lock"))
            .is_err()
    {
        let owner = format!("{}:{}", rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        Run::as_root("mkdir")?.args(["-p", &home]).run()?;
        Run::as_root("chown")?.args([&owner, &home]).run()?;
    }
    Ok(())
}

fn start(socket: &Path) -> Result<()> {
    let home = home();
    let dockerd = process::find("dockerd").context("dockerd is missing: install the Debian package docker.io")?;
    // What an engine that was killed left behind.
    for name in ["docker.pid", "docker.sock"] {
        let left = Path::new(&home).join(name);
        if left.exists() && fs::remove_file(&left).is_err() {
            Run::as_root("rm")?.arg("-f").arg(&left).run()?;
        }
    }
    let log_path = format!("{home}/log");
    let log = File::create(&log_path).with_context(|| format!("write {log_path}"))?;
    let root = rustix::process::geteuid().is_root();
    let mut command = if root { Command::new(&dockerd) } else { Command::new("sudo") };
    if !root {
        command.args(["-n", "--"]).arg(&dockerd);
        // sudo asks for the password now, where a person can answer.
        Run::as_root("true")?.run()?;
    }
    command
        .args([
            "--data-root",
            &format!("{home}/data"),
            "--exec-root",
            &format!("{home}/exec"),
            "--pidfile",
            &format!("{home}/docker.pid"),
        ])
        .args([
            "-H",
            &format!("unix://{}", socket.display()),
            "-G",
            &rustix::process::getgid().as_raw().to_string(),
        ])
        .args([
            "--storage-driver",
            "overlay2",
            "--exec-opt",
            "native.cgroupdriver=cgroupfs",
            "--log-level",
            "warn",
        ])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Away from the terminal's group: Ctrl-C must reach what uses the engine first.
        .process_group(0);
    if let Some(mtu) = default_route_mtu() {
        command.args(["--mtu", &mtu.to_string()]);
    }
    let mut child = command.spawn().context("start dockerd")?;
    let limit = Instant::now() + START_LIMIT;
    loop {
        if ping(socket).is_ok() {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            bail!("dockerd ended at once ({status}); the end of {log_path}:\n{}", tail(&log_path));
        }
        if Instant::now() > limit || interrupt::happened() {
            let _stopped = stop();
            interrupt::check()?;
            bail!(
                "dockerd did not answer within {START_LIMIT:?}; the end of {log_path}:\n{}",
                tail(&log_path)
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Stops the private dockerd by its process id, and removes the mount that it leaves.
fn stop() -> Result<()> {
    let home = home();
    let pid = fs::read_to_string(format!("{home}/docker.pid"))
        .context("read the engine's process id")?
        .trim()
        .to_owned();
    Run::as_root("kill")?.arg(&pid).clean_up()?;
    let limit = Instant::now() + STOP_LIMIT;
    while Path::new("/proc").join(&pid).join("exe").symlink_metadata().is_ok() && !is_zombie(&pid) {
        if Instant::now() > limit {
            bail!("dockerd (process {pid}) is still there after {STOP_LIMIT:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let data = format!("{home}/data");
    if is_mounted(&data)? {
        Run::as_root("umount")?.arg(&data).clean_up()?;
    }
    Ok(())
}

/// Our own child stays as a zombie until this process ends: it has ended all the same.
fn is_zombie(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

fn is_mounted(path: &str) -> Result<bool> {
    Ok(fs::read_to_string("/proc/self/mounts")?
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(path)))
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

fn tail(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(15))
        .copied()
        .collect::<Vec<_>>()
        .join("\n")
}
