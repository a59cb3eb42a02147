//! Keeps a link to another node: dials it, serves this node's ports on it, and dials again.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::{NodeId, NodeRole};
use gatewright_ports::{AgentControl, ProxyControl, SessionStreams};
use http::Response;
use http_body_util::Full;
use tokio::io::copy_bidirectional_with_sizes;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::caller::Caller;
use crate::dial::{DialError, Dialer};
use crate::guarded::{GuardedAgent, GuardedProxy, GuardedStreams};
use crate::header::StreamHeader;
use crate::method::Method;
use crate::serve::{self, Answers, BadBody, body};
use crate::wire::{Nothing, Open, reply};

/// Read from one side at once. A TLS record holds 16 KiB.
const RELAY: usize = 64 * 1024;

/// What a node serves on the links that it dials.
#[derive(Clone, Default)]
pub struct LinkServices {
    /// Its agent.
    pub agent: Option<Arc<dyn AgentControl>>,
    /// The streams into its agent's sessions.
    pub streams: Option<Arc<dyn SessionStreams>>,
    /// Its connection proxy.
    pub proxy: Option<Arc<dyn ProxyControl>>,
}

/// A link to one node.
pub struct Link {
    /// Dials.
    pub dialer: Dialer,
    /// Where the other node listens.
    pub address: String,
    /// Which node it has to be.
    pub node: NodeId,
    /// What is served.
    pub services: LinkServices,
    /// Who this node is.
    pub own: gatewright_core::NodeIdentity,
    /// Relays run here.
    pub tasks: TaskTracker,
}

impl Link {
    /// Keeps the link until `stop`.
    pub async fn keep(self, stop: CancellationToken) {
        let mut backoff = Backoff::default();
        let mut told = false;
        loop {
            let Some(outcome) = stop.run_until_cancelled(self.dial()).await else {
                return;
            };
            match outcome {
                Ok((stream, peer)) => {
                    tracing::info!(node = %self.node, address = self.address, "Linked");
                    (backoff, told) = (Backoff::default(), false);
                    let caller = Caller::Node(peer.identity);
                    serve::connection(stream, caller.clone(), self.ports(&caller, &stop), stop.clone()).await;
                    if !stop.is_cancelled() {
                        tracing::info!(node = %self.node, address = self.address, "Link lost");
                    }
                }
                Err(error) if told => tracing::debug!(error = &error as &dyn std::error::Error, "No link"),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "No link: trying on");
                    told = true;
                }
            }
            if stop.run_until_cancelled(tokio::time::sleep(backoff.failed())).await.is_none() {
                return;
            }
        }
    }

    async fn dial(&self) -> Result<(crate::dial::Dialled, gatewright_identity::PeerCertificate), DialError> {
        self.dialer
            .stream(&self.address, &StreamHeader::Link, |peer| peer.node == self.node)
            .await
    }

    fn ports(&self, caller: &Caller, stop: &CancellationToken) -> Vec<Arc<dyn Answers>> {
        let mut ports: Vec<Arc<dyn Answers>> = Vec::new();
        let LinkServices { agent, streams, proxy } = &self.services;
        if let Some(agent) = agent {
            ports.push(Arc::new(GuardedAgent::new(Arc::clone(agent), caller.clone())));
        }
        if let Some(proxy) = proxy {
            ports.push(Arc::new(GuardedProxy::new(Arc::clone(proxy), caller.clone())));
        }
        if let Some(streams) = streams {
            ports.push(Arc::new(AnsweredStreams {
                streams: GuardedStreams::new(Arc::clone(streams), self.own.zone, caller.clone()),
                dialer: self.dialer.clone(),
                address: self.address.clone(),
                node: self.node,
                tasks: self.tasks.clone(),
                stop: stop.clone(),
            }));
        }
        ports
    }
}

/// Opens a session's service and dials it back to whoever asked.
struct AnsweredStreams {
    streams: GuardedStreams,
    dialer: Dialer,
    address: String,
    node: NodeId,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[async_trait]
impl Answers for AnsweredStreams {
    async fn answer(&self, method: Method, bytes: &[u8]) -> Result<Option<Response<Full<Bytes>>>, BadBody> {
        if method != Method::StreamOpen {
            return Ok(None);
        }
        let open = body::<Open>(bytes)?;
        Ok(Some(reply(self.open(open).await.map(|()| Nothing {}))))
    }
}

impl AnsweredStreams {
    async fn open(&self, open: Open) -> Result<(), gatewright_ports::StreamError> {
        let mut local = self.streams.open(open.session, &open.service).await?;
        let header = StreamHeader::Answer { id: open.answer };
        let (mut remote, _) = self
            .dialer
            .stream(&self.address, &header, |peer| {
                peer.node == self.node && peer.has(NodeRole::ConnectionProxy)
            })
            .await
            .map_err(|error| {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "A session's stream could not be brought to its proxy"
                );
                gatewright_ports::StreamError::Unavailable
            })?;
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let relay = copy_bidirectional_with_sizes(&mut local, &mut remote, RELAY, RELAY);
            if let Some(Err(error)) = stop.run_until_cancelled(relay).await {
                tracing::debug!(%error, "A session's stream ended early");
            }
        });
        Ok(())
    }
}
