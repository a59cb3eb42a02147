//! The product, in one process or in many, in a home of its own.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use gatewright_core::UserId;
use tokio::process::Command;

use crate::apart::{DRIVER, Processes, Start};
use crate::process::Process;
use crate::{Engine, EngineKind, Entrance, Home, Layout, Person, RootlessPodman};

/// The file in a home that says more than the command line: which engine.
const CONFIGURATION: &str = "gatewright.toml";

/// What to do in the saga, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hook {
    /// Fail the step of this name.
    Fail(String),
    /// End the process at once, as a kill does, before the step of this name.
    KillBefore(String),
    /// The same after the step.
    KillAfter(String),
}

impl Hook {
    pub(crate) fn env(&self) -> String {
        match self {
            Self::Fail(step) => format!("fail:{step}"),
            Self::KillBefore(step) => format!("kill-before:{step}"),
            Self::KillAfter(step) => format!("kill-after:{step}"),
        }
    }
}

/// A running product. Dropped without [`Product::stop`], it is killed. It is used through its entrance.
pub struct Product {
    // Before the home: processes go before what they stand on.
    running: Running,
    home: Arc<Home>,
    engine: Engine,
    entrance: Entrance,
    passwords: Vec<(String, String)>,
}

enum Running {
    Together(Process),
    Apart(Processes),
}

impl Deref for Product {
    type Target = Entrance;

    fn deref(&self) -> &Entrance {
        &self.entrance
    }
}

