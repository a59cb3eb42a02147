//! The engine as an independent client sees it: bollard for Docker, plain calls of its own interface for Podman.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{ListContainersOptions, RemoveContainerOptions};
use futures_util::StreamExt as _;
use gatewright_agent::EngineLanguage;
use serde_json::{Value, json};

use crate::podman::Podman;
use crate::stand::{COMMAND, IMAGE};

/// The engines that the agent is tested on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Docker,
    Podman,
}

impl Kind {
    /// Where it is.
    pub(crate) fn socket(self) -> PathBuf {
        let variable = match self {
            Self::Docker => "GATEWRIGHT_DOCKER_HOST",
            Self::Podman => "GATEWRIGHT_PODMAN_HOST",
        };
        let Ok(url) = std::env::var(variable) else {
            panic!("{variable} is not set; run: {COMMAND}");
        };
        let path = url
            .strip_prefix("unix://")
            .unwrap_or_else(|| panic!("{variable} is {url:?}, not a unix:// address"));
        assert!(Path::new(path).exists(), "there is no engine at {path}; run: {COMMAND}");
        path.into()
    }

    pub(crate) fn language(self) -> EngineLanguage {
        match self {
            Self::Docker => EngineLanguage::Docker,
            Self::Podman => EngineLanguage::Libpod,
        }
    }

    /// The runtime plugin for it.
    pub(crate) fn runtime(self) -> &'static str {
        match self {
            Self::Docker => "runtime-docker",
            Self::Podman => "runtime-podman",
        }
    }

    /// What every path of its interface begins with.
    pub(crate) fn api(self) -> &'static str {
        match self {
            Self::Docker => "/v1.41",
            Self::Podman => "/v4.0.0/libpod",
        }
    }

    pub(crate) async fn witness(self) -> Witness {
        match self {
            Self::Docker => {
                let docker = Docker::connect_with_unix(self.socket().to_str().unwrap(), 60, bollard::API_DEFAULT_VERSION).unwrap();
                Witness::Docker(docker.negotiate_version().await.unwrap())
            }
            Self::Podman => Witness::Podman(Podman::at(self.socket())),
        }
    }
}

/// A client of the engine.
#[derive(Clone)]
pub(crate) enum Witness {
    Docker(Docker),
    Podman(Podman),
}

impl Witness {
    /// The containers with a label. The names of an entry's fields are alike as far as the tests look at them.
    pub(crate) async fn containers(&self, name: &str, value: &str) -> Vec<Value> {
        match self {
            Self::Docker(docker) => {
                let options = ListContainersOptions {
                    all: true,
                    filters: Some(HashMap::from([("label".to_owned(), vec![format!("{name}={value}")])])),
                    ..ListContainersOptions::default()
                };
                let list = docker.list_containers(Some(options)).await.unwrap();
                list.iter().map(|one| serde_json::to_value(one).unwrap()).collect()
            }
            Self::Podman(podman) => {
                let filters = json!({ "label": [format!("{name}={value}")] });
                let (_, list) = podman.call("GET", &podman.list(&filters), None).await;
                list.as_array().unwrap().clone()
            }
        }
    }

    /// All of a container, by name or id. Podman's answer is modelled on Docker's.
    pub(crate) async fn inspect(&self, container: &str) -> Option<Value> {
        match self {
            Self::Docker(docker) => {
                let seen = docker.inspect_container(container, None).await.ok()?;
                Some(serde_json::to_value(seen).unwrap())
            }
            Self::Podman(podman) => {
                let (status, seen) = podman.call("GET", &format!("containers/{container}/json"), None).await;
                (status == 200).then_some(seen)
            }
        }
    }

    /// What a command says that runs inside of a container.
    pub(crate) async fn inside(&self, container: &str, script: &str) -> String {
        let mut text = String::new();
        let mut say = |piece: &[u8]| text.push_str(&String::from_utf8_lossy(piece));
        match self {
            Self::Docker(docker) => {
                let options = CreateExecOptions {
                    attach_stdout: Some(true),
                    attach_stderr: Some(true),
                    cmd: Some(vec!["sh", "-c", script]),
                    ..CreateExecOptions::default()
                };
                let exec = docker.create_exec(container, options).await.unwrap();
                let StartExecResults::Attached { mut output, .. } = docker.start_exec(&exec.id, None).await.unwrap() else {
                    panic!("not attached");
                };
                while let Some(piece) = output.next().await {
                    if let LogOutput::StdOut { message } | LogOutput::StdErr { message } = piece.unwrap() {
                        say(&message);
                    }
                }
            }
            Self::Podman(podman) => return podman.inside(container, script).await,
        }
        text
    }

    /// Makes a container behind the agent's back.
    pub(crate) async fn make(&self, labels: &[(&str, &str)]) -> String {
        let labels: HashMap<String, String> = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        match self {
            Self::Docker(docker) => {
                let body = ContainerCreateBody {
                    image: Some(IMAGE.into()),
                    labels: Some(labels),
                    ..ContainerCreateBody::default()
                };
                docker.create_container(None, body).await.unwrap().id
            }
            Self::Podman(podman) => {
                let body = json!({ "image": IMAGE, "labels": labels });
                let (_, made) = podman.call("POST", "containers/create", Some(&body)).await;
                made["Id"].as_str().unwrap().to_owned()
            }
        }
    }

    /// Removes a container, whatever it does.
    pub(crate) async fn remove(&self, container: &str) {
        match self {
            Self::Docker(docker) => {
                let force = RemoveContainerOptions {
                    force: true,
                    ..RemoveContainerOptions::default()
                };
                drop(docker.remove_container(container, Some(force)).await);
            }
            Self::Podman(podman) => {
                let path = format!("containers/{container}?force=true&timeout=0");
                drop(podman.call("DELETE", &path, None).await);
            }
        }
    }

    /// The engine's name and version, the processors and the bytes of its machine.
    pub(crate) async fn machine(&self) -> (String, u64, u64) {
        match self {
            Self::Docker(docker) => {
                let info = docker.info().await.unwrap();
                (
                    format!("docker {}", info.server_version.unwrap()),
                    u64::try_from(info.ncpu.unwrap()).unwrap(),
                    u64::try_from(info.mem_total.unwrap()).unwrap(),
                )
            }
            Self::Podman(podman) => {
                let (_, info) = podman.call("GET", "info", None).await;
                (
                    format!("podman {}", info["version"]["Version"].as_str().unwrap()),
                    info["host"]["cpus"].as_u64().unwrap(),
                    info["host"]["memTotal"].as_u64().unwrap(),
                )
            }
        }
    }
}

/// Makes a test for each engine of each scenario.
macro_rules! on_each_engine {
    ($($scenario:ident),+ $(,)?) => {
        mod docker {
            $(
                #[tokio::test]
                async fn $scenario() {
                    super::$scenario(crate::witness::Kind::Docker).await;
                }
            )+
        }

        mod podman {
            $(
                #[tokio::test]
                async fn $scenario() {
                    super::$scenario(crate::witness::Kind::Podman).await;
                }
            )+
        }
    };
}
pub(crate) use on_each_engine;
