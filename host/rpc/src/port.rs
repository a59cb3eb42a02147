//! The one port on which a node listens for others.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use gatewright_core::{NodeIdentity, NodeRole};
use gatewright_identity::{LiveCredentials, PeerCertificate};
use gatewright_ports::Control;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::browsers;
use crate::caller::{About, Caller};
use crate::channel::Channel;
use crate::client::PendingStreams;
use crate::dial::peer_of;
use crate::guarded::{GuardedControl, Places};
use crate::header::{MAX_HEADER_BYTES, StreamHeader};
use crate::members::Members;
use crate::method::Method;
use crate::serve::{self, Answers};
use crate::socket::Socket;
use crate::{ALPN_RPC, ALPN_STREAM};

/// Connections at once: an agent has two. More wait in the kernel's queue.
const CONNECTIONS: usize = 32_768;
/// From the connection to the end of the TLS handshake, and from there to the end of a stream's header.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long somebody without a certificate may stay.
const STRANGER: Duration = Duration::from_secs(30);
/// When the system can't give another socket, the next try is as futile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Is told of links.
pub trait Links: Send + Sync {
    /// A node has dialled a link: its ports can be called on it.
    fn linked(&self, channel: Channel);
    /// The link is gone. A newer one of the same node may be there already: compare [`Channel::number`].
    fn gone(&self, channel: &Channel);
}

/// What a node does for others on its port. What is none is not served.
#[derive(Clone, Default)]
pub struct Services {
    /// The control plane, and where its sessions are.
    pub control: Option<(Arc<dyn Control>, Arc<dyn Places>)>,
    /// Of a web-app: takes the links of agents and connection proxies.
    pub web_app_links: Option<Arc<dyn Links>>,
    /// Of a connection proxy: takes the links of agents.
    pub proxy_links: Option<Arc<dyn Links>>,
    /// The streams that this node's connection proxy waits for.
    pub pending: PendingStreams,
    /// The web-app's routes.
    pub web_app: Option<axum::Router>,
    /// The connection proxy's routes.
    pub router: Option<axum::Router>,
}

/// The port, configured and not yet bound.
pub struct RpcPort {
    /// Where to listen. Port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Who this node is.
    pub credentials: Arc<LiveCredentials>,
    /// Who is not let in.
    pub members: Members,
    /// What it does.
    pub services: Services,
}

/// Why a port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// An address is taken, or not ours.
    #[error("cannot listen for other nodes on {address}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}

/// The port, listening.
pub struct BoundPort {
    /// Where, with the ports that were taken for port 0.
    pub addrs: Vec<SocketAddr>,
    /// Runs until the stop that was given to [`RpcPort::bind`]. Never fails: what goes wrong concerns one connection.
    pub serve: BoxFuture<'static, ()>,
}