impl Product {
    /// Starts in an empty home.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(&[]).await
    }

    /// Starts in an empty home, with more arguments for `serve`.
    pub async fn start_with(arguments: &[&str]) -> anyhow::Result<Self> {
        Self::start_in(Arc::new(Home::new().await?), None, arguments).await
    }

    /// Starts in an empty home; its engine is of that kind.
    pub async fn start_on(kind: EngineKind) -> anyhow::Result<Self> {
        let home = Arc::new(Home::new().await?);
        Self::start_program_on(&binary()?, home, Engine::connect_to(kind).await?, None, &[]).await
    }

    /// Starts in an empty home with the roles in processes of their own, whatever layout is chosen; its engine is of that
    /// kind.
    pub async fn start_apart(kind: EngineKind) -> anyhow::Result<Self> {
        Self::start_apart_in(Arc::new(Home::of(Layout::Apart).await?), kind, &[]).await
    }

    /// The same in a home of that layout, with more arguments for `serve`.
    pub async fn start_apart_in(home: Arc<Home>, kind: EngineKind, arguments: &[&str]) -> anyhow::Result<Self> {
        Self::start_program_on(&binary()?, home, Engine::connect_to(kind).await?, None, arguments).await
    }

    /// Starts in an empty home, in one process, with this configuration file, which names its engine. The engine that
    /// [`Self::engine`] gives is not the one then.
    pub async fn start_configured(configuration: &str) -> anyhow::Result<Self> {
        let home = Arc::new(Home::of(Layout::Together).await?);
        std::fs::write(home.path().join(CONFIGURATION), configuration)?;
        Self::start_program_on(&binary()?, home, Engine::connect().await?, None, &[]).await
    }

    /// Starts in an empty home, in one process, as an ordinary user with that user's engine and this configuration file.
    pub async fn start_as(user: &RootlessPodman, configuration: &str) -> anyhow::Result<Self> {
        let home = Arc::new(Home::of(Layout::Together).await?);
        let conf = home.path().join(CONFIGURATION);
        std::fs::write(&conf, configuration)?;
        for path in [home.path(), &conf] {
            user.give(path)?;
        }
        // Where this person builds may be closed to the user.
        let mut command = user.command(user.copy(&binary()?)?, ["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
        command
            .arg(home.path())
            .env("GATEWRIGHT_GUESTS_DIR", user.copy(&guests_dir()?)?)
            .env("GATEWRIGHT_CONFIG", conf);
        let process = Process::start(command.into(), "the product", home.path(), "└").await?;
        let origin = process.origin.clone().context("the box names no address")?;
        let (entrance, passwords) = (Entrance::new(origin, home.path())?, passwords(home.path())?);
        Ok(Self {
            running: Running::Together(process),
            home,
            engine: Engine::connect().await?,
            entrance,
            passwords,
        })
    }

    /// Starts another build of the product, which knows no hooks, in an empty home.
    pub async fn start_program(program: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let home = Arc::new(Home::new().await?);
        Self::start_program_on(program, home, Engine::connect().await?, None, arguments).await
    }

    /// Starts in a home that an earlier product has left, with a hook or none.
    pub async fn start_in(home: Arc<Home>, hook: Option<Hook>, arguments: &[&str]) -> anyhow::Result<Self> {
        Self::start_program_on(&binary()?, home, Engine::connect().await?, hook, arguments).await
    }

    async fn start_program_on(
        program: &Path,
        home: Arc<Home>,
        engine: Engine,
        hook: Option<Hook>,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let guests = guests_dir()?;
        let start = Start {
            program,
            guests: &guests,
            hook,
            arguments,
        };
        let (running, entrance) = if home.apart.is_some() {
            let processes = match home.take_survivors() {
                Some(survivors) => survivors.driven_again(&home, start).await?,
                None => Processes::start(&home, start).await?,
            };
            let entrance = processes.entrance(&home, engine.kind())?;
            (Running::Apart(processes), entrance)
        } else {
            let process = together(&home, &engine, start).await?;
            let origin = process.origin.clone().context("the box names no address")?;
            (Running::Together(process), Entrance::new(origin, home.path())?)
        };
        // Where two web-apps start at once, one of them makes the first accounts.
        let passwords = passwords(&home.data_dir("web-app-1"))?;
        Ok(Self {
            running,
            home,
            engine,
            entrance,
            passwords,
        })
    }

    /// Logs in as `admin` or `demo` with the password of the first start.
    pub async fn login(&self, name: &str) -> anyhow::Result<Person> {
        self.login_at(&self.entrance, name).await
    }

    /// The same through another entrance.
    pub async fn login_at(&self, entrance: &Entrance, name: &str) -> anyhow::Result<Person> {
        let password = self.passwords.iter().find(|(known, _)| known == name).map(|(_, password)| password);
        Person::login(entrance, name, password.context("no such seeded person")?).await
    }

    /// So many people of the seeded `demo`'s groups, with that one's password, each logged in.
    pub async fn like_demo(&self, count: u32) -> anyhow::Result<Vec<Person>> {
        let store = self.home.store().await?;
        let demo = store.user_by_name("demo").await?.context("no demo")?;
        let groups = store.groups_of(demo.user.id).await?;
        let password = self.passwords.iter().find(|(known, _)| known == "demo").context("no password")?;
        let mut people = Vec::new();
        for number in 0..count {
            let mut record = demo.clone();
            record.user.id = UserId::from_uuid(uuid::Uuid::now_v7());
            record.user.name = format!("demo-{number}");
            let mut write = store.begin().await?;
            write.insert_user(&record).await?;
            for group in &groups {
                write.join_group(record.user.id, group.id).await?;
            }
            write.commit().await?;
            people.push(Person::login(&self.entrance, &record.user.name, &password.1).await?);
        }
        Ok(people)
    }

    /// The engine that its sessions run on.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Where it lives.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The same, for whoever works beside it.
    #[must_use]
    pub fn shared_home(&self) -> Arc<Home> {
        Arc::clone(&self.home)
    }

    /// The data folder of the connection proxy.
    #[must_use]
    pub fn proxy_dir(&self) -> PathBuf {
        self.home.data_dir("proxy-1")
    }

    /// The process that session traffic passes.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match &self.running {
            Running::Together(process) => process.pid(),
            Running::Apart(processes) => processes.named("proxy-1").ok()?.pid(),
        }
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        match &self.running {
            Running::Together(process) => process.log(),
            Running::Apart(processes) => processes.log(),
        }
    }

    /// The entrance of the zone with this engine.
    pub fn entrance_of(&self, kind: EngineKind) -> anyhow::Result<Entrance> {
        self.apart()?.entrance(&self.home, kind)
    }

    /// Runs the product's command line where its first web-app runs.
    pub async fn operate(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.apart()?.operate(&self.home, arguments).await
    }

    /// Kills one process of those that stand apart.
    pub async fn kill_one(&mut self, name: &str) -> anyhow::Result<()> {
        self.apart_mut()?.take(name)?.kill().await
    }

    /// Asks one process of those that stand apart to stop, and waits.
    pub async fn stop_one(&mut self, name: &str) -> anyhow::Result<()> {
        self.apart_mut()?.take(name)?.stop().await
    }

    /// The processes that ended without having been asked to, and how. They can be started again.
    pub fn ended_by_themselves(&mut self) -> Vec<(String, String)> {
        self.apart_mut().map(Processes::take_ended).unwrap_or_default()
    }

    /// Drops all packets between the machines of two processes that stand apart.
    pub async fn cut(&self, name: &str, other: &str) -> anyhow::Result<()> {
        self.apart()?.cut(&self.home, name, other).await
    }

    /// Lets all packets of that machine pass again.
    pub async fn mend(&self, name: &str) -> anyhow::Result<()> {
        self.apart()?.mend(&self.home, name).await
    }

    /// Starts it again.
    pub async fn start_again(&mut self, name: &str) -> anyhow::Result<()> {
        let home = Arc::clone(&self.home);
        self.apart_mut()?.again(&home, name).await
    }

    /// Cuts the cable of one process that stands apart.
    pub async fn unplug(&self, name: &str) -> anyhow::Result<()> {
        self.apart()?.plug(&self.home, name, false).await
    }

    /// Plugs it in again.
    pub async fn plug(&self, name: &str) -> anyhow::Result<()> {
        self.apart()?.plug(&self.home, name, true).await
    }

    fn apart(&self) -> anyhow::Result<&Processes> {
        match &self.running {
            Running::Apart(processes) => Ok(processes),
            Running::Together(_) => bail!("all roles are in one process"),
        }
    }

    fn apart_mut(&mut self) -> anyhow::Result<&mut Processes> {
        match &mut self.running {
            Running::Apart(processes) => Ok(processes),
            Running::Together(_) => bail!("all roles are in one process"),
        }
    }

    /// Asks it to stop, waits, and gives the home back. Sessions live on: whoever does not start it again ends them first.
    pub async fn stop(self) -> anyhow::Result<Arc<Home>> {
        match self.running {
            Running::Together(process) => process.stop().await?,
            Running::Apart(processes) => {
                for process in processes.into_all() {
                    process.stop().await?;
                }
            }
        }
        Ok(self.home)
    }

    /// Kills it, as a power cut does.
    pub async fn kill(self) -> anyhow::Result<Arc<Home>> {
        match self.running {
            Running::Together(process) => process.kill().await?,
            Running::Apart(processes) => {
                for process in processes.into_all() {
                    process.kill().await?;
                }
            }
        }
        Ok(self.home)
    }

    /// Waits until the process that drives sessions ends by itself. Where others stand apart, they go on until somebody
    /// starts in the home again.
    pub async fn ended(self) -> anyhow::Result<Arc<Home>> {
        match self.running {
            Running::Together(process) => process.ended().await?,
            Running::Apart(mut processes) => {
                processes.take(DRIVER)?.ended().await?;
                self.home.keep_survivors(processes);
            }
        }
        Ok(self.home)
    }

    /// Stops the process that drives sessions. Where others stand apart, they go on as with [`Self::ended`].
    pub async fn stop_driver(self) -> anyhow::Result<Arc<Home>> {
        match self.running {
            Running::Together(process) => process.stop().await?,
            Running::Apart(mut processes) => {
                processes.take(DRIVER)?.stop().await?;
                self.home.keep_survivors(processes);
            }
        }
        Ok(self.home)
    }
}

