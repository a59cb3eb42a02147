//! Agents without an engine: a process of its own, so that what they take is not counted as the control plane's.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use gatewright_control::{ControlPlane, OwnNode};
use gatewright_core::capacity::Allocatable;
use gatewright_core::{HomeId, NodeId, NodeIdentity, NodeRole, SessionId, ZoneId};
use gatewright_identity::{LiveCredentials, NodeCredentials, NodeKey};
use gatewright_ports::agent_control::{
    ExecOutcome, ExecProgram, Fence, Finding, NodeStatus, OutputPiece, OwnedSession, SessionSpec, SessionStats,
};
use gatewright_ports::control::Der;
use gatewright_ports::{AgentControl, AgentError, Control, ControlError, ImageStatus};
use gatewright_rpc::{
    CachedPlaces, Channel, Dialer, Link, LinkServices, Links, Members, Places, RemoteAgent, RemoteControl, RpcPort, Services,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::{HEARTBEAT, ROLE};

/// What makes this program the other process.
pub(crate) const COMMAND: &str = "simulate-agents";
/// Handshakes at once.
const DIALLING: usize = 64;
/// How long all of them may take to connect.
const PATIENCE: Duration = Duration::from_secs(600);

/// What the other process is told.
#[derive(Serialize, Deserialize)]
struct Told {
    address: String,
    web_app: NodeId,
    authority: Der,
    agents: Vec<(NodeIdentity, Der)>,
    /// How many of them keep a link.
    linked: usize,
}

/// What came of signs of life since it was last asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Beats {
    pub(crate) answered: u32,
    pub(crate) failed: u32,
    pub(crate) slowest_ms: f64,
    /// Of one of them, as JSON.
    pub(crate) bytes: usize,
}

/// An agent's id.
pub(crate) fn node(number: u32) -> NodeId {
    NodeId::from_uuid(Uuid::from_u128(u128::from(number) + 1))
}

/// The control plane's port, and the other process.
pub(crate) struct Agents {
    child: Child,
    to: tokio::sync::Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Takes links as the product does.
struct ToControl(ControlPlane, AtomicU32);

impl Links for ToControl {
    fn linked(&self, channel: Channel) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.register_agent(channel.peer().node, Arc::new(RemoteAgent(channel)));
    }

    fn gone(&self, _: &Channel) {}
}

struct NoPlaces;

#[async_trait]
impl Places for NoPlaces {
    async fn zone_of(&self, _: SessionId) -> Result<Option<ZoneId>, ControlError> {
        Ok(None)
    }
}

impl Agents {
    /// Opens the port and starts the agents. All have connected and given a sign of life when it returns.
    pub(crate) async fn start(control: &ControlPlane, count: u32, linked: u32) -> anyhow::Result<Self> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let own = OwnNode {
            node: NodeId::from_uuid(Uuid::now_v7()),
            roles: [NodeRole::WebApp].into(),
            name: "web-app".into(),
            address: None,
            public_url: None,
            ticket_key: [1; 32],
        };
        let identity = control.note_own_node(&own).await?;
        let key = NodeKey::generate()?;
        let signed = control.own_certificate(&key.request()?, &identity)?;
        let authority = signed.authority.clone();
        let credentials = NodeCredentials::new(&key, signed.certificate.0.into(), signed.authority.0.into())?;
        let links = Arc::new(ToControl(control.clone(), AtomicU32::new(0)));
        let port = RpcPort {
            listen: vec!["127.0.0.1:0".parse()?],
            credentials: LiveCredentials::new(credentials),
            members: Members::default(),
            services: Services {
                control: Some((Arc::new(control.clone()), Arc::new(CachedPlaces::new(NoPlaces)))),
                web_app_links: Some(Arc::clone(&links) as Arc<dyn Links>),
                ..Services::default()
            },
        };
        let bound = port.bind(&tasks, stop.clone()).await?;
        let address = bound.addrs.first().context("no address")?.to_string();
        tasks.spawn(bound.serve);

