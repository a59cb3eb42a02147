//! A rootless Podman of a throw-away user: what an ordinary user has on a machine, and nothing of it left in the end.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long the engine may take to come up on a loaded machine.
const START: Duration = Duration::from_secs(60);
/// The image that its workspaces run, copied from the Podman that tests have.
const IMAGE: &str = "gatewright/terminal:dev";
const ENGINE: &str = "GATEWRIGHT_PODMAN_HOST";

/// A user with a Podman engine. Dropped, both are gone, with all processes and files of that user.
pub struct RootlessPodman {
    name: String,
    uid: u32,
    /// Open to all, so that the user reaches what is put there.
    dir: TempDir,
    service: Option<Child>,
}

impl RootlessPodman {
    /// Makes the user, gives that user's engine the image of Terminal, and starts its service.
    pub fn start() -> anyhow::Result<Self> {
        ensure!(
            rustix::process::geteuid().is_root(),
            "this test makes a user of the machine and works as that one: run it as root"
        );
        let dir = tempfile::Builder::new().prefix("gatewright-rootless-").tempdir()?;
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;
        let name = format!("gw-{:08x}", rand::random::<u32>());
        // An ordinary user's number, and the numbers for users inside that such a user gets on any Debian.
        let home = dir.path().join("home");
        let mut added = Command::new("useradd");
        added.args([
            "--create-home",
            "--skel",
            "/nonexistent",
            "--shell",
            "/usr/sbin/nologin",
            "--home-dir",
        ]);
        succeeded(added.arg(&home).arg(&name)).context("a user could not be made")?;
        let mut made = Self {
            name,
            uid: 0,
            dir,
            service: None,
        };
        made.uid = fs::metadata(&home)?.uid();
        made.set_up()?;
        Ok(made)
    }

