//! The same bytes over TLS alone: what no control plane could take less than.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::try_join_all;
use gatewright_core::NodeRole;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::streams;

/// Connections.
const CONNECTIONS: u32 = 100;
/// What is answered: an empty object.
const ANSWER: usize = 2;
const COUNTED: Duration = Duration::from_secs(5);

/// The cores of the side that answers so many messages of `bytes` in a second.
pub(crate) async fn measure(rate: f64, bytes: usize) -> anyhow::Result<f64> {
    let (of_server, of_client) = streams::pair(NodeRole::WebApp, NodeRole::Agent)?;
    let (address, told) = tokio::sync::oneshot::channel();
    // A thread of its own, so that its time alone is counted.
    let server = std::thread::spawn(move || -> anyhow::Result<f64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let acceptor = TlsAcceptor::from(Arc::new(of_server.server_config(&[b"echo"])?));
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let _other_side_waits = address.send(listener.local_addr()?);
            let mut all = Vec::new();
            for _ in 0..CONNECTIONS {
                let (socket, _) = listener.accept().await?;
                socket.set_nodelay(true)?;
                all.push(acceptor.accept(socket).await?);
            }
            let (before, began) = (of_this_thread()?, Instant::now());
            try_join_all(all.into_iter().map(async |mut stream| {
                let mut message = vec![0; bytes];
                // The other side ends it.
                while stream.read_exact(&mut message).await.is_ok() {
                    stream.write_all(&[b'{'; ANSWER]).await?;
                    // What the socket did not take at once stays with TLS until it is asked for.
                    stream.flush().await?;
                }
                anyhow::Ok(())
            }))
            .await?;
            Ok((of_this_thread()? - before).as_secs_f64() / began.elapsed().as_secs_f64())
        })
    });
    let address = told.await.context("the echo does not listen")?;
    let connector = TlsConnector::from(Arc::new(of_client.client_config(b"echo")?));
    let mut all = Vec::new();
    for _ in 0..CONNECTIONS {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        all.push(connector.connect(address.ip().into(), socket).await?);
    }
    let began = Instant::now();
    try_join_all(all.into_iter().map(async |mut stream| {
        let mut ticks = tokio::time::interval(Duration::from_secs_f64(f64::from(CONNECTIONS) / rate));
        let (message, mut answer) = (vec![b'x'; bytes], [0; ANSWER]);
        while began.elapsed() < COUNTED {
            ticks.tick().await;
            stream.write_all(&message).await?;
            stream.flush().await?;
            stream.read_exact(&mut answer).await?;
        }
        stream.shutdown().await?;
        anyhow::Ok(())
    }))
    .await?;
    tokio::task::spawn_blocking(move || server.join().map_err(|_| anyhow::anyhow!("the echo panicked"))).await??
}

fn of_this_thread() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(text.split_whitespace().next().context("no time")?.parse()?))
}
