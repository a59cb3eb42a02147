//! `AgentControl` over a link that the agent has dialled.

use std::time::Duration;

use async_trait::async_trait;
use gatewright_core::{HomeId, SessionId};
use gatewright_ports::agent_control::{
    ExecOutcome, ExecProgram, Fence, Finding, NodeStatus, OutputPiece, OwnedSession, SessionSpec, SessionStats,
};
use gatewright_ports::control::SecretText;
use gatewright_ports::{AgentControl, AgentError, ImageStatus};
use secrecy::SecretString;

use crate::channel::Channel;
use crate::method::Method;
use crate::wire::{Check, Create, Driven, Exec, Logs, Nothing, OneHome, OneImage, OneSession, Stop};

/// The agent at the other end of a link.
#[derive(Debug, Clone)]
pub struct RemoteAgent(pub Channel);

impl RemoteAgent {
    async fn done(&self, method: Method, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.0.call::<Nothing, _>(method, &Driven { session, fence }).await.map(drop)
    }
}

#[async_trait]
impl AgentControl for RemoteAgent {
    async fn status(&self) -> Result<NodeStatus, AgentError> {
        self.0.call(Method::AgentStatus, &Nothing {}).await
    }

    async fn create(&self, spec: SessionSpec, fence: Fence) -> Result<(), AgentError> {
        let desktop_password = spec.desktop_password.clone().map(SecretText);
        let body = Create {
            spec,
            desktop_password,
            fence,
        };
        self.0.call::<Nothing, _>(Method::AgentCreate, &body).await.map(drop)
    }

    async fn start(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.done(Method::AgentStart, session, fence).await
    }

    async fn wait_ready(&self, session: SessionId) -> Result<(), AgentError> {
        let body = OneSession { session };
        self.0.call::<Nothing, _>(Method::AgentWaitReady, &body).await.map(drop)
    }

    async fn stop(&self, session: SessionId, grace: Duration, fence: Fence) -> Result<(), AgentError> {
        let body = Stop {
            session,
            grace_secs: grace.as_secs(),
            fence,
        };
        self.0.call::<Nothing, _>(Method::AgentStop, &body).await.map(drop)
    }

    async fn pause(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.done(Method::AgentPause, session, fence).await
    }

    async fn resume(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.done(Method::AgentResume, session, fence).await
    }

    async fn stats(&self, session: SessionId) -> Result<SessionStats, AgentError> {
        self.0.call(Method::AgentStats, &OneSession { session }).await
    }

    async fn logs(&self, session: SessionId, lines: u32) -> Result<Vec<OutputPiece>, AgentError> {
        self.0.call(Method::AgentLogs, &Logs { session, lines }).await
    }

    async fn exec(&self, session: SessionId, program: ExecProgram) -> Result<ExecOutcome, AgentError> {
        self.0.call(Method::AgentExec, &Exec { session, program }).await
    }

    async fn destroy(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.done(Method::AgentDestroy, session, fence).await
    }

    async fn check(&self, session: SessionId, password: SecretString, fence: Fence) -> Result<Vec<Finding>, AgentError> {
        let password = SecretText(password);
        self.0.call(Method::AgentCheck, &Check { session, password, fence }).await
    }

    async fn image(&self, name: &str) -> Result<ImageStatus, AgentError> {
        self.0.call(Method::AgentImage, &OneImage { name: name.to_owned() }).await
    }

    async fn pull(&self, name: &str) -> Result<(), AgentError> {
        let body = OneImage { name: name.to_owned() };
        self.0.call::<Nothing, _>(Method::AgentPull, &body).await.map(drop)
    }

    async fn cancel_pull(&self, name: &str) -> Result<(), AgentError> {
        let body = OneImage { name: name.to_owned() };
        self.0.call::<Nothing, _>(Method::AgentCancelPull, &body).await.map(drop)
    }

    async fn remove_home(&self, home: HomeId) -> Result<(), AgentError> {
        self.0
            .call::<Nothing, _>(Method::AgentRemoveHome, &OneHome { home })
            .await
            .map(drop)
    }

    async fn list(&self) -> Result<Vec<OwnedSession>, AgentError> {
        self.0.call(Method::AgentList, &Nothing {}).await
    }
}
