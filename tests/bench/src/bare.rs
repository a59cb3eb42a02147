//! The peer: a desktop made by the engine alone, with the options of one of the product's own containers.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};
use bollard::query_parameters::{CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder};
use gatewright_suite::Engine;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

use crate::ground::Ground;
use crate::process;

/// What a desktop says first (RFC 6143 7.1.1).
const BANNER: &[u8; 12] = b"RFB 003.008\n";
/// Between two looks for the socket.
const LOOK: Duration = Duration::from_millis(5);
/// How long a desktop may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The workspace's user, as `runtimes/images/README.md` has it.
const USER: u32 = 1000;

/// Makes bare containers, and removes what is left of them.
pub(crate) struct Yard {
    docker: Docker,
    like: ContainerCreateBody,
    /// Their names, from before they are made: whoever clears up, however this ends, finds them.
    made: Arc<Mutex<Vec<String>>>,
}

/// A desktop of the engine's own.
pub(crate) struct Bare {
    /// The container's id.
    pub(crate) id: String,
    name: String,
    /// The password of its desktop.
    pub(crate) password: String,
    /// From the request for the container to the desktop's first words.
    pub(crate) took: Duration,
    folder: TempDir,
}

impl Bare {
    /// Its desktop's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("vnc.sock")
    }
}

impl Yard {
    /// Containers with the image and the options that `session`'s container has.
    pub(crate) async fn like(ground: &Ground, session: &str) -> anyhow::Result<Self> {
        let engine = ground.product.engine();
        let docker = engine.docker().clone();
        let id = container_of(engine, session).await?;
        let found = docker.inspect_container(&id, None).await?;
        let (config, host) = (found.config.context("no config")?, found.host_config.context("no host config")?);
        let like = ContainerCreateBody {
            image: config.image,
            hostname: config.hostname,
            user: config.user,
            network_disabled: config.network_disabled,
            host_config: Some(HostConfig {
                memory: host.memory,
                memory_swap: host.memory_swap,
                nano_cpus: host.nano_cpus,
                pids_limit: host.pids_limit,
                shm_size: host.shm_size,
                network_mode: host.network_mode,
                cap_drop: host.cap_drop,
                security_opt: host.security_opt,
                restart_policy: host.restart_policy,
                log_config: host.log_config,
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        Ok(Self {
            docker,
            like,
            made: ground.containers(),
        })
    }

    /// Makes and starts one, and waits until its desktop answers.
    pub(crate) async fn start(&self) -> anyhow::Result<Bare> {
        let folder = tempfile::Builder::new().prefix("gatewright-bench-").tempdir()?;
        let password = prepare(folder.path())?;
        let mut body = self.like.clone();
        let host = body.host_config.get_or_insert_default();
        host.mounts = Some(vec![Mount {
            typ: Some(MountType::BIND),
            source: Some(folder.path().display().to_string()),
            target: Some("/run/session".into()),
            ..Mount::default()
        }]);
        let began = Instant::now();
        let name = format!("gatewright-bench-{}", uuid::Uuid::now_v7().simple());
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let id = self.docker.create_container(Some(options), body).await?.id;
        self.docker.start_container(&id, None).await?;
        let socket = folder.path().join("vnc.sock");
        while !speaks(&socket).await {
            if began.elapsed() > PATIENCE {
                bail!("the bare desktop does not answer");
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(Bare {
            id,
            name,
            password,
            took: began.elapsed(),
            folder,
        })
    }

    /// The process id of its display server.
    pub(crate) async fn display(&self, bare: &Bare) -> anyhow::Result<u32> {
        display_of(&self.docker, &bare.id).await
    }

    /// Removes one.
    pub(crate) async fn remove(&self, bare: Bare) -> anyhow::Result<()> {
        self.made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|name| *name != bare.name);
        remove(&self.docker, &bare.id).await
    }
}

/// Removes a container, running or not. One that is not there is removed.
pub(crate) async fn remove(docker: &Docker, id: &str) -> anyhow::Result<()> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match docker.remove_container(id, Some(options)).await {
        Ok(()) | Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The id of a session's container.
pub(crate) async fn container_of(engine: &Engine, session: &str) -> anyhow::Result<String> {
    let containers = engine.containers(session).await?;
    containers
        .first()
        .and_then(|found| found.id.clone())
        .context("the session has no container")
}

/// The process id of a container's display server.
pub(crate) async fn display_of(docker: &Docker, id: &str) -> anyhow::Result<u32> {
    let state = docker.inspect_container(id, None).await?.state.context("no state")?;
    let first = u32::try_from(state.pid.context("no process id")?)?;
    process::descendant(first, "Xvnc")
}

/// What the host owes an image before its start. The password.
fn prepare(folder: &Path) -> anyhow::Result<String> {
    let password: String = uuid::Uuid::now_v7().simple().to_string().chars().rev().take(8).collect();
    let (file, transfer) = (folder.join("password"), folder.join("transfer"));
    std::fs::write(&file, &password)?;
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o400))?;
    std::fs::create_dir(&transfer)?;
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700))?;
    for path in [&file, &transfer, folder] {
        chown(path, Some(USER), Some(USER)).context("benchmarks give folders to the workspace's user: run them as root")?;
    }
    Ok(password)
}

async fn speaks(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket).await else {
        return false;
    };
    let mut banner = [0; BANNER.len()];
    let read = tokio::time::timeout(Duration::from_secs(2), stream.read_exact(&mut banner)).await;
    matches!(read, Ok(Ok(_))) && banner == *BANNER
}
