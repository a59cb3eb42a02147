//! A node whose desktops answer when the test says so.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatewright_core::capacity::Allocatable;
use gatewright_core::{HomeId, NodeId, SessionId};
use gatewright_ports::agent_control::{
    ContractPart, ExecOutcome, ExecProgram, Fence, Finding, NodeStatus, OutputPiece, OutputStream, OwnedSession, SessionSpec, SessionStats,
};
use gatewright_ports::control::Der;
use gatewright_ports::{AgentControl, AgentError, ImageFacts, ImageStatus, PullProgress};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use uuid::Uuid;

pub(crate) struct Desk {
    pub(crate) node: NodeId,
    /// A permit for each desktop that may answer.
    pub(crate) answers: Arc<Semaphore>,
    sessions: Mutex<HashMap<SessionId, bool>>,
    /// The images that are being brought.
    pulls: Mutex<HashSet<String>>,
}

impl Desk {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            node: NodeId::from_uuid(Uuid::now_v7()),
            answers: Arc::new(Semaphore::new(0)),
            sessions: Mutex::default(),
            pulls: Mutex::default(),
        })
    }

    /// Whether it has no session at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.sessions.lock().unwrap().is_empty()
    }

    pub(crate) fn status_now(&self) -> NodeStatus {
        NodeStatus {
            node: self.node,
            name: "desk".into(),
            engine: "test 1".into(),
            runtime: "runtime-test".parse().unwrap(),
            allocatable: Allocatable {
                cpu_millicores: 64_000,
                memory_bytes: 64 << 30,
                sessions: 32,
            },
            degraded: None,
            images: vec!["gatewright/terminal:dev".into(), "gatewright/desktop:dev".into()],
            labels: [].into(),
            devices: vec!["vendor.example/probe=one".parse().unwrap()],
        }
    }
}

#[async_trait]
impl AgentControl for Desk {
    async fn status(&self) -> Result<NodeStatus, AgentError> {
        Ok(self.status_now())
    }

    async fn create(&self, spec: SessionSpec, _: Fence) -> Result<(), AgentError> {
        self.sessions.lock().unwrap().entry(spec.session).or_insert(false);
        Ok(())
    }

    async fn start(&self, session: SessionId, _: Fence) -> Result<(), AgentError> {
        *self.sessions.lock().unwrap().get_mut(&session).ok_or(AgentError::NotFound)? = true;
        Ok(())
    }

    async fn wait_ready(&self, _: SessionId) -> Result<(), AgentError> {
        self.answers.acquire().await.unwrap().forget();
        Ok(())
    }

    async fn stop(&self, session: SessionId, _: std::time::Duration, _: Fence) -> Result<(), AgentError> {
        *self.sessions.lock().unwrap().get_mut(&session).ok_or(AgentError::NotFound)? = false;
        Ok(())
    }

    async fn pause(&self, session: SessionId, _: Fence) -> Result<(), AgentError> {
        self.sessions.lock().unwrap().get(&session).ok_or(AgentError::NotFound)?;
        Ok(())
    }

    async fn resume(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.pause(session, fence).await
    }

    async fn stats(&self, session: SessionId) -> Result<SessionStats, AgentError> {
        self.sessions.lock().unwrap().get(&session).ok_or(AgentError::NotFound)?;
        Ok(SessionStats {
            cpu_micros: 1_500_000,
            memory_bytes: 64 << 20,
            memory_limit_bytes: 512 << 20,
            pids: 7,
            received_bytes: None,
            sent_bytes: None,
        })
    }

    async fn logs(&self, session: SessionId, _: u32) -> Result<Vec<OutputPiece>, AgentError> {
        self.sessions.lock().unwrap().get(&session).ok_or(AgentError::NotFound)?;
        Ok(vec![OutputPiece {
            to: OutputStream::Stderr,
            bytes: Der(b"a line\n\xff".to_vec()),
        }])
    }

    async fn exec(&self, _: SessionId, _: ExecProgram) -> Result<ExecOutcome, AgentError> {
        Err(AgentError::Unsupported {
            why: "nothing runs here".into(),
        })
    }

    async fn destroy(&self, session: SessionId, _: Fence) -> Result<(), AgentError> {
        self.sessions.lock().unwrap().remove(&session);
        Ok(())
    }

    async fn check(&self, _: SessionId, _: SecretString, _: Fence) -> Result<Vec<Finding>, AgentError> {
        let parts = [
            ContractPart::Password,
            ContractPart::User,
            ContractPart::Transfer,
            ContractPart::Stop,
        ];
        Ok(parts.map(|part| Finding { part, problem: None }).to_vec())
    }

    async fn image(&self, name: &str) -> Result<ImageStatus, AgentError> {
        if self.pulls.lock().unwrap().contains(name) {
            return Ok(ImageStatus::Pulling(PullProgress {
                step: "Downloading".into(),
                done_bytes: 1,
                total_bytes: 4,
            }));
        }
        if !self.status_now().images.iter().any(|image| image == name) {
            return Ok(ImageStatus::Absent);
        }
        Ok(ImageStatus::Present(ImageFacts {
            id: format!("sha256:{}", "0".repeat(64)),
            size_bytes: 34 << 20,
            created: "2026-11-01T00:00:00Z".into(),
            user: String::new(),
        }))
    }

    async fn pull(&self, name: &str) -> Result<(), AgentError> {
        self.pulls.lock().unwrap().insert(name.into());
        Ok(())
    }

    async fn remove_home(&self, _: HomeId) -> Result<(), AgentError> {
        Ok(())
    }

    async fn cancel_pull(&self, name: &str) -> Result<(), AgentError> {
        self.pulls.lock().unwrap().remove(name);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<OwnedSession>, AgentError> {
        let sessions = self.sessions.lock().unwrap();
        let owned = sessions.iter().map(|(session, running)| OwnedSession {
            session: *session,
            running: *running,
            paused: None,
        });
        Ok(owned.collect())
    }
}
