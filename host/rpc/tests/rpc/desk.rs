//! An agent of the tests, with sessions in its memory.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gatewright_core::capacity::Resources;
use gatewright_core::record::Network;
use gatewright_core::{HomeId, SessionId};
use gatewright_ports::agent_control::{
    ContractPart, ExecOutcome, ExecProgram, Fence, Finding, KeptHome, NodeStatus, OutputPiece, OwnedSession, SessionSpec, SessionStats,
};
use gatewright_ports::{AgentControl, AgentError, ByteStream, ImageFacts, ImageStatus, PullProgress, SessionStreams, StreamError};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::told::{logs, outcome, program, stats};
use crate::world::status;

/// An agent, whose sessions echo.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) made: Mutex<HashMap<SessionId, (SessionSpec, bool)>>,
    /// How many calls of `wait_ready` wait, and how many were dropped.
    pub(crate) waiting: Arc<Mutex<(u32, u32)>>,
    paused: Mutex<BTreeSet<SessionId>>,
    newest: Mutex<Fence>,
    /// The images that are being brought.
    pulling: Mutex<BTreeSet<String>>,
}

/// Of whoever drives all sessions.
pub(crate) const FENCE: Fence = Fence(3);

pub(crate) fn spec(of: SessionId) -> SessionSpec {
    SessionSpec {
        session: of,
        image: "terminal".into(),
        resources: Resources {
            cpu_millicores: 500,
            memory_bytes: 1 << 28,
            pids: 100,
            shm_bytes: 1 << 20,
        },
        network: Network::None,
        hostname: "desk".into(),
        home: Some(KeptHome {
            id: HomeId::from_uuid(Uuid::from_u128(77)),
            new: true,
        }),
        devices: vec!["vendor.example/probe=one".parse().unwrap()],
        desktop_password: Some("hunter2".into()),
    }
}

struct Dropped(Arc<Mutex<(u32, u32)>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.lock().unwrap().1 += 1;
    }
}

impl Desk {
    /// One number for all sessions will do here.
    fn fenced(&self, fence: Fence) -> Result<(), AgentError> {
        let mut newest = self.newest.lock().unwrap();
        if fence < *newest {
            return Err(AgentError::Fenced);
        }
        *newest = fence;
        Ok(())
    }
}

#[async_trait]
impl AgentControl for Desk {
    async fn status(&self) -> Result<NodeStatus, AgentError> {
        Ok(status(1))
    }

    async fn create(&self, spec: SessionSpec, fence: Fence) -> Result<(), AgentError> {
        self.fenced(fence)?;
        if spec.image != "terminal" {
            return Err(AgentError::ImageMissing { image: spec.image });
        }
        self.made.lock().unwrap().entry(spec.session).or_insert((spec, false));
        Ok(())
    }

    async fn start(&self, id: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.fenced(fence)?;
        let mut made = self.made.lock().unwrap();
        made.get_mut(&id).ok_or(AgentError::NotFound)?.1 = true;
        Ok(())
    }

    async fn wait_ready(&self, id: SessionId) -> Result<(), AgentError> {
        match self.made.lock().unwrap().get(&id) {
            None => return Err(AgentError::Exited { code: 3 }),
            Some((_, true)) => return Ok(()),
            Some(_) => self.waiting.lock().unwrap().0 += 1,
        }
        let _dropped = Dropped(Arc::clone(&self.waiting));
        std::future::pending().await
    }

    async fn stop(&self, id: SessionId, grace: Duration, fence: Fence) -> Result<(), AgentError> {
        self.fenced(fence)?;
        if grace > Duration::from_secs(120) {
            return Err(AgentError::Refused { why: "grace".into() });
        }
        let mut made = self.made.lock().unwrap();
        made.get_mut(&id).ok_or(AgentError::NotFound)?.1 = false;
        Ok(())
    }

    async fn pause(&self, id: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.fenced(fence)?;
        self.made.lock().unwrap().get(&id).ok_or(AgentError::NotFound)?;
        self.paused.lock().unwrap().insert(id);
        Ok(())
    }

