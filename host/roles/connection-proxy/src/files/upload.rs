//! An upload: fed by as many requests as it takes, decided about while it comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::BodyDataStream;
use bytes::Bytes;
use futures_util::StreamExt as _;
use gatewright_core::gate::Gate as GateName;
use gatewright_gate::{FileItem, FileOutcome, FileSource, SourceEnded, Subject};
use gatewright_ports::SessionStreams;
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::files::agent_stream::AgentSink;
use crate::files::problem::Problem;
use crate::live::{LiveSession, Told};
use crate::proxy::Inner;

/// How long a cut upload waits for its rest. Nothing of it is at the other side meanwhile.
pub(crate) const RESUME: Duration = Duration::from_secs(120);
/// Pieces between a request and the rules.
const PIECES: usize = 4;

/// One upload.
pub(crate) struct Upload {
    size: u64,
    /// Bytes that came.
    received: AtomicU64,
    feed: Mutex<mpsc::Sender<Bytes>>,
    /// The request that feeds it: a newer one takes over.
    feeder: std::sync::Mutex<CancellationToken>,
    outcome: watch::Receiver<Option<FileOutcome>>,
    cancel: CancellationToken,
}

/// What an upload needs to begin.
pub(crate) struct Begin {
    pub(crate) live: Arc<LiveSession>,
    pub(crate) subject: Subject,
    pub(crate) agent: Arc<dyn SessionStreams>,
    pub(crate) item: FileItem,
}

impl Upload {
    /// Begins an upload. Returns once its first bytes are wanted: what is denied by name and size alone is denied here. Its task ends with it, with the session, or when nothing came for [`RESUME`].
    pub(crate) async fn begin(inner: &Arc<Inner>, begin: Begin) -> Result<Uuid, Problem> {
        let session = begin.live.id;
        let (feed, pieces) = mpsc::channel(PIECES);
        let (said, outcome) = watch::channel(None);
        let mut denied = outcome.clone();
        let (want, wanted) = oneshot::channel();
        let cancel = CancellationToken::new();
        let size = begin.item.size;
        let upload = Arc::new(Self {
            size,
            received: AtomicU64::new(0),
            feed: Mutex::new(feed),
            feeder: std::sync::Mutex::default(),
            outcome,
            cancel: cancel.clone(),
        });
        let id = inner.transfers.add(session, super::transfers::Transfer::Upload(upload))?;
        let task = Arc::clone(inner);
        inner.streams.spawn(async move {
            let source = Box::new(Coming {
                pieces,
                left: size,
                want: Some(want),
            });
            let ended = carry(&task, begin, source, &cancel).await;
            said.send_replace(Some(ended));
            // Whoever was cut off may still ask what became of it.
            task.stop.run_until_cancelled(tokio::time::sleep(RESUME)).await;
            task.transfers.remove(session, id);
        });
        tokio::select! {
            biased;
            Ok(()) = wanted => Ok(id),
            ended = denied.wait_for(Option::is_some) => {
                inner.transfers.remove(session, id);
                let outcome = ended.ok().and_then(|outcome| outcome.clone());
                Err(Problem::of(&outcome.unwrap_or(FileOutcome::Incomplete)))
            }
        }
    }

    /// Takes a request's bytes, which begin at `offset`. Returns when the body is over, with what became of it so far.
    pub(crate) async fn feed(&self, offset: u64, body: &mut BodyDataStream) -> Result<Value, Problem> {
        let mine = self.take_over();
        let feed = self.feed.lock().await;
        if let Some(ended) = self.ended() {
            return ended;
        }
        if offset != self.received.load(Ordering::SeqCst) {
            return Err(Problem::new(
                axum::http::StatusCode::CONFLICT,
                "offset",
                "The upload does not go on from here.",
            ));
        }
        let mut outcome = self.outcome.clone();
        let feeding = async {
            while let Some(piece) = body.next().await {
                // Cut off: what came stays, and the rest may follow.
                let Ok(piece) = piece else { break };
                let received = self.received.load(Ordering::SeqCst);
                let length = piece.len() as u64;
                if length > self.size - received {
                    self.cancel.cancel();
                    break;
                }
                if feed.send(piece).await.is_err() {
                    break;
                }
                self.received.store(received + length, Ordering::SeqCst);
            }
            if self.received.load(Ordering::SeqCst) < self.size && !self.cancel.is_cancelled() {
                return;
            }
            // All is there: what becomes of it is the answer.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = feeding => {}
            _ = outcome.wait_for(Option::is_some) => {}
            () = mine.cancelled() => {}
        }
        self.state()
    }

    /// What became of it so far.
    pub(crate) fn state(&self) -> Result<Value, Problem> {
        self.ended()
            .unwrap_or_else(|| Ok(json!({ "state": "receiving", "offset": self.received.load(Ordering::SeqCst) })))
    }

    /// Gives it up.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    fn ended(&self) -> Option<Result<Value, Problem>> {
        let outcome = self.outcome.borrow();
        Some(match outcome.as_ref()? {
            FileOutcome::Released(name) => Ok(json!({ "state": "done", "offset": self.size, "name": name })),
            other => Err(Problem::of(other)),
        })
    }

    fn take_over(&self) -> CancellationToken {
        let mine = CancellationToken::new();
        let mut feeder = self.feeder.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::replace(&mut *feeder, mine.clone()).cancel();
        mine
    }
}

/// Takes the file through the gate, until the session or this proxy ends, or somebody cancels it.
async fn carry(inner: &Inner, begin: Begin, source: Box<Coming>, cancel: &CancellationToken) -> FileOutcome {
    let Begin {
        live,
        subject,
        agent,
        item,
    } = begin;
    let mut sink = AgentSink::new(agent, live.id, item.name.clone(), item.size);
    let gate = inner
        .gate
        .file(&subject, GateName::Upload, &item, source, &mut sink, &inner.transfers.spool);
    let outcome = tokio::select! {
        outcome = gate => outcome,
        () = cancel.cancelled() => FileOutcome::Incomplete,
        () = over(&live) => FileOutcome::Incomplete,
        () = inner.stop.cancelled() => FileOutcome::Incomplete,
    };
    if let FileOutcome::Denied { notice, .. } = &outcome {
        live.notify(notice.clone());
    }
    outcome
}

/// Waits until the session is over for who is connected.
pub(crate) async fn over(live: &LiveSession) {
    let (_, mut told) = live.listen();
    loop {
        match told.recv().await {
            Ok(Told::End(_)) | Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            Ok(Told::Notice(_)) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
        }
    }
}

/// The bytes of all requests of an upload, in order.
struct Coming {
    pieces: mpsc::Receiver<Bytes>,
    left: u64,
    /// Told when the first bytes are asked for.
    want: Option<oneshot::Sender<()>>,
}

#[async_trait]
impl FileSource for Coming {
    async fn next(&mut self) -> Result<Option<Bytes>, SourceEnded> {
        if let Some(want) = self.want.take() {
            // Whoever began it may be gone; it can be resumed.
            let _ = want.send(());
        }
        if self.left == 0 {
            return Ok(None);
        }
        match tokio::time::timeout(RESUME, self.pieces.recv()).await {
            Ok(Some(piece)) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                Ok(Some(piece))
            }
            Ok(None) | Err(_) => Err(SourceEnded),
        }
    }
}
