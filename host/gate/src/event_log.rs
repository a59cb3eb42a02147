//! Events on their way to the control plane: batched, bounded, and acknowledged once they are durable.

use std::sync::Arc;
use std::time::Duration;

use gatewright_core::event::Event;
use gatewright_ports::Control;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Events that may wait at once. Whoever comes later waits in turn: the spool never grows past this.
const SPOOL: usize = 1024;
/// Events in one append.
const BATCH: usize = 256;
/// How long one append may take before its events count as not recorded.
const APPEND_TIMEOUT: Duration = Duration::from_secs(5);

/// The event could not be made durable: nothing may be released on its strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("event could not be recorded")]
pub struct NotRecorded;

struct Pending {
    event: Event,
    done: oneshot::Sender<Result<(), NotRecorded>>,
}

/// Where events are handed in.
#[derive(Clone)]
pub struct EventLog {
    sender: mpsc::Sender<Pending>,
}

impl EventLog {
    /// Starts the task that appends. It ends after `stop`, once what was handed in before is appended.
    #[must_use]
    pub fn start(control: Arc<dyn Control>, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let (sender, receiver) = mpsc::channel(SPOOL);
        tasks.spawn(run(control, receiver, stop));
        Self { sender }
    }

    /// Returns once `event` is durable. Cancel-safe: a dropped call may still record.
    ///
    /// # Errors
    /// [`NotRecorded`] when the control plane does not take it in time, or this process is stopping.
    pub async fn append(&self, event: Event) -> Result<(), NotRecorded> {
        let (done, answer) = oneshot::channel();
        self.sender.send(Pending { event, done }).await.map_err(|_| NotRecorded)?;
        answer.await.unwrap_or(Err(NotRecorded))
    }
}

async fn run(control: Arc<dyn Control>, mut receiver: mpsc::Receiver<Pending>, stop: CancellationToken) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let taken = tokio::select! {
            taken = receiver.recv_many(&mut batch, BATCH) => taken,
            () = stop.cancelled(), if !receiver.is_closed() => {
                receiver.close();
                continue;
            }
        };
        if taken == 0 {
            return;
        }
        let (events, waiting): (Vec<_>, Vec<_>) = batch.drain(..).map(|pending| (pending.event, pending.done)).unzip();
        let outcome = match tokio::time::timeout(APPEND_TIMEOUT, control.append_events(events)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!(%error, events = waiting.len(), "Events could not be recorded");
                Err(NotRecorded)
            }
            Err(_) => {
                tracing::error!(events = waiting.len(), "Recording events took too long");
                Err(NotRecorded)
            }
        };
        for done in waiting {
            // Whoever asked may be gone: the event is recorded all the same.
            let _ = done.send(outcome);
        }
    }
}