        let mut child = tokio::process::Command::new(std::env::current_exe()?)
            .arg(COMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut to = child.stdin.take().context("no way in")?;
        let mut from = BufReader::new(child.stdout.take().context("no way out")?).lines();
        let request: Der = read(&mut from).await?;
        let mut agents = Vec::new();
        for number in 0..count {
            let identity = NodeIdentity {
                node: node(number),
                zone: control.own_zone(),
                roles: [ROLE].into(),
            };
            let certificate = control.own_certificate(&request.0, &identity)?.certificate;
            agents.push((identity, certificate));
        }
        let told = Told {
            address,
            web_app: own.node,
            authority,
            agents,
            linked: usize::try_from(linked)?,
        };
        write(&mut to, &told).await?;
        let connected: u32 = tokio::time::timeout(PATIENCE, read(&mut from)).await??;
        anyhow::ensure!(connected == count, "{connected} of {count} agents have connected");
        let all_linked = async {
            while links.1.load(Ordering::Relaxed) < linked {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, all_linked).await.context("not all links came")?;
        // What comes with the first connection is over.
        tokio::time::sleep(HEARTBEAT * 2).await;
        Ok(Self {
            child,
            to: tokio::sync::Mutex::new((to, from)),
            tasks,
            stop,
        })
    }

    /// What came since it was last asked.
    pub(crate) async fn counted(&self) -> anyhow::Result<Beats> {
        let mut to = self.to.lock().await;
        write(&mut to.0, &()).await?;
        read(&mut to.1).await
    }

    /// Ends the other process, and the port.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let Self {
            mut child,
            to,
            tasks,
            stop,
            ..
        } = self;
        drop(to);
        let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
        stop.cancel();
        tasks.close();
        tokio::time::timeout(PATIENCE, tasks.wait()).await?;
        anyhow::ensure!(ended??.success(), "the process of the agents failed");
        Ok(())
    }
}

async fn write(to: &mut (impl tokio::io::AsyncWrite + Unpin), what: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line).await?;
    Ok(to.flush().await?)
}

async fn read<T: serde::de::DeserializeOwned>(from: &mut Lines<BufReader<impl tokio::io::AsyncRead + Unpin>>) -> anyhow::Result<T> {
    let line = from.next_line().await?.context("the other process has ended")?;
    Ok(serde_json::from_str(&line)?)
}

/// A line from who started this process; none when it is to end.
async fn heard() -> anyhow::Result<Option<String>> {
    tokio::task::spawn_blocking(|| Ok(std::io::stdin().lines().next().transpose()?)).await?
}

fn say(what: &impl Serialize) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, what)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// The other process: all agents, until nobody asks any more.
pub(crate) async fn child() -> anyhow::Result<()> {
    let key = NodeKey::generate()?;
    say(&Der(key.request()?))?;
    let told: Told = serde_json::from_str(&heard().await?.context("nothing is told")?)?;
    let all = Arc::new(All {
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
        counts: Counts::default(),
    });
    let count = told.agents.len();
    let connecting = told.agents.iter().enumerate().map(|(turn, (identity, certificate))| {
        let (all, told, key) = (Arc::clone(&all), &told, &key);
        async move {
            let credentials = NodeCredentials::new(key, certificate.0.clone().into(), told.authority.0.clone().into())?;
            let dialer = Dialer::new(&LiveCredentials::new(credentials), Members::default())?;
            all.start(turn, told, identity, dialer).await
        }
    });
    stream::iter(connecting).buffer_unordered(DIALLING).try_collect::<Vec<()>>().await?;
    say(&count)?;
    while heard().await?.is_some() {
        say(&all.counts.take())?;
    }
    // Its connections end with it.
    Ok(())
}

#[derive(Default)]
struct Counts {
    answered: AtomicU32,
    failed: AtomicU32,
    slowest_micros: AtomicU64,
}

impl Counts {
    fn take(&self) -> Beats {
        let micros = self.slowest_micros.swap(0, Ordering::Relaxed);
        Beats {
            answered: self.answered.swap(0, Ordering::Relaxed),
            failed: self.failed.swap(0, Ordering::Relaxed),
            slowest_ms: Duration::from_micros(micros).as_secs_f64() * 1e3,
            bytes: serde_json::to_vec(&status(node(0))).map_or(0, |json| json.len()),
        }
    }

