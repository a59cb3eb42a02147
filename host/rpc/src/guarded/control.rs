//! `Control` for one caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::event::{Event, What};
use gatewright_core::plugin::{Digest, PluginKind};
use gatewright_core::session::EndReason;
use gatewright_core::{NodeId, NodeRole, SecretId, SessionId, ZoneId};
use gatewright_ports::agent_control::NodeStatus;
use gatewright_ports::control::{
    Deployment, JoinRequest, Joined, Peer, PolicySnapshot, RenewRequest, SecretEntry, SecretText, SessionContext,
};
use gatewright_ports::{Control, ControlError};
use http::{Response, StatusCode};
use http_body_util::Full;
use secrecy::SecretString;

use crate::caller::{About, Caller};
use crate::method::Method;
use crate::serve::{Answers, BadBody, body};
use crate::wire::{End, Nothing, OneSecret, OneSession, Opened, Renew, Since, reply, response};

/// Knows in which zone a session is. A session never changes its zone.
#[async_trait]
pub trait Places: Send + Sync {
    /// The zone of a session, whatever its state; none for a session that never was.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    async fn zone_of(&self, session: SessionId) -> Result<Option<ZoneId>, ControlError>;
}

/// Zones held in memory, so that a record of every paste costs no look-up.
const HELD: usize = 16_384;

/// Remembers what it was told.
pub struct CachedPlaces<P> {
    inner: P,
    held: Mutex<HashMap<SessionId, ZoneId>>,
}

impl<P> CachedPlaces<P> {
    /// Before `inner`.
    #[must_use]
    pub fn new(inner: P) -> Self {
        Self {
            inner,
            held: Mutex::default(),
        }
    }
}

#[async_trait]
impl<P: Places> Places for CachedPlaces<P> {
    async fn zone_of(&self, session: SessionId) -> Result<Option<ZoneId>, ControlError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(&session).copied();
        if held.is_some() {
            return Ok(held);
        }
        let zone = self.inner.zone_of(session).await?;
        if let Some(zone) = zone {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if held.len() >= HELD {
                held.clear();
            }
            held.insert(session, zone);
        }
        Ok(zone)
    }
}

/// The control plane, as one caller may use it.
#[derive(Clone)]
pub struct GuardedControl {
    control: Arc<dyn Control>,
    places: Arc<dyn Places>,
    caller: Caller,
}

impl GuardedControl {
    /// Before `control`, for `caller`.
    #[must_use]
    pub fn new(control: Arc<dyn Control>, places: Arc<dyn Places>, caller: Caller) -> Self {
        Self { control, places, caller }
    }

    /// Whether the caller may do this to a session.
    async fn may(&self, method: Method, session: SessionId) -> Result<(), ControlError> {
        // An unknown session is refused like a foreign one: it tells nobody which ids there are.
        let about = self.places.zone_of(session).await?.map_or(About::All, About::Zone);
        Ok(self.caller.may(method, about)?)
    }

    fn sees(&self, peer: &Peer) -> bool {
        let Caller::Node(caller) = &self.caller else {
            return false;
        };
        peer.identity.zone == caller.zone
            || peer.identity.has(NodeRole::WebApp)
            || (caller.has(NodeRole::DedicatedProxy) && peer.identity.has(NodeRole::ConnectionProxy))
    }
}

#[async_trait]
impl Control for GuardedControl {
    async fn join(&self, request: JoinRequest) -> Result<Joined, ControlError> {
        self.caller.may(Method::Join, About::All)?;
        self.control.join(request).await
    }

    async fn renew(&self, node: NodeId, request: RenewRequest) -> Result<Joined, ControlError> {
        self.caller.may(Method::Renew, About::Node(node))?;
        self.control.renew(node, request).await
    }

    async fn deployment(&self) -> Result<Deployment, ControlError> {
        self.caller.may(Method::Deployment, About::All)?;
        let mut deployment = self.control.deployment().await?;
        deployment.peers.retain(|peer| self.sees(peer));
        Ok(deployment)
    }

    async fn heartbeat(&self, status: NodeStatus) -> Result<(), ControlError> {
        self.caller.may(Method::Heartbeat, About::Node(status.node))?;
        self.control.heartbeat(status).await
    }

