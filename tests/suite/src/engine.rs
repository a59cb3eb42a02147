//! The engine, seen by an independent witness.

use std::time::Duration;

use anyhow::{Context as _, bail};
use bollard::Docker;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::{ContainerSummary, ExecConfig};
use bollard::query_parameters::ListContainersOptionsBuilder;
use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;

/// The label that the agent puts on a session's container.
const SESSION_LABEL: &str = "gatewright.session";

/// The engines that the product is tested on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// Docker, through `runtime-docker`.
    Docker,
    /// Podman, through `runtime-podman`.
    Podman,
}

/// An engine. The witness talks to Podman through its layer for Docker's clients, which the product does not use.
#[derive(Clone)]
pub struct Engine {
    kind: EngineKind,
    docker: Docker,
    address: String,
}

impl Engine {
    /// The Docker that `cargo xtask test` has started.
    pub async fn connect() -> anyhow::Result<Self> {
        Self::connect_to(EngineKind::Docker).await
    }

    /// The engine of that kind that `cargo xtask test` has started.
    pub async fn connect_to(kind: EngineKind) -> anyhow::Result<Self> {
        let variable = match kind {
            EngineKind::Docker => "GATEWRIGHT_DOCKER_HOST",
            EngineKind::Podman => "GATEWRIGHT_PODMAN_HOST",
        };
        let address =
            std::env::var(variable).with_context(|| format!("{variable} names no engine: run the tests with cargo xtask test"))?;
        let docker = Docker::connect_with_unix(&address, 60, bollard::API_DEFAULT_VERSION)?;
        docker.ping().await.with_context(|| format!("no engine answers at {address}"))?;
        Ok(Self { kind, docker, address })
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> EngineKind {
        self.kind
    }

    /// `unix:///path`
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The client itself.
    #[must_use]
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Every container of a session, running or not.
    pub async fn containers(&self, session: &str) -> anyhow::Result<Vec<ContainerSummary>> {
        let filters = [("label".to_owned(), vec![format!("{SESSION_LABEL}={session}")])].into();
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        Ok(self.docker.list_containers(Some(options)).await?)
    }

    /// Waits until nothing is left of a session.
    pub async fn gone(&self, session: &str) -> anyhow::Result<()> {
        for _ in 0..300 {
            if self.containers(session).await?.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("a container of session {session} is left")
    }

    /// Runs a command in a session's container with bytes on its standard input. Its standard output, and its exit code.
    pub async fn exec(&self, session: &str, command: &[&str], input: &[u8]) -> anyhow::Result<(Vec<u8>, i64)> {
        let containers = self.containers(session).await?;
        let id = containers
            .first()
            .and_then(|c| c.id.clone())
            .context("the session has no container")?;
        let config = ExecConfig {
            cmd: Some(command.iter().map(ToString::to_string).collect()),
            env: Some(vec!["DISPLAY=:1".into(), "LANG=C.UTF-8".into()]),
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..ExecConfig::default()
        };
        let exec = self.docker.create_exec(&id, config).await?.id;
        let started = self.docker.start_exec(&exec, None::<StartExecOptions>).await?;
        let StartExecResults::Attached {
            mut output,
            input: mut stdin,
        } = started
        else {
            bail!("not attached")
        };
        stdin.write_all(input).await?;
        stdin.shutdown().await?;
        drop(stdin);
        let mut stdout = Vec::new();
        while let Some(chunk) = output.next().await {
            if let bollard::container::LogOutput::StdOut { message } = chunk? {
                stdout.extend_from_slice(&message);
            }
        }
        let code = self.docker.inspect_exec(&exec).await?.exit_code.unwrap_or(-1);
        Ok((stdout, code))
    }
}