    fn count(&self, answer: Result<(), ControlError>, took: Duration) {
        let which = if answer.is_ok() { &self.answered } else { &self.failed };
        which.fetch_add(1, Ordering::Relaxed);
        self.slowest_micros
            .fetch_max(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

struct All {
    tasks: TaskTracker,
    stop: CancellationToken,
    counts: Counts,
}

impl All {
    /// One agent: connected, and known to the control plane.
    async fn start(self: Arc<Self>, turn: usize, told: &Told, identity: &NodeIdentity, dialer: Dialer) -> anyhow::Result<()> {
        let control = RemoteControl::new(dialer.clone(), vec![told.address.clone()], &self.tasks, self.stop.clone());
        let status = status(identity.node);
        let first = Instant::now();
        while let Err(error) = control.heartbeat(status.clone()).await {
            if first.elapsed() > PATIENCE {
                bail!("agent {turn} does not get through: {error}");
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        if turn < told.linked {
            let link = Link {
                dialer,
                address: told.address.clone(),
                node: told.web_app,
                services: LinkServices {
                    agent: Some(Arc::new(Simulated {
                        status: status.clone(),
                        sessions: Mutex::default(),
                    })),
                    ..LinkServices::default()
                },
                own: identity.clone(),
                tasks: self.tasks.clone(),
            };
            self.tasks.spawn(link.keep(self.stop.clone()));
        }
        // What an agent follows: the version of its runtime plugin, and who is in the deployment.
        for what in [Follows::Policy, Follows::Deployment] {
            self.tasks.spawn(follow(control.clone(), what));
        }
        let all = Arc::clone(&self);
        let offset = HEARTBEAT.mul_f64(f64::from(u32::try_from(turn)?) / f64::from(u32::try_from(told.agents.len())?));
        self.tasks.spawn(async move {
            let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + offset, HEARTBEAT);
            loop {
                ticks.tick().await;
                let began = Instant::now();
                let answer = control.heartbeat(status.clone()).await;
                all.counts.count(answer, began.elapsed());
            }
        });
        Ok(())
    }
}

enum Follows {
    Policy,
    Deployment,
}

async fn follow(control: RemoteControl, what: Follows) {
    let mut seq = 0;
    loop {
        let step = async {
            match what {
                Follows::Policy => drop(control.policy().await?),
                Follows::Deployment => drop(control.deployment().await?),
            }
            control.watch(seq).await
        };
        match step.await {
            Ok(reached) => seq = reached,
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

fn status(node: NodeId) -> NodeStatus {
    NodeStatus {
        node,
        name: format!("rack-{}", node.as_uuid().as_u128()),
        engine: "docker 20.10.24".into(),
        runtime: "runtime-docker".parse().unwrap_or_else(|_| unreachable!("a plugin's name")),
        allocatable: Allocatable {
            cpu_millicores: 64_000,
            memory_bytes: 64 << 30,
            sessions: 32,
        },
        degraded: None,
        images: ["terminal", "desktop", "firefox"]
            .map(|name| format!("gatewright/{name}:dev"))
            .into(),
        labels: [("room".to_owned(), "b".to_owned())].into(),
        devices: Vec::new(),
    }
}

/// An agent that answers at once.
struct Simulated {
    status: NodeStatus,
    sessions: Mutex<BTreeSet<SessionId>>,
}

impl Simulated {
    fn sessions(&self) -> std::sync::MutexGuard<'_, BTreeSet<SessionId>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AgentControl for Simulated {
    async fn status(&self) -> Result<NodeStatus, AgentError> {
        Ok(self.status.clone())
    }

    async fn create(&self, spec: SessionSpec, _: Fence) -> Result<(), AgentError> {
        self.sessions().insert(spec.session);
        Ok(())
    }

    async fn start(&self, _: SessionId, _: Fence) -> Result<(), AgentError> {
        Ok(())
    }

    async fn wait_ready(&self, _: SessionId) -> Result<(), AgentError> {
        Ok(())
    }

    async fn stop(&self, _: SessionId, _: Duration, _: Fence) -> Result<(), AgentError> {
        Ok(())
    }

    async fn destroy(&self, session: SessionId, _: Fence) -> Result<(), AgentError> {
        self.sessions().remove(&session);
        Ok(())
    }

    // What nobody asks of them here.

    async fn pause(&self, _: SessionId, _: Fence) -> Result<(), AgentError> {
        Err(AgentError::Unavailable)
    }

    async fn resume(&self, _: SessionId, _: Fence) -> Result<(), AgentError> {
        Err(AgentError::Unavailable)
    }

    async fn stats(&self, _: SessionId) -> Result<SessionStats, AgentError> {
        Err(AgentError::Unavailable)
    }

    async fn logs(&self, _: SessionId, _: u32) -> Result<Vec<OutputPiece>, AgentError> {
        Err(AgentError::Unavailable)
    }

    async fn exec(&self, _: SessionId, _: ExecProgram) -> Result<ExecOutcome, AgentError> {
        Err(AgentError::Unavailable)
    }

    async fn check(&self, _: SessionId, _: SecretString, _: Fence) -> Result<Vec<Finding>, AgentError> {
        Err(AgentError::Unavailable)
    }

    async fn image(&self, _: &str) -> Result<ImageStatus, AgentError> {
        Err(AgentError::Unavailable)
    }

    async fn remove_home(&self, _: HomeId) -> Result<(), AgentError> {
        Err(AgentError::Unavailable)
    }

    async fn pull(&self, _: &str) -> Result<(), AgentError> {
        Err(AgentError::Unavailable)
    }

    async fn cancel_pull(&self, _: &str) -> Result<(), AgentError> {
        Err(AgentError::Unavailable)
    }

    async fn list(&self) -> Result<Vec<OwnedSession>, AgentError> {
        let sessions = self.sessions().iter().copied().collect::<Vec<_>>();
        Ok(sessions
            .into_iter()
            .map(|session| OwnedSession {
                session,
                running: true,
                paused: Some(false),
            })
            .collect())
    }
}
