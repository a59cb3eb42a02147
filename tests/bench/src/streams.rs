//! A session's stream between an agent and a proxy, beside the same bytes over TLS alone: the same certificates, one
//! connection on the loopback.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use gatewright_core::{NodeId, NodeIdentity, NodeRole, SessionId, ZoneId};
use gatewright_identity::{InternalCa, LiveCredentials, NodeCredentials, NodeKey};
use gatewright_ports::{ByteStream, SessionStreams, StreamError};
use gatewright_rpc::{ALPN_STREAM, Channel, Dialer, Link, LinkServices, Links, Members, PendingStreams, RemoteStreams, RpcPort, Services};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::figures::Figures;
use crate::process;

/// What is sent.
const BYTES: u64 = 256 << 20;
/// What is written and read at once: as the product's relay does.
const PIECE: usize = 64 * 1024;
/// Of each in turn; the best of both counts, as others use the machine.
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn measure(figures: &mut Figures) -> anyhow::Result<()> {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let outcome = rounds(&tasks, &stop).await;
    stop.cancel();
    tasks.close();
    tokio::time::timeout(PATIENCE, tasks.wait()).await?;
    let (stream, bare) = outcome?;
    let beside = format!(
        "{:.0} MiB/s from a socket to a reader; TLS alone, from memory, {:.0}; a core's, both ends: {:.0} and {:.0}",
        stream.by_clock, bare.by_clock, stream.by_core, bare.by_core
    );
    figures.add("stream_ratio_to_rustls", stream.by_clock / bare.by_clock, beside, "none set");
    Ok(())
}

/// MiB a second, the best of all rounds.
#[derive(Clone, Copy, Default)]
struct Speed {
    by_clock: f64,
    /// Of processor time, both ends together.
    by_core: f64,
}

impl Speed {
    fn best(self, other: Self) -> Self {
        Self {
            by_clock: self.by_clock.max(other.by_clock),
            by_core: self.by_core.max(other.by_core),
        }
    }
}

/// Of a stream, and of TLS alone.
async fn rounds(tasks: &TaskTracker, stop: &CancellationToken) -> anyhow::Result<(Speed, Speed)> {
    let (of_proxy, of_agent) = pair(NodeRole::ConnectionProxy, NodeRole::Agent)?;
    let (proxy, agent) = (of_proxy.current().identity().clone(), of_agent.current().identity().clone());
    let streams = linked(tasks, stop, (&proxy, &of_proxy), (&agent, &of_agent)).await?;
    let (mut stream, mut bare) = (Speed::default(), Speed::default());
    for _ in 0..ROUNDS {
        let opened = streams.open(SessionId::from_uuid(Uuid::now_v7()), "vnc").await?;
        stream = stream.best(speed(opened).await?);
        bare = bare.best(speed(alone(tasks, &of_proxy, &of_agent).await?).await?);
    }
    Ok((stream, bare))
}

/// From the first byte's request to the end of the stream.
async fn speed(mut from: impl AsyncRead + AsyncWrite + Unpin) -> anyhow::Result<Speed> {
    let mut piece = vec![0; PIECE];
    let (began, cpu) = (Instant::now(), process::cpu(std::process::id())?);
    // The sender waits for it: the connection is set up before.
    from.write_all(b"!").await?;
    from.flush().await?;
    let mut came = 0;
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            break;
        }
        came += read as u64;
    }
    let (took, used) = (began.elapsed(), process::cpu(std::process::id())?.saturating_sub(cpu));
    ensure!(came == BYTES, "{came} bytes came");
    let mib = f64::from(u32::try_from(BYTES >> 20)?);
    Ok(Speed {
        by_clock: mib / took.as_secs_f64(),
        by_core: mib / used.as_secs_f64(),
    })
}

/// The other end.
async fn send(mut to: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    to.read_u8().await?;
    let piece = vec![0x5a; PIECE];
    for _ in 0..BYTES / PIECE as u64 {
        to.write_all(&piece).await?;
    }
    to.shutdown().await
}