    async fn resume(&self, id: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.fenced(fence)?;
        self.made.lock().unwrap().get(&id).ok_or(AgentError::NotFound)?;
        self.paused.lock().unwrap().remove(&id);
        Ok(())
    }

    async fn stats(&self, id: SessionId) -> Result<SessionStats, AgentError> {
        self.made.lock().unwrap().get(&id).ok_or(AgentError::NotFound)?;
        Ok(stats())
    }

    async fn logs(&self, id: SessionId, lines: u32) -> Result<Vec<OutputPiece>, AgentError> {
        self.made.lock().unwrap().get(&id).ok_or(AgentError::NotFound)?;
        if lines > 10_000 {
            return Err(AgentError::Refused { why: "tail".into() });
        }
        Ok(logs())
    }

    async fn exec(&self, id: SessionId, wanted: ExecProgram) -> Result<ExecOutcome, AgentError> {
        self.made.lock().unwrap().get(&id).ok_or(AgentError::NotFound)?;
        assert_eq!(wanted, program());
        Ok(outcome())
    }

    async fn destroy(&self, id: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.fenced(fence)?;
        self.made.lock().unwrap().remove(&id);
        Ok(())
    }

    async fn check(&self, id: SessionId, password: SecretString, _: Fence) -> Result<Vec<Finding>, AgentError> {
        let made = self.made.lock().unwrap();
        let (spec, _) = made.get(&id).ok_or(AgentError::NotFound)?;
        let right = spec.desktop_password.as_ref().unwrap().expose_secret() == password.expose_secret();
        Ok(vec![Finding {
            part: ContractPart::Password,
            problem: (!right).then(|| "another password".into()),
        }])
    }

    async fn image(&self, name: &str) -> Result<ImageStatus, AgentError> {
        Ok(match name {
            "terminal" => ImageStatus::Present(ImageFacts {
                id: "sha256:0".into(),
                size_bytes: 7,
                created: String::new(),
                user: String::new(),
            }),
            other if self.pulling.lock().unwrap().contains(other) => ImageStatus::Pulling(PullProgress {
                step: "Downloading".into(),
                done_bytes: 1,
                total_bytes: 2,
            }),
            _ => ImageStatus::Absent,
        })
    }

    async fn pull(&self, name: &str) -> Result<(), AgentError> {
        if name == ".." {
            return Err(AgentError::Refused { why: "name".into() });
        }
        self.pulling.lock().unwrap().insert(name.into());
        Ok(())
    }

    async fn remove_home(&self, home: HomeId) -> Result<(), AgentError> {
        let made = self.made.lock().unwrap();
        if made.values().any(|(spec, _)| spec.home.is_some_and(|one| one.id == home)) {
            return Err(AgentError::Refused { why: "in use".into() });
        }
        Ok(())
    }

    async fn cancel_pull(&self, name: &str) -> Result<(), AgentError> {
        self.pulling.lock().unwrap().remove(name);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<OwnedSession>, AgentError> {
        let made = self.made.lock().unwrap();
        let mut all: Vec<_> = made
            .iter()
            .map(|(&session, (_, running))| OwnedSession {
                session,
                running: *running,
                paused: Some(self.paused.lock().unwrap().contains(&session)),
            })
            .collect();
        all.sort_by_key(|one| one.session);
        Ok(all)
    }
}

#[async_trait]
impl SessionStreams for Desk {
    async fn open(&self, id: SessionId, service: &str) -> Result<Box<dyn ByteStream>, StreamError> {
        if service != "vnc" {
            return Err(StreamError::NoSuchService { service: service.into() });
        }
        if !self.made.lock().unwrap().contains_key(&id) {
            return Err(StreamError::NotFound);
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let (mut read, mut write) = tokio::io::split(ours);
            let _ = tokio::io::copy(&mut read, &mut write).await;
        });
        Ok(Box::new(theirs))
    }
}