    async fn watch(&self, since: u64) -> Result<u64, ControlError> {
        self.caller.may(Method::Watch, About::All)?;
        match &self.caller {
            // Who ends a session's streams has to hear of it; for the others, of which there may be many, it is noise.
            Caller::Node(node) if !node.has(NodeRole::ConnectionProxy) => self.control.watch_settings(since).await,
            _ => self.control.watch(since).await,
        }
    }

    async fn policy(&self) -> Result<Arc<PolicySnapshot>, ControlError> {
        self.caller.may(Method::Policy, About::All)?;
        let whole = self.control.policy().await?;
        if matches!(&self.caller, Caller::Node(node) if node.has(NodeRole::ConnectionProxy)) {
            return Ok(whole);
        }
        // Rules, groups and providers are nothing to an agent.
        let mut plugins = whole.plugins.clone();
        plugins.retain(|_, active| active.kind == PluginKind::Runtime);
        Ok(Arc::new(PolicySnapshot {
            revision: whole.revision,
            plugins,
            ..PolicySnapshot::default()
        }))
    }

    async fn session(&self, session: SessionId) -> Result<SessionContext, ControlError> {
        self.may(Method::Session, session).await?;
        self.control.session(session).await
    }

    async fn component(&self, digest: Digest) -> Result<Bytes, ControlError> {
        self.caller.may(Method::Component, About::All)?;
        self.control.component(digest).await
    }

    async fn secrets(&self, session: SessionId) -> Result<Vec<SecretEntry>, ControlError> {
        self.may(Method::Secrets, session).await?;
        self.control.secrets(session).await
    }

    async fn secret(&self, session: SessionId, secret: SecretId) -> Result<SecretString, ControlError> {
        self.may(Method::Secret, session).await?;
        self.control.secret(session, secret).await
    }

    async fn append_events(&self, events: Vec<Event>) -> Result<(), ControlError> {
        let mut checked: Option<SessionId> = None;
        for event in &events {
            // Audit events are the control plane's own: a proxy reports what came to its gates.
            let (Some(session), What::Verdict(_)) = (event.session, &event.what) else {
                self.caller.may(Method::AppendEvents, About::All)?;
                continue;
            };
            if checked != Some(session) {
                self.may(Method::AppendEvents, session).await?;
                checked = Some(session);
            }
        }
        self.control.append_events(events).await
    }

    async fn end_session(&self, session: SessionId, reason: EndReason) -> Result<(), ControlError> {
        self.may(Method::EndSession, session).await?;
        self.control.end_session(session, reason).await
    }
}

#[async_trait]
impl Answers for GuardedControl {
    async fn answer(&self, method: Method, bytes: &[u8]) -> Result<Option<Response<Full<Bytes>>>, BadBody> {
        Ok(Some(match method {
            Method::Join => reply(self.join(body(bytes)?).await),
            Method::Renew => {
                let Renew { node, request } = body(bytes)?;
                reply(self.renew(node, request).await)
            }
            Method::Deployment => reply(self.deployment().await),
            Method::Watch => reply(self.watch(body::<Since>(bytes)?.since).await),
            Method::Heartbeat => reply(self.heartbeat(body(bytes)?).await.map(|()| Nothing {})),
            Method::Policy => reply(self.policy().await),
            Method::Component => match self.component(body(bytes)?).await {
                // The bytes as they are: a plugin is large.
                Ok(bytes) => response(StatusCode::OK, bytes),
                Err(error) => reply::<Nothing, _>(Err(error)),
            },
            Method::Session => reply(self.session(body::<OneSession>(bytes)?.session).await),
            Method::Secrets => reply(self.secrets(body::<OneSession>(bytes)?.session).await),
            Method::Secret => {
                let OneSecret { session, secret } = body(bytes)?;
                let opened = self.secret(session, secret).await;
                reply(opened.map(|value| Opened { value: SecretText(value) }))
            }
            Method::AppendEvents => reply(self.append_events(body(bytes)?).await.map(|()| Nothing {})),
            Method::EndSession => {
                let End { session, reason } = body(bytes)?;
                reply(self.end_session(session, reason).await.map(|()| Nothing {}))
            }
            _ => return Ok(None),
        }))
    }
}
