//! `AgentControl` over a link that the agent has dialled.

use std::time::Duration;

use async_trait::async_trait;
use gatewright_core::SessionId;
use gatewright_ports::agent_control::{Finding, NodeStatus, OwnedSession, SessionSpec};
use gatewright_ports::control::SecretText;
use gatewright_ports::{AgentControl, AgentError, ImageStatus};
use secrecy::SecretString;

use crate::channel::Channel;
use crate::method::Method;
use crate::wire::{Check, Create, Nothing, OneImage, OneSession, Stop};

/// The agent at the other end of a link.
#[derive(Debug, Clone)]
pub struct RemoteAgent(pub Channel);

impl RemoteAgent {
    async fn done(&self, method: Method, session: SessionId) -> Result<(), AgentError> {
        self.0.call::<Nothing, _>(method, &OneSession { session }).await.map(drop)
    }
}

#[async_trait]
impl AgentControl for RemoteAgent {
    async fn status(&self) -> Result<NodeStatus, AgentError> {
        self.0.call(Method::AgentStatus, &Nothing {}).await
    }

    async fn create(&self, spec: SessionSpec) -> Result<(), AgentError> {
        let desktop_password = spec.desktop_password.clone().map(SecretText);
        let body = Create { spec, desktop_password };
        self.0.call::<Nothing, _>(Method::AgentCreate, &body).await.map(drop)
    }

    async fn start(&self, session: SessionId) -> Result<(), AgentError> {
        self.done(Method::AgentStart, session).await
    }

    async fn wait_ready(&self, session: SessionId) -> Result<(), AgentError> {
        self.done(Method::AgentWaitReady, session).await
    }

    async fn stop(&self, session: SessionId, grace: Duration) -> Result<(), AgentError> {
        let body = Stop {
            session,
            grace_secs: grace.as_secs(),
        };
        self.0.call::<Nothing, _>(Method::AgentStop, &body).await.map(drop)
    }

    async fn destroy(&self, session: SessionId) -> Result<(), AgentError> {
        self.done(Method::AgentDestroy, session).await
    }

    async fn check(&self, session: SessionId, password: SecretString) -> Result<Vec<Finding>, AgentError> {
        let password = SecretText(password);
        self.0.call(Method::AgentCheck, &Check { session, password }).await
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

    async fn list(&self) -> Result<Vec<OwnedSession>, AgentError> {
        self.0.call(Method::AgentList, &Nothing {}).await
    }
}