/// An agent whose sessions send.
struct Senders(TaskTracker);

#[async_trait]
impl SessionStreams for Senders {
    async fn open(&self, _: SessionId, _: &str) -> Result<Box<dyn ByteStream>, StreamError> {
        let (ours, theirs) = UnixStream::pair().map_err(|_| StreamError::Refused)?;
        self.0.spawn(send(ours));
        Ok(Box::new(theirs))
    }
}

#[derive(Default)]
struct Linked(Mutex<Option<Channel>>);

impl Linked {
    fn channel(&self) -> Option<Channel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Links for Linked {
    fn linked(&self, channel: Channel) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(channel);
    }

    fn gone(&self, _: &Channel) {}
}

/// Two nodes of one deployment.
pub(crate) fn pair(one: NodeRole, other: NodeRole) -> anyhow::Result<(Arc<LiveCredentials>, Arc<LiveCredentials>)> {
    let made = InternalCa::create(SystemTime::now())?;
    let ca = InternalCa::load(&made.certificate_pem, &made.key_pem, SystemTime::now())?;
    Ok((credentials(&ca, &node(one))?, credentials(&ca, &node(other))?))
}

fn node(role: NodeRole) -> NodeIdentity {
    NodeIdentity {
        node: NodeId::from_uuid(Uuid::now_v7()),
        zone: ZoneId::from_uuid(Uuid::from_u128(1)),
        roles: std::iter::once(role).collect(),
    }
}

fn credentials(ca: &InternalCa, of: &NodeIdentity) -> anyhow::Result<Arc<LiveCredentials>> {
    let key = NodeKey::generate()?;
    let certificate = ca.sign(&key.request()?, of, SystemTime::now())?;
    Ok(LiveCredentials::new(NodeCredentials::new(
        &key,
        certificate,
        ca.certificate().clone(),
    )?))
}

/// An agent that has dialled a proxy: its streams, as the proxy opens them.
async fn linked(
    tasks: &TaskTracker,
    stop: &CancellationToken,
    proxy: (&NodeIdentity, &Arc<LiveCredentials>),
    agent: (&NodeIdentity, &Arc<LiveCredentials>),
) -> anyhow::Result<RemoteStreams> {
    let (links, pending) = (Arc::new(Linked::default()), PendingStreams::default());
    let port = RpcPort {
        listen: vec!["127.0.0.1:0".parse()?],
        credentials: Arc::clone(proxy.1),
        members: Members::default(),
        services: Services {
            proxy_links: Some(links.clone()),
            pending: pending.clone(),
            ..Services::default()
        },
    };
    let bound = port.bind(tasks, stop.clone()).await?;
    tasks.spawn(bound.serve);
    let link = Link {
        dialer: Dialer::new(agent.1, Members::default())?,
        address: bound.addrs.first().context("no address")?.to_string(),
        node: proxy.0.node,
        services: LinkServices {
            streams: Some(Arc::new(Senders(tasks.clone()))),
            ..LinkServices::default()
        },
        own: agent.0.clone(),
        tasks: tasks.clone(),
    };
    tasks.spawn(link.keep(stop.clone()));
    let channel = async {
        loop {
            if let Some(channel) = links.channel() {
                break channel;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    Ok(RemoteStreams::new(tokio::time::timeout(PATIENCE, channel).await?, pending))
}

/// TLS alone: the agent's side dials and sends, as it does for a stream.
async fn alone(tasks: &TaskTracker, proxy: &Arc<LiveCredentials>, agent: &Arc<LiveCredentials>) -> anyhow::Result<impl ByteStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let connector = TlsConnector::from(Arc::new(agent.client_config(ALPN_STREAM)?));
    let acceptor = TlsAcceptor::from(Arc::new(proxy.server_config(&[ALPN_STREAM])?));
    let address = listener.local_addr()?;
    tasks.spawn(async move {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        send(connector.connect(address.ip().into(), socket).await?).await
    });
    let (socket, _) = listener.accept().await?;
    socket.set_nodelay(true)?;
    Ok(acceptor.accept(socket).await?)
}
