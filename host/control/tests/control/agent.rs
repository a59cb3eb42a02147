//! An agent whose containers are entries of a map. It keeps its promises as a real one does: idempotent, a limit on room,
//! only images that it has. Faults can be put into it. It outlives the control plane, as a node does.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatewright_core::capacity::Allocatable;
use gatewright_core::record::Homes;
use gatewright_core::session::EndReason;
use gatewright_core::{DeviceName, HomeId, NodeId, SessionId};
use gatewright_ports::agent_control::{
    ContractPart, ExecOutcome, ExecProgram, Fence, Finding, NodeStatus, OutputPiece, OwnedSession, SessionSpec, SessionStats,
};
use gatewright_ports::proxy_control::OpenStream;
use gatewright_ports::{AgentControl, AgentError, ImageFacts, ImageStatus, ProxyControl, ProxyError, PullProgress};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// What an agent is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Status,
    Create,
    Start,
    WaitReady,
    Pause,
    Resume,
    Check,
    RemoveHome,
    Destroy,
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum When {
    /// Nothing is done.
    Before,
    /// It is done, and the answer is lost.
    After,
}

#[derive(Clone)]
pub(crate) struct Container {
    pub(crate) running: bool,
    pub(crate) paused: bool,
    pub(crate) password: String,
}

#[derive(Default)]
struct State {
    containers: HashMap<SessionId, Container>,
    homes: HashSet<HomeId>,
    fences: HashMap<SessionId, Fence>,
    faults: Vec<(Call, When, AgentError)>,
    calls: Vec<Call>,
}

impl State {
    /// As a real one: who drives a session no more is refused.
    fn pass(&mut self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        let newest = self.fences.entry(session).or_default();
        if fence < *newest {
            return Err(AgentError::Fenced);
        }
        *newest = fence;
        Ok(())
    }
}

pub(crate) struct FakeAgent {
    pub(crate) node: NodeId,
    name: String,
    images: Vec<String>,
    devices: Vec<DeviceName>,
    /// What it tells the control plane.
    told_sessions: u32,
    /// What it really has: other deployments may use the machine too.
    real_sessions: usize,
    state: Mutex<State>,
    /// Sessions whose desktop never answers.
    pub(crate) mute: bool,
    /// The part of the contract that its images break.
    breaks: Option<ContractPart>,
    /// The parts that it does not look at.
    without: Vec<ContractPart>,
    /// The images that are or were being brought.
    pulls: Mutex<HashMap<String, ImageStatus>>,
}

impl FakeAgent {
    pub(crate) fn new(number: u128, sessions: u32) -> Self {
        Self {
            node: NodeId::from_uuid(Uuid::from_u128(number)),
            name: format!("node-{number}"),
            images: vec!["gatewright/terminal:dev".into(), "gatewright/desktop:dev".into()],
            devices: Vec::new(),
            told_sessions: sessions,
            real_sessions: sessions as usize,
            state: Mutex::default(),
            mute: false,
            breaks: None,
            without: Vec::new(),
            pulls: Mutex::default(),
        }
    }

    /// Of a machine that has joined.
    pub(crate) fn of(mut self, node: NodeId) -> Self {
        self.node = node;
        self
    }

    pub(crate) fn without_images(mut self) -> Self {
        self.images.clear();
        self
    }

    pub(crate) fn with_device(mut self, name: &str) -> Self {
        self.devices.push(name.parse().unwrap());
        self
    }

    pub(crate) fn really_full(mut self) -> Self {
        self.real_sessions = 0;
        self
    }

    pub(crate) fn mute(mut self) -> Self {
        self.mute = true;
        self
    }

    pub(crate) fn breaking(mut self, part: ContractPart) -> Self {
        self.breaks = Some(part);
        self
    }

    /// An agent of another version, which looks at less.
    pub(crate) fn not_looking_at(mut self, part: ContractPart) -> Self {
        self.without.push(part);
        self
    }

    pub(crate) fn share(self) -> Arc<Self> {
        Arc::new(self)
    }

    pub(crate) fn fault(&self, call: Call, when: When, error: AgentError) {
        self.state.lock().unwrap().faults.push((call, when, error));
    }

    pub(crate) fn containers(&self) -> HashMap<SessionId, Container> {
        self.state.lock().unwrap().containers.clone()
    }

    pub(crate) fn calls(&self, wanted: Call) -> usize {
        self.state.lock().unwrap().calls.iter().filter(|call| **call == wanted).count()
    }

    /// Somebody removes a container with the engine's own tools.
    pub(crate) fn lose(&self, session: SessionId) {
        self.state.lock().unwrap().containers.remove(&session).unwrap();
    }

    pub(crate) fn is_paused(&self, session: SessionId) -> bool {
        self.state.lock().unwrap().containers.get(&session).unwrap().paused
    }

    /// The homes that it has.
    pub(crate) fn homes(&self) -> HashSet<HomeId> {
        self.state.lock().unwrap().homes.clone()
    }