    fn set_up(&mut self) -> anyhow::Result<()> {
        for file in ["/etc/subuid", "/etc/subgid"] {
            let ranges = fs::read_to_string(file).unwrap_or_default();
            let prefix = format!("{}:", self.name);
            ensure!(
                ranges.lines().any(|line| line.starts_with(&prefix)),
                "{file} has no range for a new user"
            );
        }
        self.folder("run")?;
        self.folder("data")?;
        // Elsewhere than on overlay itself, the kernel's overlay serves ordinary users too.
        self.configure("overlay")?;
        if self.podman(&["info"]).is_err() {
            self.configure("vfs")?;
        }
        let engine = std::env::var(ENGINE).with_context(|| format!("{ENGINE} is not set; run: cargo xtask test"))?;
        let image = self.dir.path().join("image.tar");
        let mut saved = Command::new("podman");
        saved.args(["--remote", "--url", &engine, "save", "--quiet", "--output"]);
        succeeded(saved.arg(&image).arg(IMAGE))?;
        fs::set_permissions(&image, Permissions::from_mode(0o644))?;
        self.podman(&["load", "--quiet", "--input", &image.to_string_lossy()])?;
        let mut service = self.command("podman", ["system", "service", "--time=0", &self.address()]);
        self.service = Some(service.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        let limit = Instant::now() + START;
        while UnixStream::connect(self.socket()).is_err() {
            ensure!(
                Instant::now() < limit,
                "the rootless Podman does not answer at {}",
                self.socket().display()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// A folder that only the user enters.
    fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.dir.path().join(name);
        fs::create_dir(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o700))?;
        self.give(&path)?;
        Ok(path)
    }

    /// What a machine without systemd needs, under the limits of this process; see `host/xtask/src/engine/podman.rs`.
    fn configure(&self, driver: &str) -> anyhow::Result<()> {
        let files = getrlimit(Resource::Nofile).maximum.unwrap_or(1 << 20);
        let processes = getrlimit(Resource::Nproc).maximum.unwrap_or(32_768).min(32_768);
        let containers = format!(
            "[containers]\ndefault_ulimits = [\"nofile={files}:{files}\", \"nproc={processes}:{processes}\"]\n\
             [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nexit_command_delay = 1\nruntime = \"runc\"\n"
        );
        fs::write(self.dir.path().join("containers.conf"), containers)?;
        let storage = format!(
            "[storage]\ndriver = \"{driver}\"\nrunroot = \"{}\"\n",
            self.dir.path().join("run/containers").display()
        );
        Ok(fs::write(self.dir.path().join("storage.conf"), storage)?)
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("run/podman.sock")
    }

    /// `unix:///path`
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The user's number.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Makes the user the owner.
    pub fn give(&self, path: &Path) -> anyhow::Result<()> {
        Ok(chown(
            path,
            Some(self.uid),
            Some(fs::metadata(self.dir.path().join("home"))?.gid()),
        )?)
    }

    /// Copies a file or folder to where the user can read it, and gives its place there.
    pub(crate) fn copy(&self, path: &Path) -> anyhow::Result<PathBuf> {
        let place = self.dir.path().join(path.file_name().context("no name")?);
        succeeded(Command::new("cp").arg("-r").arg(path).arg(&place))?;
        succeeded(Command::new("chmod").args(["-R", "a+rX"]).arg(&place))?;
        Ok(place)
    }

    /// A program as the user, in an environment of its own.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = A>) -> Command {
        let at = |name: &str| self.dir.path().join(name);
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", &self.name, "--regid", &self.name, "--clear-groups"])
            .arg(program)
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("USER", &self.name)
            .env("HOME", at("home"))
            .env("XDG_RUNTIME_DIR", at("run"))
            .env("CONTAINERS_CONF", at("containers.conf"))
            .env("CONTAINERS_STORAGE_CONF", at("storage.conf"));
        command
    }

    /// What a program says that runs as the user.
    pub fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = succeeded(&mut self.command(program, arguments))?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// What Podman's own command line says: a witness that shares nothing with the product.
    pub fn podman(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.run("podman", arguments)
    }

    /// The limits that this engine can't enforce, as operators name them.
    pub fn unenforced(&self) -> anyhow::Result<Vec<&'static str>> {
        let info: Value = serde_json::from_str(&self.podman(&["info", "--format", "json"])?)?;
        let host = info.get("host").context("no host")?;
        let text = |name: &str| host.get(name).map(Value::to_string).unwrap_or_default();
        let usable = text("cgroupVersion").contains("v2");
        let controllers = text("cgroupControllers");
        let all = ["cpu", "memory", "pids"].into_iter();
        Ok(all
            .filter(|name| !usable || !controllers.contains(&format!("\"{name}\"")))
            .collect())
    }

    /// The processes of the user.
    fn processes(&self) -> Vec<Pid> {
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        all.filter(|entry| entry.metadata().is_ok_and(|found| found.uid() == self.uid))
            .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
            .filter(|pid| fs::read_to_string(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).is_ok_and(|line| !line.is_empty()))
            .collect()
    }

    fn remove(&mut self) -> anyhow::Result<()> {
        // The user is ours alone, so whatever runs as that one is as well.
        let limit = Instant::now() + START;
        loop {
            let left = self.processes();
            if self.uid == 0 || left.is_empty() {
                break;
            }
            for pid in left {
                let _gone_already = kill_process(pid, Signal::KILL);
            }
            if Instant::now() > limit {
                bail!("processes of {} do not end", self.name);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        if let Some(mut service) = self.service.take() {
            drop(service.wait());
        }
        // Locks that the engine keeps in shared memory.
        let _never_made = fs::remove_file(format!("/dev/shm/libpod_rootless_lock_{}", self.uid));
        succeeded(Command::new("userdel").arg(&self.name)).map(drop)
    }
}

impl Drop for RootlessPodman {
    fn drop(&mut self) {
        // The folder goes after it: mounts in it were in a namespace that went with the processes.
        if let Err(error) = self.remove() {
            eprintln!("the user {} is left: {error:#}", self.name);
        }
    }
}

fn succeeded(command: &mut Command) -> anyhow::Result<Output> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{command:?} (run: cargo xtask test)"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {} {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output)
}