struct Shared {
    tls: TlsAcceptor,
    own: NodeIdentity,
    members: Members,
    services: Services,
    free: Arc<Semaphore>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl RpcPort {
    /// Binds every address. Tasks that outlive a connection run on `tasks`.
    ///
    /// # Errors
    /// [`PortError`].
    pub async fn bind(self, tasks: &TaskTracker, stop: CancellationToken) -> Result<BoundPort, PortError> {
        let config = self.credentials.server_config(&[ALPN_RPC, ALPN_STREAM]).map_err(PortError::Tls)?;
        let mut addrs = Vec::new();
        let mut listeners = Vec::new();
        for address in self.listen {
            let failed = |source| PortError::Bind { address, source };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            addrs.push(listener.local_addr().map_err(failed)?);
            listeners.push(listener);
        }
        let shared = Arc::new(Shared {
            tls: TlsAcceptor::from(Arc::new(config)),
            own: self.credentials.current().identity().clone(),
            members: self.members,
            services: self.services,
            free: Arc::new(Semaphore::new(CONNECTIONS)),
            stop,
            tasks: tasks.clone(),
        });
        let serve = join_all(listeners.into_iter().map(move |listener| listen(listener, Arc::clone(&shared))));
        Ok(BoundPort {
            addrs,
            serve: serve.map(drop).boxed(),
        })
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok(free) = Arc::clone(&shared.free).acquire_owned().await else {
            break;
        };
        tokio::select! {
            () = shared.stop.cancelled() => break,
            Some(ended) = connections.join_next() => ended_well(ended),
            accepted = listener.accept() => match accepted {
                Ok((socket, from)) => {
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move {
                        shared.connection(socket, from).await;
                        drop(free);
                    });
                }
                Err(error) => {
                    tracing::error!(%error, "A connection of another node could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        ended_well(ended);
    }
}

fn ended_well(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "The task of another node's connection panicked");
    }
}

impl Shared {
    async fn connection(&self, socket: TcpStream, from: SocketAddr) {
        let handshake = tokio::time::timeout(HANDSHAKE, self.tls.accept(Socket::new(socket)));
        let stream = match self.stop.run_until_cancelled(handshake).await {
            Some(Ok(Ok(stream))) => stream,
            Some(Ok(Err(error))) => return tracing::debug!(%from, %error, "A handshake with another node failed"),
            Some(Err(_)) => return tracing::debug!(%from, "A handshake with another node took too long"),
            None => return,
        };
        let tls = stream.get_ref().1;
        let protocol = tls.alpn_protocol().map(<[u8]>::to_vec);
        let peer = peer_of(tls);
        if peer.is_none() && tls.peer_certificates().is_some() {
            return tracing::debug!(%from, "A node's certificate is over");
        }
        if let Some(peer) = &peer
            && !self.members.hold(peer.identity.node, stream.get_ref().0.cut())
        {
            return tracing::warn!(%from, node = %peer.identity.node, "A node that was removed tried to connect");
        }
        match (protocol.as_deref(), peer) {
            (Some(ALPN_RPC), peer) => self.rpc(stream, peer).await,
            (Some(ALPN_STREAM), Some(peer)) => self.stream(stream, peer).await,
            _ => tracing::debug!(%from, "A connection asked for nothing that is served here"),
        }
    }

    async fn rpc(&self, stream: TlsStream<Socket>, peer: Option<PeerCertificate>) {
        // A certificate that runs out ends the connection: its node comes back with a renewed one.
        let good_for = peer.as_ref().map_or(STRANGER, |peer| peer.remaining(SystemTime::now()));
        let caller = peer.map_or(Caller::Stranger, |peer| Caller::Node(peer.identity));
        let mut ports: Vec<Arc<dyn Answers>> = Vec::new();
        if let Some((control, places)) = &self.services.control {
            let control = GuardedControl::new(Arc::clone(control), Arc::clone(places), caller.clone());
            ports.push(Arc::new(control));
        }
        let over = self.stop.child_token();
        let serving = serve::connection(stream, caller, ports, over.clone());
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => {}
            () = tokio::time::sleep(good_for) => {
                over.cancel();
                serving.await;
            }
        }
    }

    async fn stream(&self, mut stream: TlsStream<Socket>, peer: PeerCertificate) {
        let node = peer.identity.node;
        let header = match tokio::time::timeout(HANDSHAKE, read_header(&mut stream)).await {
            Ok(Some(header)) => header,
            _ => return tracing::debug!(%node, "A stream began with no header"),
        };
        let caller = Caller::Node(peer.identity.clone());
        let own_zone = About::Zone(self.own.zone);
        match header {
            StreamHeader::Link => self.link(stream, peer, &caller).await,
            StreamHeader::Answer { id } => {
                if caller.may(Method::Answer, own_zone).is_ok() && !self.services.pending.deliver(&id, node, Box::new(stream)) {
                    tracing::debug!(%node, "A stream came that nobody waits for");
                }
            }
            StreamHeader::Http { to } => {
                let router = match to {
                    NodeRole::WebApp => &self.services.web_app,
                    NodeRole::ConnectionProxy => &self.services.router,
                    NodeRole::Agent | NodeRole::DedicatedProxy => &None,
                };
                if let Some(router) = router
                    && caller.may(Method::Http, About::All).is_ok()
                {
                    browsers::serve(stream, peer.identity.zone, router.clone(), self.stop.clone()).await;
                }
            }
        }
    }

    async fn link(&self, stream: TlsStream<Socket>, peer: PeerCertificate, caller: &Caller) {
        let zone = About::Zone(self.own.zone);
        let services = &self.services;
        let takers: Vec<&Arc<dyn Links>> = [
            (&services.web_app_links, Method::LinkToWebApp),
            (&services.proxy_links, Method::LinkToProxy),
        ]
        .into_iter()
        .filter_map(|(links, method)| {
            links
                .as_ref()
                .filter(|_| caller.may_call(method) && caller.may(method, zone).is_ok())
        })
        .collect();
        if takers.is_empty() {
            return;
        }
        let good_for = peer.remaining(SystemTime::now());
        let channel = match Channel::open(stream, peer.identity, &self.tasks, self.stop.clone()).await {
            Ok(channel) => channel,
            Err(error) => return tracing::debug!(%error, "A link could not be opened"),
        };
        for links in &takers {
            links.linked(channel.clone());
        }
        tokio::select! {
            () = channel.closed() => {}
            () = tokio::time::sleep(good_for) => {}
        }
        for links in &takers {
            links.gone(&channel);
        }
    }
}

/// Reads up to the line feed and not a byte further: what follows is the stream's.
async fn read_header(stream: &mut TlsStream<Socket>) -> Option<StreamHeader> {
    let mut line = Vec::with_capacity(MAX_HEADER_BYTES);
    while line.len() < MAX_HEADER_BYTES {
        match stream.read_u8().await.ok()? {
            b'\n' => return StreamHeader::parse(&line).ok(),
            byte => line.push(byte),
        }
    }
    None
}
