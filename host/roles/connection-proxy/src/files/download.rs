//! A download: decided about when it is asked for, then fetched once.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use gatewright_core::file_name::FileName;
use gatewright_core::gate::Gate as GateName;
use gatewright_files::Failure;
use gatewright_gate::{FileItem, FileOutcome, FileSink, SinkFailed, Subject};
use gatewright_ports::SessionStreams;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::files::agent_stream::AgentStream;
use crate::files::problem::Problem;
use crate::files::transfers::Transfer;
use crate::files::upload::over;
use crate::live::LiveSession;
use crate::proxy::Inner;

/// How long whoever fetches it may take nothing.
const STALL: Duration = Duration::from_secs(60);
/// Pieces between the gate and the browser.
const PIECES: usize = 2;

/// A download that may be fetched.
pub(crate) struct Download {
    pub(crate) name: String,
    pub(crate) size: u64,
    pieces: Mutex<Option<mpsc::Receiver<Bytes>>>,
    /// Whether its last byte was taken.
    taken: Arc<AtomicBool>,
}

/// What can be fetched.
pub(crate) struct Offered {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) size: u64,
}

impl Download {
    /// Asks the rules about a file of the session. Returns once its first bytes may go.
    pub(crate) async fn begin(
        inner: &Arc<Inner>,
        live: Arc<LiveSession>,
        subject: Subject,
        agent: &dyn SessionStreams,
        name: &str,
    ) -> Result<Offered, Problem> {
        let shown = FileName::mend(name).map_err(|_| Failure::Name)?;
        let (size, source) = AgentStream::open(agent, live.id).await?.get(name).await?;
        let (sender, pieces) = mpsc::channel(PIECES);
        let taken = Arc::new(AtomicBool::new(false));
        let (ready, may_go) = oneshot::channel();
        let (said, ended) = oneshot::channel();
        let item = FileItem {
            name: shown.as_str().to_owned(),
            size,
        };
        let download = Arc::new(Self {
            name: item.name.clone(),
            size,
            pieces: Mutex::new(Some(pieces)),
            taken: Arc::clone(&taken),
        });
        let session = live.id;
        let id = inner.transfers.add(session, Transfer::Download(download))?;
        let offered = Offered {
            id,
            name: item.name.clone(),
            size,
        };
        let task = Arc::clone(inner);
        inner.streams.spawn(async move {
            let mut sink = Fetched {
                name: item.name.clone(),
                sender,
                taken,
                ready: Some(ready),
            };
            let gate = task.gate.file(
                &subject,
                GateName::Download,
                &item,
                Box::new(source),
                &mut sink,
                &task.transfers.spool,
            );
            let outcome = tokio::select! {
                outcome = gate => outcome,
                () = over(&live) => FileOutcome::Incomplete,
                () = task.stop.cancelled() => FileOutcome::Incomplete,
            };
            if let FileOutcome::Denied { notice, .. } = &outcome {
                live.notify(notice.clone());
            }
            task.transfers.remove(session, id);
            // Whoever asked may be gone, or was told to fetch it.
            drop(said.send(outcome));
        });
        tokio::select! {
            biased;
            Ok(()) = may_go => Ok(offered),
            outcome = ended => Err(Problem::of(&outcome.unwrap_or(FileOutcome::Incomplete))),
        }
    }

    /// The bytes; once.
    pub(crate) fn fetch(&self) -> Option<Fetching> {
        let pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.taken.store(self.size == 0, Ordering::SeqCst);
        Some(Fetching {
            pieces,
            left: self.size,
            taken: Arc::clone(&self.taken),
        })
    }
}

/// Where the gate releases a download to.
struct Fetched {
    name: String,
    sender: mpsc::Sender<Bytes>,
    taken: Arc<AtomicBool>,
    ready: Option<oneshot::Sender<()>>,
}

impl Fetched {
    async fn send(&mut self, piece: Bytes) -> Result<(), SinkFailed> {
        if let Some(ready) = self.ready.take() {
            // Nobody waits any more: nobody will fetch it either, which the time limit shows.
            let _ = ready.send(());
        }
        match tokio::time::timeout(STALL, self.sender.send(piece)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(SinkFailed("The download was cancelled.".into())),
        }
    }
}

#[async_trait]
impl FileSink for Fetched {
    async fn write(&mut self, piece: Bytes) -> Result<(), SinkFailed> {
        self.send(piece).await
    }

    async fn finish(&mut self, last: Bytes) -> Result<String, SinkFailed> {
        self.send(last).await?;
        // Taken to its end, or not at all.
        match tokio::time::timeout(STALL, self.sender.reserve_many(PIECES)).await {
            Ok(Ok(_)) => Ok(self.name.clone()),
            // Whoever has the last byte goes at once.
            Ok(Err(_)) if self.taken.load(Ordering::SeqCst) => Ok(self.name.clone()),
            Ok(Err(_)) | Err(_) => Err(SinkFailed("The download was cancelled.".into())),
        }
    }
}

/// The bytes of a download on their way to the browser. An end before the last byte is an error, so that no browser takes
/// a part for the whole.
pub(crate) struct Fetching {
    pieces: mpsc::Receiver<Bytes>,
    left: u64,
    taken: Arc<AtomicBool>,
}

impl Stream for Fetching {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.pieces.poll_recv(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(piece)) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                self.taken.store(self.left == 0, Ordering::SeqCst);
                Poll::Ready(Some(Ok(piece)))
            }
            Poll::Ready(None) if self.left > 0 => {
                self.left = 0;
                Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())))
            }
            Poll::Ready(None) => Poll::Ready(None),
        }
    }
}