    /// Somebody takes its disk away.
    pub(crate) fn lose_homes(&self) {
        self.state.lock().unwrap().homes.clear();
    }

    /// Somebody pauses a container with the engine's own tools.
    pub(crate) fn freeze(&self, session: SessionId) {
        self.state.lock().unwrap().containers.get_mut(&session).unwrap().paused = true;
    }

    /// A container that is there for whatever reason.
    pub(crate) fn plant(&self, session: SessionId) {
        let container = Container {
            running: true,
            paused: false,
            password: String::new(),
        };
        self.state.lock().unwrap().containers.insert(session, container);
    }

    fn act(&self, call: Call, action: impl FnOnce(&mut State) -> Result<(), AgentError>) -> Result<(), AgentError> {
        let mut state = self.state.lock().unwrap();
        state.calls.push(call);
        let mut take = |when| {
            let at = state.faults.iter().position(|(c, w, _)| *c == call && *w == when)?;
            Some(state.faults.remove(at).2)
        };
        if let Some(error) = take(When::Before) {
            return Err(error);
        }
        let after = take(When::After);
        action(&mut state)?;
        after.map_or(Ok(()), Err)
    }
}

#[async_trait]
impl AgentControl for FakeAgent {
    async fn status(&self) -> Result<NodeStatus, AgentError> {
        self.act(Call::Status, |_| Ok(()))?;
        Ok(NodeStatus {
            node: self.node,
            name: self.name.clone(),
            engine: "docker 20.10.24".into(),
            runtime: "runtime-docker".parse().unwrap(),
            allocatable: Allocatable {
                cpu_millicores: 64_000,
                memory_bytes: 64 << 30,
                sessions: self.told_sessions,
            },
            degraded: None,
            images: self.images.clone(),
            labels: BTreeMap::from([(Homes::LABEL.to_owned(), Homes::KEPT.to_owned())]),
            devices: self.devices.clone(),
        })
    }

    async fn create(&self, spec: SessionSpec, fence: Fence) -> Result<(), AgentError> {
        self.act(Call::Create, |state| {
            state.pass(spec.session, fence)?;
            if state.containers.contains_key(&spec.session) {
                return Ok(());
            }
            if state.containers.len() >= self.real_sessions {
                return Err(AgentError::NoCapacity { why: "sessions".into() });
            }
            let missing = DeviceName::missing(&spec.devices, &self.devices);
            if !missing.is_empty() {
                return Err(AgentError::NoCapacity {
                    why: format!("has no {}", DeviceName::list(missing)),
                });
            }
            if !self.images.contains(&spec.image) {
                return Err(AgentError::ImageMissing { image: spec.image });
            }
            if let Some(home) = spec.home
                && !state.homes.contains(&home.id)
            {
                if !home.new {
                    return Err(AgentError::HomeMissing { home: home.id });
                }
                state.homes.insert(home.id);
            }
            let container = Container {
                running: false,
                paused: false,
                password: spec
                    .desktop_password
                    .unwrap_or_else(|| SecretString::from(""))
                    .expose_secret()
                    .to_owned(),
            };
            state.containers.insert(spec.session, container);
            Ok(())
        })
    }

    async fn start(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.act(Call::Start, |state| {
            state.pass(session, fence)?;
            state.containers.get_mut(&session).ok_or(AgentError::NotFound)?.running = true;
            Ok(())
        })
    }

