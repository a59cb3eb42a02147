//! Signs of life to a control plane.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::event::Event;
use gatewright_core::plugin::Digest;
use gatewright_core::session::EndReason;
use gatewright_core::{SecretId, SessionId};
use gatewright_ports::agent_control::NodeStatus;
use gatewright_ports::control::{PolicySnapshot, SecretEntry, SessionContext};
use gatewright_ports::{Control, ControlError};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::relay::{Mode, Relay};
use crate::stand::{Stand, soon, until};
use crate::witness::{Kind, on_each_engine};

on_each_engine!(an_agent_gives_signs_of_life_until_it_is_stopped,);

/// A control plane that takes signs of life, unless it is away.
#[derive(Default)]
pub(crate) struct Listener {
    away: Mutex<bool>,
    turned_away: Mutex<u32>,
    heard: Mutex<Vec<NodeStatus>>,
}

#[async_trait]
impl Control for Listener {
    async fn heartbeat(&self, status: NodeStatus) -> Result<(), ControlError> {
        if *self.away.lock().unwrap() {
            *self.turned_away.lock().unwrap() += 1;
            return Err(ControlError::Unavailable);
        }
        self.heard.lock().unwrap().push(status);
        Ok(())
    }
    async fn watch(&self, _: u64) -> Result<u64, ControlError> {
        Err(ControlError::Unavailable)
    }
    async fn policy(&self) -> Result<Arc<PolicySnapshot>, ControlError> {
        Err(ControlError::Unavailable)
    }
    async fn session(&self, _: SessionId) -> Result<SessionContext, ControlError> {
        Err(ControlError::Unavailable)
    }
    async fn component(&self, _: Digest) -> Result<Bytes, ControlError> {
        Err(ControlError::Unavailable)
    }
    async fn secrets(&self, _: SessionId) -> Result<Vec<SecretEntry>, ControlError> {
        Err(ControlError::Unavailable)
    }
    async fn secret(&self, _: SessionId, _: SecretId) -> Result<SecretString, ControlError> {
        Err(ControlError::Unavailable)
    }
    async fn append_events(&self, _: Vec<Event>) -> Result<(), ControlError> {
        Err(ControlError::Unavailable)
    }
    async fn end_session(&self, _: SessionId, _: EndReason) -> Result<(), ControlError> {
        Err(ControlError::Unavailable)
    }
}

async fn an_agent_gives_signs_of_life_until_it_is_stopped(kind: Kind) {
    let relay = Relay::before(&kind.socket());
    let stand = Stand::over(kind, &relay.socket).await;
    let control = Arc::new(Listener::default());
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (agent, control, stop) = (stand.agent.clone(), Arc::clone(&control), stop.clone());
        async move { agent.run(control, stop).await }
    });
    let last = || control.heard.lock().unwrap().last().cloned();
    until("a sign of life", async || last().is_some_and(|status| status.degraded.is_none())).await;
    relay.set(Mode::Babble);
    until("a degraded node", async || last().is_some_and(|status| status.degraded.is_some())).await;
    relay.set(Mode::Pass);
    until("a recovered node", async || last().is_some_and(|status| status.degraded.is_none())).await;
    // A control plane that was away hears again.
    *control.away.lock().unwrap() = true;
    until("a sign of life that nobody took", async || *control.turned_away.lock().unwrap() > 1).await;
    control.heard.lock().unwrap().clear();
    *control.away.lock().unwrap() = false;
    until("a sign of life after the silence", async || last().is_some()).await;
    stop.cancel();
    soon(running).await.unwrap();
}
