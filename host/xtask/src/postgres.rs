//! The PostgreSQL server that tests and benchmarks run against: a private one, in a folder of its own, gone afterwards.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::interrupt;
use crate::process::{self, Run};

/// Tells programs where the server is.
const ENVIRONMENT: &str = "GATEWRIGHT_POSTGRES_URL";
/// Debian puts the server's programs into a folder for each version, on nobody's path.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The server refuses to run as root; the Debian package makes this user for it.
const USER: &str = "postgres";
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A server that answers. Dropping it stops it and removes its folder.
#[derive(Debug)]
pub(crate) struct Postgres {
    url: String,
    started: Option<Started>,
}

#[derive(Debug)]
struct Started {
    programs: PathBuf,
    user: User,
    folder: PathBuf,
    child: Child,
}

impl Postgres {
    /// Takes the server that the environment names, or starts one.
    ///
    /// # Errors
    /// It is not installed, or does not answer in time.
    pub(crate) fn obtain() -> Result<Self> {
        if let Some(url) = std::env::var(ENVIRONMENT).ok().filter(|url| !url.is_empty()) {
            return Ok(Self { url, started: None });
        }
        Self::own("tests")
    }

    /// Starts a server for this purpose.
    ///
    /// # Errors
    /// As [`Self::obtain`].
    pub(crate) fn own(purpose: &str) -> Result<Self> {
        let programs = programs()?;
        let folder = tempfile_in(Path::new("/tmp"), purpose)?;
        let user = unprivileged(&folder)?;
        let data = folder.join("data");
        user.run(&programs.join("initdb"))
            .args([
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--username=gatewright",
                "--no-instructions",
            ])
            .arg("--pgdata")
            .arg(&data)
            .read()
            .context("make the folder of a PostgreSQL server")?;
        let url = format!("postgres:///postgres?host={}&user=gatewright", folder.display());
        let child = start(&programs, &folder, &user)?;
        let mut started = Started {
            programs,
            user,
            folder,
            child,
        };
        let answers = wait(&mut started);
        let server = Self {
            url,
            started: Some(started),
        };
        answers.map(|()| server)
    }

    /// The file in which the server keeps its process id, on its first line.
    pub(crate) fn pid_file(&self) -> Option<String> {
        let folder = &self.started.as_ref()?.folder;
        Some(folder.join("data/postmaster.pid").display().to_string())
    }

    /// Starts the server anew where its process has ended.
    ///
    /// # Errors
    /// It does not start; the next try may: what the one before left takes a moment to be gone.
    pub(crate) fn revive(&mut self) -> Result<()> {
        let Some(started) = &mut self.started else { return Ok(()) };
        if started.child.try_wait()?.is_some() {
            started.child = start(&started.programs, &started.folder, &started.user)?;
            wait(started)?;
        }
        Ok(())
    }

    /// A command that is told where the server is.
    pub(crate) fn known_to(&self, run: Run) -> Run {
        run.env(ENVIRONMENT, &self.url)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(started) = &mut self.started else { return };
        if let Err(error) = stop(started) {
            eprintln!("xtask: the PostgreSQL server was not stopped cleanly: {error:#}");
        }
    }
}

/// The folder with the server's programs, of the newest version.
fn programs() -> Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            let bin = entry.path().join("bin");
            bin.join("postgres").is_file().then_some((version, bin))
        })
        .collect();
    versions.sort();
    if let Some((_, bin)) = versions.pop() {
        return Ok(bin);
    }
    process::find("postgres")
        .and_then(|program| Some(program.parent()?.to_owned()))
        .context("the PostgreSQL server is missing: run `cargo xtask setup`, or install the Debian package postgresql")
}

/// Makes a folder with a short path: a socket's path has room for some hundred bytes only.
fn tempfile_in(parent: &Path, purpose: &str) -> Result<PathBuf> {
    let folder = parent.join(format!("gatewright-postgres-{purpose}-{}", std::process::id()));
    // Of an earlier process with this number, which was killed.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}

/// Who the server runs as.
#[derive(Debug)]
struct User {
    name: Option<&'static str>,
}

/// Chooses the user, and gives the folder to it.
fn unprivileged(folder: &Path) -> Result<User> {
    // Others may pass, to the socket; the data's own folder the server closes by itself.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    if !rustix::process::geteuid().is_root() {
        return Ok(User { name: None });
    }
    Run::new("chown")
        .arg(format!("{USER}:"))
        .arg(folder)
        .run()
        .with_context(|| format!("the server does not run as root, and there is no user {USER}"))?;
    Ok(User { name: Some(USER) })
}

impl User {
    fn run(&self, program: &Path) -> Run {
        match self.name {
            None => Run::new(program),
            Some(name) => Run::new("setpriv").args(self.change(name)).arg(program),
        }
        .dir(Path::new("/"))
    }

    fn command(&self, program: &Path) -> Command {
        match self.name {
            None => Command::new(program),
            Some(name) => {
                let mut command = Command::new("setpriv");
                command.args(self.change(name)).arg(program);
                command
            }
        }
    }

    /// setpriv becomes the program, so that the process that was started is the server itself.
    fn change(&self, name: &str) -> [String; 4] {
        [
            format!("--reuid={name}"),
            format!("--regid={name}"),
            "--init-groups".to_owned(),
            "--".to_owned(),
        ]
    }
}

fn start(programs: &Path, folder: &Path, user: &User) -> Result<Child> {
    let log = File::create(folder.join("log"))?;
    user.command(&programs.join("postgres"))
        .arg("-D")
        .arg(folder.join("data"))
        // Only the socket: nothing on the network, and no port to collide on.
        .args(["-c", "listen_addresses="])
        .arg("-c")
        .arg(format!("unix_socket_directories={}", folder.display()))
        .args(["-c", "max_connections=400", "-c", "log_min_messages=fatal"])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Away from the terminal's group: Ctrl-C must reach what uses the server first.
        .process_group(0)
        .spawn()
        .context("start the PostgreSQL server")
}

fn wait(started: &mut Started) -> Result<()> {
    let limit = Instant::now() + START_LIMIT;
    loop {
        let ready = Run::new(started.programs.join("pg_isready"))
            .args(["--quiet", "--dbname=postgres", "--username=gatewright", "--host"])
            .arg(&started.folder)
            .output()?;
        if ready.status.success() {
            return Ok(());
        }
        let ended = started.child.try_wait()?;
        if ended.is_some() || Instant::now() > limit || interrupt::happened() {
            let log = fs::read_to_string(started.folder.join("log")).unwrap_or_default();
            interrupt::check()?;
            bail!("the PostgreSQL server does not answer; its log:\n{log}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ends the server by its process id, its clients' connections with it, and removes its folder.
fn stop(started: &mut Started) -> Result<()> {
    if started.child.try_wait()?.is_none() {
        // "Fast": clients are cut off, and everything is written.
        Run::new("kill").arg("-INT").arg(started.child.id().to_string()).clean_up()?;
        let limit = Instant::now() + STOP_LIMIT;
        while started.child.try_wait()?.is_none() {
            if Instant::now() > limit {
                bail!("process {} is still there after {STOP_LIMIT:?}", started.child.id());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    fs::remove_dir_all(&started.folder).with_context(|| format!("remove {}", started.folder.display()))
}