    async fn wait_ready(&self, session: SessionId) -> Result<(), AgentError> {
        self.act(Call::WaitReady, |state| {
            let container = state.containers.get(&session).ok_or(AgentError::NotFound)?;
            if container.running {
                Ok(())
            } else {
                Err(AgentError::Exited { code: 1 })
            }
        })?;
        if self.mute {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn stop(&self, session: SessionId, _: std::time::Duration, fence: Fence) -> Result<(), AgentError> {
        let mut state = self.state.lock().unwrap();
        state.pass(session, fence)?;
        state.containers.get_mut(&session).ok_or(AgentError::NotFound)?.running = false;
        Ok(())
    }

    async fn pause(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.act(Call::Pause, |state| {
            state.pass(session, fence)?;
            state.containers.get_mut(&session).ok_or(AgentError::NotFound)?.paused = true;
            Ok(())
        })
    }

    async fn resume(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.act(Call::Resume, |state| {
            state.pass(session, fence)?;
            state.containers.get_mut(&session).ok_or(AgentError::NotFound)?.paused = false;
            Ok(())
        })
    }

    async fn stats(&self, session: SessionId) -> Result<SessionStats, AgentError> {
        self.containers().get(&session).ok_or(AgentError::NotFound)?;
        Ok(SessionStats {
            cpu_micros: 1,
            memory_bytes: 1,
            memory_limit_bytes: 1,
            pids: 1,
            received_bytes: None,
            sent_bytes: None,
        })
    }

    async fn logs(&self, session: SessionId, _: u32) -> Result<Vec<OutputPiece>, AgentError> {
        self.containers().get(&session).ok_or(AgentError::NotFound)?;
        Ok(Vec::new())
    }

    async fn exec(&self, session: SessionId, _: ExecProgram) -> Result<ExecOutcome, AgentError> {
        self.containers().get(&session).ok_or(AgentError::NotFound)?;
        Err(AgentError::Unsupported {
            why: "nothing runs here".into(),
        })
    }

    async fn destroy(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.act(Call::Destroy, |state| {
            state.pass(session, fence)?;
            state.containers.remove(&session);
            Ok(())
        })
    }

    async fn check(&self, session: SessionId, password: SecretString, _: Fence) -> Result<Vec<Finding>, AgentError> {
        let mut found = Vec::new();
        self.act(Call::Check, |state| {
            let container = state.containers.get_mut(&session).ok_or(AgentError::NotFound)?;
            let right = container.password == password.expose_secret();
            container.running = false;
            let parts = [
                ContractPart::Password,
                ContractPart::User,
                ContractPart::Transfer,
                ContractPart::Stop,
            ];
            found = parts.map(|part| Finding { part, problem: None }).to_vec();
            found[0].problem = (!right).then(|| "another password".into());
            Ok(())
        })?;
        found.retain(|finding| !self.without.contains(&finding.part));
        for finding in &mut found {
            if self.breaks == Some(finding.part) {
                finding.problem = Some("it does otherwise".into());
            }
        }
        Ok(found)
    }

    async fn image(&self, name: &str) -> Result<ImageStatus, AgentError> {
        let pulls = self.pulls.lock().unwrap();
        Ok(match pulls.get(name) {
            Some(status) => status.clone(),
            None if self.images.iter().any(|image| image == name) => ImageStatus::Present(ImageFacts {
                id: format!("sha256:{}", "0".repeat(64)),
                size_bytes: 34 << 20,
                created: String::new(),
                user: String::new(),
            }),
            None => ImageStatus::Absent,
        })
    }

    async fn pull(&self, name: &str) -> Result<(), AgentError> {
        let progress = PullProgress {
            step: "Downloading".into(),
            done_bytes: 1,
            total_bytes: 4,
        };
        self.pulls.lock().unwrap().insert(name.into(), ImageStatus::Pulling(progress));
        Ok(())
    }

    async fn remove_home(&self, home: HomeId) -> Result<(), AgentError> {
        self.act(Call::RemoveHome, |state| {
            state.homes.remove(&home);
            Ok(())
        })
    }

    async fn cancel_pull(&self, name: &str) -> Result<(), AgentError> {
        self.pulls.lock().unwrap().remove(name);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<OwnedSession>, AgentError> {
        let containers = self.containers();
        Ok(containers
            .into_iter()
            .map(|(session, container)| OwnedSession {
                session,
                running: container.running,
                paused: Some(container.paused),
            })
            .collect())
    }
}

/// A proxy with streams that it closes when told to.
#[derive(Default)]
pub(crate) struct FakeProxy {
    /// With the seconds since the last input.
    open: Mutex<HashMap<SessionId, u64>>,
    closed: Mutex<Vec<(SessionId, EndReason)>>,
    told: Mutex<Vec<String>>,
    away: AtomicBool,
}

impl FakeProxy {
    pub(crate) fn connect(&self, session: SessionId) {
        self.idle(session, 0);
    }

    /// Connected, and without input for so long.
    pub(crate) fn idle(&self, session: SessionId, secs: u64) {
        self.open.lock().unwrap().insert(session, secs);
    }

    pub(crate) fn disconnect(&self, session: SessionId) {
        self.open.lock().unwrap().remove(&session);
    }

    /// Whether it answers.
    pub(crate) fn answers(&self, answers: bool) {
        self.away.store(!answers, Ordering::SeqCst);
    }

    /// What it was told to show since the last question.
    pub(crate) fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    pub(crate) fn closed(&self) -> Vec<(SessionId, EndReason)> {
        self.closed.lock().unwrap().clone()
    }
}

#[async_trait]
impl ProxyControl for FakeProxy {
    async fn list(&self) -> Result<Vec<OpenStream>, ProxyError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(ProxyError::Unavailable);
        }
        let open = self.open.lock().unwrap();
        Ok(open
            .iter()
            .map(|(session, idle_secs)| OpenStream {
                session: *session,
                client: String::new(),
                idle_secs: *idle_secs,
            })
            .collect())
    }

    async fn terminate(&self, session: SessionId, reason: EndReason) -> Result<(), ProxyError> {
        if self.open.lock().unwrap().remove(&session).is_some() {
            self.closed.lock().unwrap().push((session, reason));
        }
        Ok(())
    }

    async fn message(&self, session: SessionId, text: String) -> Result<(), ProxyError> {
        if self.open.lock().unwrap().contains_key(&session) {
            self.told.lock().unwrap().push(text);
        }
        Ok(())
    }
}
