//! `AgentControl` for one caller.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::{HomeId, SessionId};
use gatewright_ports::agent_control::{
    ExecOutcome, ExecProgram, Fence, Finding, NodeStatus, OutputPiece, OwnedSession, SessionSpec, SessionStats,
};
use gatewright_ports::{AgentControl, AgentError, ImageStatus};
use http::Response;
use http_body_util::Full;
use secrecy::SecretString;

use crate::caller::{About, Caller};
use crate::method::Method;
use crate::serve::{Answers, BadBody, body};
use crate::wire::{Check, Create, Driven, Exec, Logs, Nothing, OneHome, OneImage, OneSession, Stop, reply};

/// An agent, as one caller may use it.
#[derive(Clone)]
pub struct GuardedAgent {
    agent: Arc<dyn AgentControl>,
    caller: Caller,
}

impl GuardedAgent {
    /// Before `agent`, for `caller`.
    #[must_use]
    pub fn new(agent: Arc<dyn AgentControl>, caller: Caller) -> Self {
        Self { agent, caller }
    }

    fn may(&self, method: Method) -> Result<(), AgentError> {
        Ok(self.caller.may(method, About::All)?)
    }
}

#[async_trait]
impl AgentControl for GuardedAgent {
    async fn status(&self) -> Result<NodeStatus, AgentError> {
        self.may(Method::AgentStatus)?;
        self.agent.status().await
    }

    async fn create(&self, spec: SessionSpec, fence: Fence) -> Result<(), AgentError> {
        self.may(Method::AgentCreate)?;
        self.agent.create(spec, fence).await
    }

    async fn start(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.may(Method::AgentStart)?;
        self.agent.start(session, fence).await
    }

    async fn wait_ready(&self, session: SessionId) -> Result<(), AgentError> {
        self.may(Method::AgentWaitReady)?;
        self.agent.wait_ready(session).await
    }

    async fn stop(&self, session: SessionId, grace: Duration, fence: Fence) -> Result<(), AgentError> {
        self.may(Method::AgentStop)?;
        self.agent.stop(session, grace, fence).await
    }

    async fn pause(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.may(Method::AgentPause)?;
        self.agent.pause(session, fence).await
    }

    async fn resume(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.may(Method::AgentResume)?;
        self.agent.resume(session, fence).await
    }

    async fn stats(&self, session: SessionId) -> Result<SessionStats, AgentError> {
        self.may(Method::AgentStats)?;
        self.agent.stats(session).await
    }

    async fn logs(&self, session: SessionId, lines: u32) -> Result<Vec<OutputPiece>, AgentError> {
        self.may(Method::AgentLogs)?;
        self.agent.logs(session, lines).await
    }

    async fn exec(&self, session: SessionId, program: ExecProgram) -> Result<ExecOutcome, AgentError> {
        self.may(Method::AgentExec)?;
        self.agent.exec(session, program).await
    }

    async fn destroy(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.may(Method::AgentDestroy)?;
        self.agent.destroy(session, fence).await
    }

    async fn check(&self, session: SessionId, password: SecretString, fence: Fence) -> Result<Vec<Finding>, AgentError> {
        self.may(Method::AgentCheck)?;
        self.agent.check(session, password, fence).await
    }

    async fn image(&self, name: &str) -> Result<ImageStatus, AgentError> {
        self.may(Method::AgentImage)?;
        self.agent.image(name).await
    }

    async fn pull(&self, name: &str) -> Result<(), AgentError> {
        self.may(Method::AgentPull)?;
        self.agent.pull(name).await
    }

    async fn cancel_pull(&self, name: &str) -> Result<(), AgentError> {
        self.may(Method::AgentCancelPull)?;
        self.agent.cancel_pull(name).await
    }

    async fn remove_home(&self, home: HomeId) -> Result<(), AgentError> {
        self.may(Method::AgentRemoveHome)?;
        self.agent.remove_home(home).await
    }

    async fn list(&self) -> Result<Vec<OwnedSession>, AgentError> {
        self.may(Method::AgentList)?;
        self.agent.list().await
    }
}

#[async_trait]
impl Answers for GuardedAgent {
    async fn answer(&self, method: Method, bytes: &[u8]) -> Result<Option<Response<Full<Bytes>>>, BadBody> {
        let session = || body::<OneSession>(bytes).map(|body| body.session);
        let driven = || body::<Driven>(bytes).map(|body| (body.session, body.fence));
        let image = || body::<OneImage>(bytes).map(|body| body.name);
        let done = |outcome: Result<(), AgentError>| reply(outcome.map(|()| Nothing {}));
        Ok(Some(match method {
            Method::AgentStatus => reply(self.status().await),
            Method::AgentCreate => {
                let Create {
                    mut spec,
                    desktop_password,
                    fence,
                } = body(bytes)?;
                spec.desktop_password = desktop_password.map(|password| password.0);
                done(self.create(spec, fence).await)
            }
            Method::AgentStart => {
                let (session, fence) = driven()?;
                done(self.start(session, fence).await)
            }
            Method::AgentWaitReady => done(self.wait_ready(session()?).await),
            Method::AgentStop => {
                let Stop {
                    session,
                    grace_secs,
                    fence,
                } = body(bytes)?;
                done(self.stop(session, Duration::from_secs(grace_secs), fence).await)
            }
            Method::AgentPause => {
                let (session, fence) = driven()?;
                done(self.pause(session, fence).await)
            }
            Method::AgentResume => {
                let (session, fence) = driven()?;
                done(self.resume(session, fence).await)
            }
            Method::AgentStats => reply(self.stats(session()?).await),
            Method::AgentLogs => {
                let Logs { session, lines } = body(bytes)?;
                reply(self.logs(session, lines).await)
            }
            Method::AgentExec => {
                let Exec { session, program } = body(bytes)?;
                reply(self.exec(session, program).await)
            }
            Method::AgentDestroy => {
                let (session, fence) = driven()?;
                done(self.destroy(session, fence).await)
            }
            Method::AgentCheck => {
                let Check { session, password, fence } = body(bytes)?;
                reply(self.check(session, password.0, fence).await)
            }
            Method::AgentImage => reply(self.image(&image()?).await),
            Method::AgentPull => done(self.pull(&image()?).await),
            Method::AgentCancelPull => done(self.cancel_pull(&image()?).await),
            Method::AgentRemoveHome => done(self.remove_home(body::<OneHome>(bytes)?.home).await),
            Method::AgentList => reply(self.list().await),
            _ => return Ok(None),
        }))
    }
}
