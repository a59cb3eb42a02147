//! The sessions with somebody connected here: one stream each, and whoever listens for notices.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwapOption;
use gatewright_core::SessionId;
use gatewright_gate::Notice;
use gatewright_ports::control::SessionContext;
use gatewright_ports::proxy_control::OpenStream;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use crate::end::StreamEnd;

/// Notices that a slow listener may fall behind before it misses some.
const NOTICE_BACKLOG: usize = 64;
/// Notices shown to a listener that comes (back) later.
const NOTICE_MEMORY: usize = 8;

/// What a listener is told.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// Something for the person.
    Notice(Notice),
    /// The stream ended for good.
    End(StreamEnd),
}

/// One session here.
#[derive(Debug)]
pub(crate) struct LiveSession {
    pub(crate) id: SessionId,
    told: broadcast::Sender<Told>,
    memory: Mutex<VecDeque<Notice>>,
    stream: Mutex<Option<Stream>>,
    /// Whose it is and under which groups, as the control plane last said. None before somebody was admitted.
    context: ArcSwapOption<SessionContext>,
}

#[derive(Debug)]
struct Stream {
    number: u64,
    client: String,
    input_at: Instant,
    end: watch::Sender<Option<StreamEnd>>,
}

/// A stream's place in its session; leaving frees it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) session: Arc<LiveSession>,
    number: u64,
    end: watch::Receiver<Option<StreamEnd>>,
}

impl Seat {
    /// Waits until this stream is to end. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> StreamEnd {
        match self.end.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or(StreamEnd::ClientGone),
            Err(_) => StreamEnd::TakenOver,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut stream = locked(&self.session.stream);
        if stream.as_ref().is_some_and(|held| held.number == self.number) {
            *stream = None;
        }
    }
}

impl LiveSession {
    fn new(id: SessionId) -> Arc<Self> {
        let (told, _) = broadcast::channel(NOTICE_BACKLOG);
        Arc::new(Self {
            id,
            told,
            memory: Mutex::default(),
            stream: Mutex::default(),
            context: ArcSwapOption::empty(),
        })
    }

    /// Takes the session's one stream; whoever had it is told that it was taken over.
    pub(crate) fn sit(self: &Arc<Self>, context: SessionContext, client: &str) -> Seat {
        self.update(context);
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (end, receiver) = watch::channel(None);
        let before = locked(&self.stream).replace(Stream {
            number,
            client: client.to_owned(),
            input_at: Instant::now(),
            end,
        });
        if let Some(before) = before {
            before.end.send_replace(Some(StreamEnd::TakenOver));
        }
        Seat {
            session: Arc::clone(self),
            number,
            end: receiver,
        }
    }

    /// Something was typed, clicked or pasted.
    pub(crate) fn touch(&self) {
        if let Some(stream) = &mut *locked(&self.stream) {
            stream.input_at = Instant::now();
        }
    }

    /// Takes over what the control plane says now.
    pub(crate) fn update(&self, context: SessionContext) {
        self.context.store(Some(Arc::new(context)));
    }

    /// Whose it is; none before somebody was admitted.
    pub(crate) fn context(&self) -> Option<Arc<SessionContext>> {
        self.context.load_full()
    }

    /// Shows a notice to whoever listens, and to whoever comes soon.
    pub(crate) fn notify(&self, notice: Notice) {
        let mut memory = locked(&self.memory);
        if memory.len() == NOTICE_MEMORY {
            memory.pop_front();
        }
        memory.push_back(notice.clone());
        // Sent under the lock, so that a listener that subscribes now gets it once: from the memory or as news.
        drop(self.told.send(Told::Notice(notice)));
    }

    /// Ends the stream and tells the listeners why.
    pub(crate) fn end(&self, end: &StreamEnd) {
        if let Some(stream) = &*locked(&self.stream) {
            stream.end.send_if_modified(|held| {
                let first = held.is_none();
                if first {
                    *held = Some(end.clone());
                }
                first
            });
        }
        drop(self.told.send(Told::End(end.clone())));
    }

