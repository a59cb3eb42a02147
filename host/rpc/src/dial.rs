//! Dials other nodes, and knows who answered.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gatewright_core::{NodeIdentity, NodeRole};
use gatewright_identity::{LiveCredentials, PeerCertificate, SERVER_NAME};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, CommonState};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::header::StreamHeader;
use crate::members::Members;
use crate::socket::Socket;
use crate::{ALPN_RPC, ALPN_STREAM};

/// From the first packet to the end of the TLS handshake.
const CONNECT: Duration = Duration::from_secs(5);

/// Why a node was not reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No connection, or none with TLS.
    #[error("cannot connect to {address}")]
    Connect {
        /// Where.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It took too long.
    #[error("{address} does not answer")]
    TimedOut {
        /// Where.
        address: String,
    },
    /// Somebody else answered.
    #[error("{address} is not the node that was wanted")]
    WrongPeer {
        /// Where.
        address: String,
    },
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}

/// A connection to a node of this deployment.
pub(crate) type Dialled = TlsStream<Socket>;

/// Dials with a node's credentials. Cheap to clone.
#[derive(Clone)]
pub struct Dialer {
    rpc: Arc<ClientConfig>,
    stream: Arc<ClientConfig>,
    members: Members,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}

impl Dialer {
    /// With the node's own credentials, the present ones at each dial.
    ///
    /// # Errors
    /// [`DialError::Tls`].
    pub fn new(credentials: &Arc<LiveCredentials>, members: Members) -> Result<Self, DialError> {
        let config = |alpn| credentials.client_config(alpn).map(Arc::new).map_err(DialError::Tls);
        Ok(Self {
            rpc: config(ALPN_RPC)?,
            stream: config(ALPN_STREAM)?,
            members,
        })
    }

    /// Which nodes were removed.
    #[must_use]
    pub const fn members(&self) -> &Members {
        &self.members
    }

    /// A gw-rpc connection to a node with `role`.
    pub(crate) async fn rpc(&self, address: &str, role: NodeRole) -> Result<(Dialled, PeerCertificate), DialError> {
        let (stream, peer) = connect(&self.rpc, address).await?;
        self.check(address, &peer, &stream, |node| node.has(role))?;
        Ok((stream, peer))
    }

    /// A gw-stream to a node that `wanted` accepts; its header is sent.
    pub(crate) async fn stream(
        &self,
        address: &str,
        header: &StreamHeader,
        wanted: impl FnOnce(&NodeIdentity) -> bool,
    ) -> Result<(Dialled, PeerCertificate), DialError> {
        let (mut stream, peer) = connect(&self.stream, address).await?;
        self.check(address, &peer, &stream, wanted)?;
        let sent = async {
            stream.write_all(&header.line()).await?;
            stream.flush().await
        };
        match tokio::time::timeout(CONNECT, sent).await {
            Ok(Ok(())) => Ok((stream, peer)),
            Ok(Err(source)) => Err(DialError::Connect {
                address: address.into(),
                source,
            }),
            Err(_) => Err(DialError::TimedOut { address: address.into() }),
        }
    }

    fn check(
        &self,
        address: &str,
        peer: &PeerCertificate,
        stream: &Dialled,
        wanted: impl FnOnce(&NodeIdentity) -> bool,
    ) -> Result<(), DialError> {
        if wanted(&peer.identity) && self.members.hold(peer.identity.node, stream.get_ref().0.cut()) {
            return Ok(());
        }
        tracing::warn!(address, peer = ?peer.identity, "Another node answered than was wanted");
        Err(DialError::WrongPeer { address: address.into() })
    }
}

/// Connects and shakes hands. The certificate of whoever answered was checked against the authority.
pub(crate) async fn connect(config: &Arc<ClientConfig>, address: &str) -> Result<(Dialled, PeerCertificate), DialError> {
    let failed = |source| DialError::Connect {
        address: address.into(),
        source,
    };
    let connecting = async {
        let socket = Socket::new(TcpStream::connect(address).await?);
        let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(config)).connect(name, socket).await
    };
    let stream = tokio::time::timeout(CONNECT, connecting)
        .await
        .map_err(|_| DialError::TimedOut { address: address.into() })?
        .map_err(failed)?;
    let tls = stream.get_ref().1;
    // A server that picks no protocol is another kind of server.
    let peer = peer_of(tls).filter(|_| tls.alpn_protocol().is_some());
    let peer = peer.ok_or_else(|| DialError::WrongPeer { address: address.into() })?;
    Ok((stream, peer))
}

/// Whose certificate the other side showed; none where it showed none, or one that is over by now.
pub(crate) fn peer_of(tls: &CommonState) -> Option<PeerCertificate> {
    let certificate = tls.peer_certificates()?.first()?;
    let peer = PeerCertificate::read(certificate)?;
    (!peer.remaining(SystemTime::now()).is_zero()).then_some(peer)
}
