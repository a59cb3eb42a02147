//! One operation on one stream.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use gatewright_core::SessionId;
use gatewright_files::{Failure, Frame, HEADER_BYTES, data_header, decode, encode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::files::folder;
use crate::files::incoming::Incoming;
use crate::files::outgoing::Outgoing;
use crate::folder::Folders;

/// How long the asking side may say nothing: longer than a cut upload waits to be resumed.
const SILENCE: Duration = Duration::from_secs(600);
/// Read from the stream, and from a file, at once.
const PIECE: usize = 256 << 10;
/// Written to a file at once.
const BATCH: usize = 1 << 20;

/// Why a stream ends without an answer.
#[derive(Debug)]
enum Gone {
    /// The other side left.
    Left,
    /// It is told why.
    Failed(Failure),
}

impl From<Failure> for Gone {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<std::io::Error> for Gone {
    fn from(_: std::io::Error) -> Self {
        Self::Left
    }
}

/// Serves one stream to its end.
pub(crate) async fn serve(folders: Arc<Folders>, session: SessionId, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut peer = Peer {
        stream,
        input: BytesMut::with_capacity(PIECE + HEADER_BYTES),
    };
    match operation(&folders, session, &mut peer).await {
        Ok(()) | Err(Gone::Left) => {}
        Err(Gone::Failed(failure)) => {
            tracing::debug!(%session, %failure, "A file operation failed");
            // Whoever is gone is told nothing.
            drop(peer.say(&Frame::Failed(failure)).await);
        }
    }
}

async fn operation<S: AsyncRead + AsyncWrite + Unpin>(folders: &Arc<Folders>, session: SessionId, peer: &mut Peer<S>) -> Result<(), Gone> {
    let asked = peer.hear().await?;
    let owner = folders.owner();
    let transfer = {
        let folders = Arc::clone(folders);
        blocking(move || folder::open(&folders, session)).await?
    };
    match asked {
        Frame::List => {
            let entries = blocking(move || folder::list(&transfer, owner)).await?;
            peer.say(&Frame::Entries(entries)).await
        }
        Frame::Put { name, size } => {
            let incoming = blocking(move || Incoming::begin(transfer, &name, size, owner)).await?;
            take(peer, incoming).await
        }
        Frame::Get { name } => give(peer, transfer, name, owner).await,
        _ => Err(Failure::Protocol.into()),
    }
}

/// Takes a file in. Whatever ends before `Commit` leaves nothing: the file has no name.
async fn take<S: AsyncRead + AsyncWrite + Unpin>(peer: &mut Peer<S>, mut incoming: Incoming) -> Result<(), Gone> {
    peer.say(&Frame::Ready).await?;
    let mut batch = BytesMut::with_capacity(BATCH + PIECE);
    loop {
        let frame = peer.hear().await?;
        let last = match frame {
            Frame::Data(bytes) => {
                batch.put(bytes);
                false
            }
            Frame::Commit => true,
            _ => return Err(Failure::Protocol.into()),
        };
        if batch.len() >= BATCH || last {
            (incoming, batch) = blocking(move || {
                incoming.write(&batch)?;
                batch.clear();
                Ok((incoming, batch))
            })
            .await?;
        }
        if last {
            break;
        }
    }
    let name = blocking(move || incoming.publish()).await?;
    peer.say(&Frame::Done {
        name: name.as_str().to_owned(),
    })
    .await
}

/// Gives a file out: all of it, or word that it can't be had whole.
async fn give<S: AsyncRead + AsyncWrite + Unpin>(peer: &mut Peer<S>, transfer: OwnedFd, name: String, owner: u32) -> Result<(), Gone> {
    let asked = name.clone();
    let mut outgoing = blocking(move || Outgoing::open(&transfer, &asked, owner)).await?;
    peer.say(&Frame::Found { size: outgoing.left() }).await?;
    let mut buffer = vec![0; HEADER_BYTES + PIECE];
    while outgoing.left() > 0 {
        let length;
        (outgoing, buffer, length) = blocking(move || {
            let read = outgoing.read(buffer.get_mut(HEADER_BYTES..).unwrap_or_default())?;
            let header = data_header(u32::try_from(read).unwrap_or(u32::MAX));
            if let Some(place) = buffer.first_chunk_mut::<HEADER_BYTES>() {
                *place = header;
            }
            Ok((outgoing, buffer, HEADER_BYTES + read))
        })
        .await?;
        peer.stream.write_all(buffer.get(..length).unwrap_or_default()).await?;
    }
    blocking(move || outgoing.unchanged()).await?;
    peer.say(&Frame::Done { name }).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Failure::Io))
}

/// The side that asks.
struct Peer<S> {
    stream: S,
    input: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    async fn hear(&mut self) -> Result<Frame, Gone> {
        loop {
            if let Some(frame) = decode(&mut self.input).map_err(|_| Failure::Protocol)? {
                return Ok(frame);
            }
            self.input.reserve(PIECE);
            match tokio::time::timeout(SILENCE, self.stream.read_buf(&mut self.input)).await {
                Ok(Ok(1..)) => {}
                Ok(_) | Err(_) => return Err(Gone::Left),
            }
        }
    }

    async fn say(&mut self, frame: &Frame) -> Result<(), Gone> {
        let mut out = BytesMut::new();
        encode(frame, &mut out);
        self.stream.write_all(&out).await?;
        self.stream.flush().await?;
        Ok(())
    }
}
