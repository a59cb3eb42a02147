//! What starting and stopping an engine of one's own takes, whichever it is.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::interrupt;
use crate::process::Run;

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Asks the engine whether it is there (`GET /_ping`).
pub(super) fn ping(socket: &Path) -> Result<()> {
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
pub(super) fn make_home(home: &str) -> Result<()> {
    if fs::create_dir_all(home).is_err()
        || File::options()
            .create(true)
            .append(true)
            .open(format!("{home}/users.lock"))
            .is_err()
    {
        let owner = format!("{}:{}", rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        Run::as_root("mkdir")?.args(["-p", home]).run()?;
        Run::as_root("chown")?.args([owner.as_str(), home]).run()?;
    }
    Ok(())
}

/// The socket that an environment variable names, where it is set.
pub(super) fn named_by(variable: &str) -> Result<Option<PathBuf>> {
    let Ok(value) = std::env::var(variable) else { return Ok(None) };
    if value.is_empty() {
        return Ok(None);
    }
    match value.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') => Ok(Some(path.into())),
        _ => bail!("{variable} has to be unix:// and an absolute path"),
    }
}

/// Starts an engine as root and waits until it answers at `socket`. Its output goes to `log`.
pub(super) fn start(program: &Path, arguments: &[String], environment: &[(&str, String)], socket: &Path, log: &str) -> Result<()> {
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = File::create(log).with_context(|| format!("write {log}"))?;
    let mut command = Command::new("env");
    if !rustix::process::geteuid().is_root() {
        // sudo asks for the password now, where a person can answer.
        Run::as_root("true")?.run()?;
        command = Command::new("sudo");
        command.args(["-n", "--", "env"]);
    }
    command
        .args(environment.iter().map(|(name, value)| format!("{name}={value}")))
        .arg(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        // Away from the terminal's group: Ctrl-C must reach what uses the engine first.
        .process_group(0);
    let mut child = command.spawn().with_context(|| format!("start {name}"))?;
    let limit = Instant::now() + START_LIMIT;
    loop {
        if ping(socket).is_ok() {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            bail!("{name} ended at once ({status}); the end of {log}:\n{}", tail(log));
        }
        if Instant::now() > limit || interrupt::happened() {
            Run::as_root("kill")?.arg(child.id().to_string()).clean_up()?;
            let _ended = child.wait();
            interrupt::check()?;
            bail!("{name} did not answer within {START_LIMIT:?}; the end of {log}:\n{}", tail(log));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Asks the process to end and waits until it has.
pub(super) fn stop(name: &str, pid: &str) -> Result<()> {
    Run::as_root("kill")?.arg(pid).clean_up()?;
    let limit = Instant::now() + STOP_LIMIT;
    while Path::new("/proc").join(pid).join("exe").symlink_metadata().is_ok() && !is_zombie(pid) {
        if Instant::now() > limit {
            bail!("{name} (process {pid}) is still there after {STOP_LIMIT:?}");
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Whether the process that wrote its id into `pid_file` is there no more.
pub(super) fn has_ended(pid_file: &str) -> bool {
    let pid = fs::read_to_string(pid_file).unwrap_or_default();
    let pid = pid.trim();
    pid.is_empty() || !Path::new("/proc").join(pid).exists() || is_zombie(pid)
}

/// Our own child stays as a zombie until this process ends: it has ended all the same.
fn is_zombie(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

/// Removes the mount at `path` that an engine left, where there is one. What it ran may take a moment to let go of it.
pub(super) fn unmount(path: &str) -> Result<()> {
    let began = Instant::now();
    while is_mounted(path)? {
        match Run::as_root("umount")?.arg(path).clean_up() {
            Err(error) if began.elapsed() > STOP_LIMIT => return Err(error),
            Err(_) => thread::sleep(Duration::from_secs(1)),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Whether something is mounted at `path`.
fn is_mounted(path: &str) -> Result<bool> {
    Ok(fs::read_to_string("/proc/self/mounts")?
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(path)))
}

/// The end of a log.
pub(super) fn tail(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(15))
        .copied()
        .collect::<Vec<_>>()
        .join("\n")
}
