//! The role: binds, accepts, drains.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use gatewright_identity::{CertificateResolver, ServerCertificateError, TicketVerifier};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::clients::Clients;
use crate::conf::EdgeConf;
use crate::connection::{self, Shared};
use crate::requests::{Requests, Upstreams};

/// WebSockets need HTTP/1.1; a browser offers both and asks for what it needs.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// How long to wait when the system can't give another socket (EMFILE, ENFILE, ENOBUFS): the next try is as futile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Why an edge could not start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// No address to listen on.
    #[error("no address to listen on")]
    NoAddress,
    /// An address is taken, not ours, or below 1024 without the right.
    #[error("cannot listen on {address}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] ServerCertificateError),
}

/// The edge, configured and not yet bound.
pub struct Edge {
    /// What an operator sets.
    pub conf: EdgeConf,
    /// The certificate; replace it there, and handshakes from then on use the new one.
    pub certificate: Arc<CertificateResolver>,
    /// Checks tickets.
    pub tickets: TicketVerifier,
    /// Where requests go.
    pub upstreams: Upstreams,
}

/// The edge, listening. Connections wait in the kernel's queue until `serve` is polled.
pub struct Bound {
    /// Where it listens, with the ports that were taken for port 0.
    pub addrs: Vec<SocketAddr>,
    /// Runs until the stop that was given to [`Edge::bind`], and then until the last request is answered or the drain
    /// is over. Never fails: what goes wrong concerns one connection.
    pub serve: BoxFuture<'static, ()>,
}

impl Edge {
    /// Binds every address.
    ///
    /// # Errors
    /// [`EdgeError`]; nothing stays bound then.
    pub async fn bind(self, stop: CancellationToken) -> Result<Bound, EdgeError> {
        if self.conf.listen.is_empty() {
            return Err(EdgeError::NoAddress);
        }
        let tls = TlsAcceptor::from(Arc::new(self.certificate.server_config(&ALPN)?));
        let mut addrs = Vec::new();
        let mut listeners = Vec::new();
        for address in self.conf.listen {
            let failed = |source| EdgeError::Bind { address, source };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            addrs.push(listener.local_addr().map_err(failed)?);
            listeners.push(listener);
        }
        let limits = self.conf.limits;
        let clients = Clients::new(limits.connections, limits.connections_per_client);
        let shared = Arc::new(Shared {
            tls,
            requests: Arc::new(Requests {
                tickets: self.tickets,
                upstreams: self.upstreams,
                public_origin: self.conf.public_origin,
                body_timeout: limits.body,
                stop: stop.clone(),
            }),
            limits,
            stop,
        });
        let serve = join_all(
            listeners
                .into_iter()
                .map(move |listener| listen(listener, Arc::clone(&shared), Arc::clone(&clients))),
        );
        Ok(Bound {
            addrs,
            serve: serve.map(drop).boxed(),
        })
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>, clients: Arc<Clients>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => break,
            Some(ended) = connections.join_next() => ended_well(ended),
            accepted = accept(&listener, &clients) => {
                let Some((socket, client, free)) = accepted else { continue };
                match clients.admit(client.ip(), free) {
                    Some(place) => drop(connections.spawn(connection::serve(Arc::clone(&shared), socket, client, place))),
                    None => tracing::debug!(%client, "A client has too many connections"),
                }
            }
        }
    }
    // Whoever comes now is refused at once instead of waiting for an answer that never comes.
    drop(listener);
    let drained = tokio::time::timeout(shared.limits.drain, async {
        while let Some(ended) = connections.join_next().await {
            ended_well(ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!(connections = connections.len(), "Requests were cut: they outlived the drain");
        connections.shutdown().await;
    }
}

async fn accept(listener: &TcpListener, clients: &Clients) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let free = clients.free().await?;
    match listener.accept().await {
        Ok((socket, client)) => Some((socket, client, free)),
        Err(error) => {
            // A client that went away while it waited is nobody's trouble, and not worth a pause.
            if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
                tracing::error!(%error, "A connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None
        }
    }
}

fn ended_well(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "A connection's task panicked");
    }
}
