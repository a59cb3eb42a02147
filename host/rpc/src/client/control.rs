//! `Control` of a web-app elsewhere: whichever of them answers.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::event::Event;
use gatewright_core::plugin::Digest;
use gatewright_core::session::EndReason;
use gatewright_core::{NodeId, NodeRole, SecretId, SessionId};
use gatewright_identity::{JoinToken, joining_client_config};
use gatewright_ports::agent_control::NodeStatus;
use gatewright_ports::control::{Deployment, JoinRequest, Joined, PolicySnapshot, RenewRequest, SecretEntry, SessionContext};
use gatewright_ports::{Control, ControlError};
use http::StatusCode;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ALPN_RPC;
use crate::backoff::Backoff;
use crate::channel::{Broken, Channel};
use crate::dial::{DialError, Dialer, connect};
use crate::method::Method;
use crate::wire::{self, End, Nothing, OneSecret, OneSession, Opened, Renew, Since};

/// How long a call may wait for a connection.
const CONNECT: Duration = Duration::from_secs(6);

/// The control plane, wherever a web-app answers. Cheap to clone; all clones share one connection.
#[derive(Clone)]
pub struct RemoteControl {
    inner: Arc<Inner>,
}

struct Inner {
    dialer: Dialer,
    addresses: RwLock<Vec<String>>,
    state: Mutex<State>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Default)]
struct State {
    channel: Option<Channel>,
    /// Which address is tried next: after a failure, another one.
    next: usize,
    backoff: Backoff,
    not_before: Option<Instant>,
}

impl RemoteControl {
    /// Knows the web-apps at `addresses`. Connects with the first call.
    #[must_use]
    pub fn new(dialer: Dialer, addresses: Vec<String>, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let start = usize::try_from(rand::random::<u32>()).unwrap_or(0);
        Self {
            inner: Arc::new(Inner {
                dialer,
                addresses: RwLock::new(addresses),
                state: Mutex::new(State {
                    next: start,
                    ..State::default()
                }),
                tasks: tasks.clone(),
                stop,
            }),
        }
    }

    /// Takes over where the web-apps are now. An open connection stays.
    pub fn set_addresses(&self, addresses: Vec<String>) {
        if !addresses.is_empty() {
            *self.inner.addresses.write().unwrap_or_else(PoisonError::into_inner) = addresses;
        }
    }

    async fn channel(&self) -> Result<Channel, Broken> {
        // Whoever comes while another one connects waits for that connection instead of opening a second.
        let mut state = self.inner.state.lock().await;
        if let Some(channel) = state.channel.as_ref().filter(|channel| !channel.is_closed()) {
            return Ok(channel.clone());
        }
        state.channel = None;
        if state.not_before.is_some_and(|at| Instant::now() < at) {
            return Err(Broken);
        }
        let addresses = self.inner.addresses.read().unwrap_or_else(PoisonError::into_inner).clone();
        for _ in 0..addresses.len() {
            let index = state.next % addresses.len();
            let Some(address) = addresses.get(index) else { break };
            match self.connect(address).await {
                Ok(channel) => {
                    state.backoff.succeeded();
                    state.not_before = None;
                    state.channel = Some(channel.clone());
                    return Ok(channel);
                }
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "A web-app was not reached");
                    state.next = index + 1;
                }
            }
        }
        state.not_before = Some(Instant::now() + state.backoff.failed());
        Err(Broken)
    }

    async fn connect(&self, address: &str) -> Result<Channel, DialError> {
        let (stream, peer) = self.inner.dialer.rpc(address, NodeRole::WebApp).await?;
        Channel::open(stream, peer.identity, &self.inner.tasks, self.inner.stop.clone())
            .await
            .map_err(|error| DialError::Connect {
                address: address.into(),
                source: std::io::Error::other(error),
            })
    }

    async fn send(&self, method: Method, body: &impl Serialize) -> Result<(StatusCode, Bytes), ControlError> {
        let body: Bytes = serde_json::to_vec(body).map_err(|_| ControlError::Unavailable)?.into();
        // Twice: a connection may have died since the last call, and everything is idempotent.
        for _ in 0..2 {
            let channel = tokio::time::timeout(CONNECT, self.channel())
                .await
                .unwrap_or(Err(Broken))
                .map_err(|Broken| ControlError::Unavailable)?;
            match channel.send(method, body.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(Broken) if channel.is_closed() => self.lost(&channel).await,
                Err(Broken) => return Err(ControlError::Unavailable),
            }
        }
        Err(ControlError::Unavailable)
    }

    /// The next call tries another web-app.
    async fn lost(&self, channel: &Channel) {
        let mut state = self.inner.state.lock().await;
        if state.channel.as_ref().is_some_and(|held| held.number() == channel.number()) {
            state.channel = None;
            state.next = state.next.wrapping_add(1);
        }
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, body: &impl Serialize) -> Result<T, ControlError> {
        let (status, body) = self.send(method, body).await?;
        wire::answer(status, &body)
    }

    async fn done(&self, method: Method, body: &impl Serialize) -> Result<(), ControlError> {
        self.call::<Nothing>(method, body).await.map(drop)
    }
}

