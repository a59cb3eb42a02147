//! The product in a process of its own, on a data folder of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::{Engine, EngineKind, Person};

/// How long a start may take on a loaded machine.
const START: Duration = Duration::from_secs(120);

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
    fn env(&self) -> String {
        match self {
            Self::Fail(step) => format!("fail:{step}"),
            Self::KillBefore(step) => format!("kill-before:{step}"),
            Self::KillAfter(step) => format!("kill-after:{step}"),
        }
    }
}

/// A running product. Dropped without [`Product::stop`], its process is killed.
pub struct Product {
    child: Child,
    dir: Arc<TempDir>,
    engine: Engine,
    /// `https://localhost:<port>`
    pub origin: String,
    /// Its port on the loopback.
    pub port: u16,
    passwords: Vec<(String, String)>,
    http: reqwest::Client,
    tls: Arc<rustls::ClientConfig>,
}

impl Product {
    /// Starts on an empty data folder.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_in(Arc::new(tempfile::Builder::new().prefix("gatewright-suite-").tempdir()?), None, &[]).await
    }

    /// Starts on an empty data folder, with more arguments for `serve`.
    pub async fn start_with(arguments: &[&str]) -> anyhow::Result<Self> {
        Self::start_in(
            Arc::new(tempfile::Builder::new().prefix("gatewright-suite-").tempdir()?),
            None,
            arguments,
        )
        .await
    }

    /// Starts on an empty data folder and an engine of that kind.
    pub async fn start_on(kind: EngineKind) -> anyhow::Result<Self> {
        let dir = Arc::new(tempfile::Builder::new().prefix("gatewright-suite-").tempdir()?);
        let engine = Engine::connect_to(kind).await?;
        Self::start_program_on(&binary()?, dir, engine, None, &[]).await
    }

    /// Starts on an empty data folder with this configuration file, which names its engine. The engine that
    /// [`Self::engine`] gives is not the one then.
    pub async fn start_configured(configuration: &str) -> anyhow::Result<Self> {
        let dir = Arc::new(tempfile::Builder::new().prefix("gatewright-suite-").tempdir()?);
        let engine = Engine::connect().await?;
        Self::launch(&binary()?, dir, engine, Some(configuration), None, &[]).await
    }

    /// Starts another build of the product, which knows no hooks, on an empty data folder.
    pub async fn start_program(program: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let dir = Arc::new(tempfile::Builder::new().prefix("gatewright-suite-").tempdir()?);
        Self::start_program_in(program, dir, None, arguments).await
    }

    /// Starts on a data folder that an earlier product has left, with a hook or none.
    pub async fn start_in(dir: Arc<TempDir>, hook: Option<Hook>, arguments: &[&str]) -> anyhow::Result<Self> {
        Self::start_program_in(&binary()?, dir, hook, arguments).await
    }

    async fn start_program_in(program: &Path, dir: Arc<TempDir>, hook: Option<Hook>, arguments: &[&str]) -> anyhow::Result<Self> {
        let engine = Engine::connect().await?;
        Self::start_program_on(program, dir, engine, hook, arguments).await
    }

    async fn start_program_on(
        program: &Path,
        dir: Arc<TempDir>,
        engine: Engine,
        hook: Option<Hook>,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        // As an operator says it: the runtime, and the engine's socket; its language follows from the runtime.
        let podman = format!("[agent]\nruntime = \"runtime-podman\"\nengine = \"{}\"\n", engine.address());
        let configuration = (engine.kind() == EngineKind::Podman).then_some(podman);
        Self::launch(program, dir, engine, configuration.as_deref(), hook, arguments).await
    }

    async fn launch(
        program: &Path,
        dir: Arc<TempDir>,
        engine: Engine,
        configuration: Option<&str>,
        hook: Option<Hook>,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let guests = guests_dir()?;
        let mut command = Command::new(program);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(dir.path())
            .args(arguments)
            .env("GATEWRIGHT_DOCKER_HOST", engine.address())
            .env("GATEWRIGHT_GUESTS_DIR", &guests)
            .env_remove("GATEWRIGHT_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(
                std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(dir.path().join("test.log"))?,
            )
            .kill_on_drop(true);
        if let Some(configuration) = configuration {
            let conf = dir.path().join("gatewright.toml");
            std::fs::write(&conf, configuration)?;
            command.env_remove("GATEWRIGHT_DOCKER_HOST").env("GATEWRIGHT_CONFIG", conf);
        }
        if let Some(hook) = hook {
            command.env("GATEWRIGHT_SUITE_HOOK", hook.env());
        }
        let mut child = command.spawn().context("the product could not be started")?;
        let stdout = child.stdout.take().context("no standard output")?;
        let origin = match tokio::time::timeout(START, address(stdout)).await {
            Ok(Ok(origin)) => origin,
            outcome => {
                let log = std::fs::read_to_string(dir.path().join("test.log")).unwrap_or_default();
                bail!("the product did not come up ({:?}):\n{log}", outcome.map(|inner| inner.err()));
            }
        };
        let port = origin.rsplit(':').next().and_then(|port| port.parse().ok()).context("no port")?;
        let ca = std::fs::read(find_ca(dir.path())?)?;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&ca)?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        // Another product in the same test process may have done it.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&ca)?])
            .build()?;
        let passwords = passwords(dir.path())?;
        Ok(Self {
            child,
            dir,
            engine,
            origin,
            port,
            passwords,
            http,
            tls: Arc::new(tls),
        })
    }

    /// Logs in as `admin` or `demo` with the password of the first start.
    pub async fn login(&self, name: &str) -> anyhow::Result<Person> {
        let password = self.passwords.iter().find(|(known, _)| known == name).map(|(_, password)| password);
        Person::login(self, name, password.context("no such seeded person")?).await
    }

    /// A client that trusts this product's certificate. It keeps no cookies.
    #[must_use]
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// A TLS configuration that trusts this product's certificate.
    #[must_use]
    pub fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.tls)
    }

    /// The engine that its sessions run on.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Its data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("test.log")).unwrap_or_default()
    }

    /// Asks it to stop, waits, and gives the data folder back. Sessions live on: whoever does not start it again
    /// ends them first.
    pub async fn stop(mut self) -> anyhow::Result<Arc<TempDir>> {
        let pid = self.child.id().context("it has ended already")?;
        let asked = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        ensure!(asked.success(), "kill failed");
        let status = tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await??;
        ensure!(status.success(), "it ended with {status}:\n{}", self.log());
        Ok(Arc::clone(&self.dir))
    }

    /// Kills it, as a power cut does.
    pub async fn kill(mut self) -> anyhow::Result<Arc<TempDir>> {
        self.child.kill().await?;
        Ok(Arc::clone(&self.dir))
    }

    /// Waits until it ends by itself.
    pub async fn ended(mut self) -> anyhow::Result<Arc<TempDir>> {
        tokio::time::timeout(Duration::from_secs(120), self.child.wait()).await??;
        Ok(Arc::clone(&self.dir))
    }
}

async fn address(stdout: tokio::process::ChildStdout) -> anyhow::Result<String> {
    let mut lines = BufReader::new(stdout).lines();
    let mut found = None;
    while let Some(line) = lines.next_line().await? {
        if let Some((_, rest)) = line.split_once("Open      ") {
            found = rest.split_whitespace().next().map(str::to_owned);
        }
        if line.starts_with('└') {
            // Whoever writes to a closed pipe fails: the rest is read and thrown away.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return found.context("the box names no address");
        }
    }
    bail!("it ended before it was up")
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

fn find_ca(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let ca = data_dir.join("public-ca").join("public-ca.pem");
    ensure!(ca.is_file(), "no certificate authority at {}", ca.display());
    Ok(ca)
}

fn passwords(data_dir: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(data_dir.join("initial-passwords.toml"))?;
    let table: toml::Table = text.parse()?;
    Ok(table
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
        .collect())
}
