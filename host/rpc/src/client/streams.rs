//! `SessionStreams` of an agent elsewhere: asked over its link, it dials a stream back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use gatewright_core::{NodeId, SessionId};
use gatewright_ports::{ByteStream, SessionStreams, StreamError};
use rand::RngExt as _;
use tokio::sync::oneshot;

use crate::channel::Channel;
use crate::method::Method;
use crate::wire::{Nothing, Open};

type Waiting = HashMap<String, (NodeId, oneshot::Sender<Box<dyn ByteStream>>)>;

/// The streams that were asked for and have not come yet. Cheap to clone; all clones are the same one.
#[derive(Clone, Default)]
pub struct PendingStreams(Arc<Mutex<Waiting>>);

/// One of them; dropped, nobody waits for it any more.
struct Place {
    id: String,
    pending: PendingStreams,
}

impl PendingStreams {
    fn expect(&self, node: NodeId) -> (Place, oneshot::Receiver<Box<dyn ByteStream>>) {
        let id = hex::encode(rand::rng().random::<[u8; 16]>());
        let (sender, receiver) = oneshot::channel();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.clone(), (node, sender));
        let pending = self.clone();
        (Place { id, pending }, receiver)
    }

    /// Hands a stream to whoever asked `node` for it. False where nobody did.
    pub(crate) fn deliver(&self, id: &str, node: NodeId, stream: Box<dyn ByteStream>) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Another agent that knows the id may not answer for this one, nor use it up.
        if waiting.get(id).is_none_or(|(asked, _)| *asked != node) {
            return false;
        }
        waiting.remove(id).is_some_and(|(_, sender)| sender.send(stream).is_ok())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pending.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// The sessions of the agent at the other end of a link.
#[derive(Clone)]
pub struct RemoteStreams {
    channel: Channel,
    pending: PendingStreams,
}

impl RemoteStreams {
    /// Asks over `channel`; the streams come to the port that `pending` belongs to.
    #[must_use]
    pub fn new(channel: Channel, pending: PendingStreams) -> Self {
        Self { channel, pending }
    }
}

#[async_trait]
impl SessionStreams for RemoteStreams {
    async fn open(&self, session: SessionId, service: &str) -> Result<Box<dyn ByteStream>, StreamError> {
        let (place, stream) = self.pending.expect(self.channel.peer().node);
        let open = Open {
            session,
            service: service.to_owned(),
            answer: place.id.clone(),
        };
        // The answer to the call comes once the stream was dialled: on another connection, so it may arrive later.
        self.channel.call::<Nothing, StreamError>(Method::StreamOpen, &open).await?;
        tokio::time::timeout(Method::StreamOpen.entry().deadline, stream)
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(StreamError::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn only_the_agent_that_was_asked_answers_and_once() {
        let node = |id| NodeId::from_uuid(uuid::Uuid::from_u128(id));
        let stream = || Box::new(tokio::io::duplex(1).0) as Box<dyn ByteStream>;
        let pending = PendingStreams::default();
        let (place, mut receiver) = pending.expect(node(1));
        let id = place.id.clone();
        assert!(!pending.deliver(&id, node(2), stream()), "an id is of no use to another node");
        assert!(!pending.deliver(&"0".repeat(32), node(1), stream()));
        assert!(pending.deliver(&id, node(1), stream()));
        assert!(!pending.deliver(&id, node(1), stream()));
        receiver.try_recv().unwrap();
        let (place, _) = pending.expect(node(1));
        let id = place.id.clone();
        drop(place);
        assert!(!pending.deliver(&id, node(1), stream()), "nobody waits any more");
    }
}