#[async_trait]
impl Control for RemoteControl {
    async fn join(&self, request: JoinRequest) -> Result<Joined, ControlError> {
        self.call(Method::Join, &request).await
    }

    async fn renew(&self, node: NodeId, request: RenewRequest) -> Result<Joined, ControlError> {
        self.call(Method::Renew, &Renew { node, request }).await
    }

    async fn deployment(&self) -> Result<Deployment, ControlError> {
        self.call(Method::Deployment, &Nothing {}).await
    }

    async fn heartbeat(&self, status: NodeStatus) -> Result<(), ControlError> {
        self.done(Method::Heartbeat, &status).await
    }

    async fn watch(&self, since: u64) -> Result<u64, ControlError> {
        self.call(Method::Watch, &Since { since }).await
    }

    async fn policy(&self) -> Result<Arc<PolicySnapshot>, ControlError> {
        self.call(Method::Policy, &Nothing {}).await
    }

    async fn session(&self, session: SessionId) -> Result<SessionContext, ControlError> {
        self.call(Method::Session, &OneSession { session }).await
    }

    async fn component(&self, digest: Digest) -> Result<Bytes, ControlError> {
        match self.send(Method::Component, &digest).await? {
            (StatusCode::OK, bytes) => Ok(bytes),
            (status, body) => Err(wire::answer::<Nothing, _>(status, &body).err().unwrap_or(ControlError::Unavailable)),
        }
    }

    async fn secrets(&self, session: SessionId) -> Result<Vec<SecretEntry>, ControlError> {
        self.call(Method::Secrets, &OneSession { session }).await
    }

    async fn secret(&self, session: SessionId, secret: SecretId) -> Result<SecretString, ControlError> {
        let opened: Opened = self.call(Method::Secret, &OneSecret { session, secret }).await?;
        Ok(opened.value.0)
    }

    async fn append_events(&self, events: Vec<Event>) -> Result<(), ControlError> {
        self.done(Method::AppendEvents, &events).await
    }

    async fn end_session(&self, session: SessionId, reason: EndReason) -> Result<(), ControlError> {
        self.done(Method::EndSession, &End { session, reason }).await
    }
}

/// Why a machine could not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The web-app was not reached, or it is not the one that the token was made by.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// It said no, or nothing.
    #[error("the control plane did not take the token")]
    Refused(#[source] ControlError),
}

/// Joins with a token at the web-app at `address`, which has to be of the authority that the token pins.
///
/// # Errors
/// [`JoinError`].
pub async fn join(address: &str, token: &JoinToken, request: &JoinRequest) -> Result<Joined, JoinError> {
    let config = joining_client_config(token.authority(), ALPN_RPC).map_err(DialError::Tls)?;
    let (stream, peer) = connect(&Arc::new(config), address).await?;
    if !peer.identity.has(NodeRole::WebApp) {
        return Err(DialError::WrongPeer { address: address.into() }.into());
    }
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let channel = Channel::open(stream, peer.identity, &tasks, stop.clone())
        .await
        .map_err(|_| JoinError::Refused(ControlError::Unavailable))?;
    let joined = channel.call(Method::Join, request).await.map_err(JoinError::Refused);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    joined
}