    /// What was told lately, and what will be.
    pub(crate) fn listen(&self) -> (Vec<Notice>, broadcast::Receiver<Told>) {
        let memory = locked(&self.memory);
        (memory.iter().cloned().collect(), self.told.subscribe())
    }

    fn open_stream(&self) -> Option<OpenStream> {
        locked(&self.stream).as_ref().map(|stream| OpenStream {
            session: self.id,
            client: stream.client.clone(),
            idle_secs: stream.input_at.elapsed().as_secs(),
        })
    }
}

/// All sessions here. An entry lives as long as a stream or a listener holds it.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    sessions: Mutex<HashMap<SessionId, Weak<LiveSession>>>,
}

impl Registry {
    /// The session's entry, made where it is missing.
    pub(crate) fn enter(&self, id: SessionId) -> Arc<LiveSession> {
        let mut sessions = locked(&self.sessions);
        if let Some(session) = sessions.get(&id).and_then(Weak::upgrade) {
            return session;
        }
        sessions.retain(|_, session| session.strong_count() > 0);
        let session = LiveSession::new(id);
        sessions.insert(id, Arc::downgrade(&session));
        session
    }

    /// The session's entry, where somebody is there.
    pub(crate) fn find(&self, id: SessionId) -> Option<Arc<LiveSession>> {
        locked(&self.sessions).get(&id).and_then(Weak::upgrade)
    }

    /// Everybody.
    pub(crate) fn all(&self) -> Vec<Arc<LiveSession>> {
        locked(&self.sessions).values().filter_map(Weak::upgrade).collect()
    }

    /// The sessions with a stream.
    pub(crate) fn open_streams(&self) -> Vec<OpenStream> {
        self.all().iter().filter_map(|session| session.open_stream()).collect()
    }
}

/// No code that holds these locks panics midway, so a poisoned one still guards whole data.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use gatewright_core::session::SessionState;
    use gatewright_core::{NodeId, Timestamp, UserId, WorkspaceId, ZoneId};
    use gatewright_gate::NoticeKind;
    use uuid::Uuid;

    fn session(number: u128) -> SessionId {
        SessionId::from_uuid(Uuid::from_u128(number))
    }

    fn context(number: u128) -> SessionContext {
        let id = Uuid::from_u128(number);
        SessionContext {
            session: session(number),
            user: UserId::from_uuid(id),
            user_name: "demo".into(),
            groups: Vec::new(),
            workspace: WorkspaceId::from_uuid(id),
            workspace_name: "Terminal".into(),
            zone: ZoneId::from_uuid(id),
            node: NodeId::from_uuid(id),
            state: SessionState::Ready,
            paused: false,
            end: None,
        }
    }

    #[tokio::test]
    async fn a_second_stream_takes_over_and_the_first_leaves_the_second_alone() {
        let registry = Registry::default();
        let entry = registry.enter(session(1));
        let mut first = entry.sit(context(1), "a");
        let mut second = entry.sit(context(1), "b");
        assert_eq!(first.ended().await, StreamEnd::TakenOver);
        drop(first);
        assert_eq!(registry.open_streams().first().unwrap().client, "b");
        entry.end(&StreamEnd::Restarting);
        assert_eq!(second.ended().await, StreamEnd::Restarting);
        drop((second, entry));
        assert!(registry.open_streams().is_empty());
        assert!(registry.find(session(1)).is_none());
    }

    #[tokio::test]
    async fn a_late_listener_sees_the_last_notices_once() {
        let registry = Registry::default();
        let entry = registry.enter(session(2));
        for number in 0..20 {
            let text = number.to_string();
            let at = Timestamp::from_micros(number);
            entry.notify(Notice {
                kind: NoticeKind::Info,
                gate: None,
                text,
                reference: None,
                at,
            });
        }
        let (memory, mut news) = entry.listen();
        assert_eq!(memory.len(), NOTICE_MEMORY);
        assert_eq!(memory.last().unwrap().text, "19");
        assert!(news.try_recv().is_err());
    }
}