/// All roles in one process.
async fn together(home: &Home, engine: &Engine, start: Start<'_>) -> anyhow::Result<Process> {
    let mut command = Command::new(start.program);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(home.path())
        .args(start.arguments)
        .env("GATEWRIGHT_DOCKER_HOST", engine.address())
        .env("GATEWRIGHT_GUESTS_DIR", start.guests)
        .env_remove("GATEWRIGHT_CONFIG");
    let conf = home.path().join(CONFIGURATION);
    if engine.kind() == EngineKind::Podman {
        // As an operator says it: the runtime, and the engine's socket; its language follows from the runtime.
        let address = engine.address();
        std::fs::write(&conf, format!("[agent]\nruntime = \"runtime-podman\"\nengine = \"{address}\"\n"))?;
    }
    if conf.exists() {
        command.env_remove("GATEWRIGHT_DOCKER_HOST").env("GATEWRIGHT_CONFIG", conf);
    }
    if let Some(hook) = start.hook {
        command.env("GATEWRIGHT_SUITE_HOOK", hook.env());
    }
    Process::start(command, "the product", home.path(), "└").await
}

/// The product with hooks, built beside this test or benchmark.
fn binary() -> anyhow::Result<PathBuf> {
    let mut dir = std::env::current_exe()?;
    while dir.pop() {
        let candidate = dir.join("gatewright-hooked");
        if candidate.is_file() {
            return Ok(candidate);
        }
    }
    bail!("gatewright-hooked is not built: cargo build -p gatewright-suite")
}

fn guests_dir() -> anyhow::Result<PathBuf> {
    let dir = match std::env::var_os("GATEWRIGHT_GUESTS_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests"),
    };
    ensure!(
        dir.join("dlp-clipboard.wasm").is_file(),
        "plugins are not built: cargo xtask guests"
    );
    Ok(dir.canonicalize()?)
}

fn passwords(data_dir: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(data_dir.join("initial-passwords.toml"))?;
    let table: toml::Table = text.parse()?;
    Ok(table
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
        .collect())
}
