//! The inspected relay: bytes from the desktop to the browser and back, each direction through its inspector.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use gatewright_core::gate::Gate as GateName;
use gatewright_gate::{PolicyState, Subject, Verdict};
use gatewright_ports::ByteStream;
use gatewright_rfb::{ClientInspector, ClipboardOffer, Decision, Direction, ServerInspector, Step};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior};

use crate::end::StreamEnd;
use crate::live::LiveSession;
use crate::proxy::Inner;

/// Read from the desktop at once. One read is one WebSocket message, and one turn of back-pressure.
const READ: usize = 64 * 1024;
/// A browser that is there answers a ping; a network in between may have lost it without a word.
const PING: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(45);

/// A desktop may ask several times in a row for the text of one paste. Within this time, the same text gets the same
/// verdict: one offer, one record, one notice.
const SAME_OFFER: Duration = Duration::from_millis(500);

/// A verdict that still holds for a repeated text.
struct Last {
    at: Instant,
    offer: ClipboardOffer,
    policy: Arc<PolicyState>,
    decision: Decision,
}

/// Takes clipboard texts through the gate.
pub(crate) struct Clipboard {
    pub(crate) inner: Arc<Inner>,
    pub(crate) live: Arc<LiveSession>,
    pub(crate) client: String,
    pub(crate) limit: u64,
    last: Mutex<Option<Last>>,
}

impl Clipboard {
    pub(crate) fn new(inner: Arc<Inner>, live: Arc<LiveSession>, client: String, limit: u64) -> Self {
        Self {
            inner,
            live,
            client,
            limit,
            last: Mutex::default(),
        }
    }

    async fn decide(&self, offer: &ClipboardOffer) -> Decision {
        let policy = self.inner.gate.policy().current();
        if let Some(last) = self.last.lock().await.as_ref()
            && last.at.elapsed() < SAME_OFFER
            && last.offer == *offer
            && Arc::ptr_eq(&last.policy, &policy)
        {
            return last.decision.clone();
        }
        let decision = self.ask(offer).await;
        *self.last.lock().await = Some(Last {
            at: Instant::now(),
            offer: offer.clone(),
            policy,
            decision: decision.clone(),
        });
        decision
    }

    async fn ask(&self, offer: &ClipboardOffer) -> Decision {
        let Some(context) = self.live.context() else {
            return Decision::Deny;
        };
        let subject = Subject {
            context: (*context).clone(),
            client: self.client.clone(),
        };
        let gate = match offer.direction() {
            Direction::ToTarget => GateName::CopyIn,
            Direction::ToBrowser => GateName::CopyOut,
        };
        let decision = match offer.text() {
            Some(text) => self.inner.gate.clipboard(&subject, gate, text).await,
            None => self.inner.gate.clipboard_too_large(&subject, gate, offer.bytes(), self.limit).await,
        };
        if let Some(notice) = decision.notice {
            self.live.notify(notice);
        }
        match decision.verdict {
            Verdict::Allow => Decision::Allow,
            Verdict::Replace(text) => Decision::Replace(text),
            Verdict::Deny => Decision::Deny,
        }
    }
}

/// A relay after both handshakes.
pub(crate) struct Relay {
    pub(crate) server: ServerInspector,
    pub(crate) browser: ClientInspector,
    /// What either side sent beyond its handshake.
    pub(crate) early_target: BytesMut,
    pub(crate) early_client: BytesMut,
    pub(crate) clipboard: Clipboard,
}

impl Relay {
    /// Runs until one side ends it. Nothing is buffered but what one read brought and what waits for a verdict: a slow
    /// browser slows the desktop down.
    pub(crate) async fn run(self, socket: &mut WebSocket, target: Box<dyn ByteStream>) -> StreamEnd {
        let (to_client, from_client) = socket.split();
        let (from_target, to_target) = tokio::io::split(target);
        let heard = Heard::new();
        tokio::select! {
            end = to_browser(self.server, from_target, to_client, self.early_target, &self.clipboard, &heard) => end,
            end = to_desktop(self.browser, from_client, to_target, self.early_client, &self.clipboard, &heard) => end,
        }
    }
}

async fn to_browser(
    mut inspector: ServerInspector,
    mut target: ReadHalf<Box<dyn ByteStream>>,
    mut client: SplitSink<&mut WebSocket, Message>,
    mut input: BytesMut,
    clipboard: &Clipboard,
    heard: &Heard,
) -> StreamEnd {
    let mut out = BytesMut::new();
    let mut ping = tokio::time::interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        loop {
            let step = inspector.inspect(&mut input, &mut out);
            if !out.is_empty() && client.send(Message::Binary(out.split().freeze())).await.is_err() {
                return StreamEnd::ClientGone;
            }
            match step {
                Ok(Step::NeedMore) => break,
                Ok(Step::Clipboard(offer)) => {
                    let decision = clipboard.decide(&offer).await;
                    inspector.resume(decision, &mut out);
                }
                Ok(Step::AwaitingDecision) => {
                    inspector.resume(Decision::Deny, &mut out);
                }
                Err(violation) => return StreamEnd::DesktopViolation(violation.to_string()),
            }
        }
        input.reserve(READ);
        tokio::select! {
            read = target.read_buf(&mut input) => match read {
                Ok(1..) => {}
                Ok(0) | Err(_) => return StreamEnd::DesktopUnreachable("The desktop closed the connection."),
            },
            _ = ping.tick() => {
                if heard.silence() > SILENCE || client.send(Message::Ping(Bytes::new())).await.is_err() {
                    return StreamEnd::ClientGone;
                }
            }
        }
    }
}

async fn to_desktop(
    mut inspector: ClientInspector,
    mut client: SplitStream<&mut WebSocket>,
    mut target: WriteHalf<Box<dyn ByteStream>>,
    mut input: BytesMut,
    clipboard: &Clipboard,
    heard: &Heard,
) -> StreamEnd {
    let mut out = BytesMut::new();
    let mut inputs = inspector.inputs();
    loop {
        loop {
            let step = inspector.inspect(&mut input, &mut out);
            if inspector.inputs() != inputs {
                inputs = inspector.inputs();
                clipboard.live.touch();
            }
            if target.write_all_buf(&mut out).await.is_err() {
                return StreamEnd::DesktopUnreachable("The desktop closed the connection.");
            }
            match step {
                Ok(Step::NeedMore) => break,
                Ok(Step::Clipboard(offer)) => {
                    let decision = clipboard.decide(&offer).await;
                    inspector.resume(decision, &mut out);
                }
                Ok(Step::AwaitingDecision) => {
                    inspector.resume(Decision::Deny, &mut out);
                }
                Err(violation) => return StreamEnd::ClientViolation(violation.to_string()),
            }
        }
        match client.next().await {
            Some(Ok(Message::Binary(bytes))) => input.extend_from_slice(&bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Text(_))) => return StreamEnd::ClientViolation("text frame".into()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return StreamEnd::ClientGone,
        }
        heard.now();
    }
}

/// When the client was last heard of, in milliseconds since the relay began.
struct Heard {
    began: Instant,
    last: AtomicU64,
}

impl Heard {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn now(&self) {
        self.last.store(self.millis(), Ordering::Relaxed);
    }

    fn silence(&self) -> Duration {
        Duration::from_millis(self.millis().saturating_sub(self.last.load(Ordering::Relaxed)))
    }
}
