//! `SessionStreams` for one caller.

use std::sync::Arc;

use async_trait::async_trait;
use gatewright_core::{SessionId, ZoneId};
use gatewright_ports::{ByteStream, SessionStreams, StreamError};

use crate::caller::{About, Caller};
use crate::method::Method;

/// An agent's streams, as one caller may open them.
#[derive(Clone)]
pub struct GuardedStreams {
    streams: Arc<dyn SessionStreams>,
    zone: ZoneId,
    caller: Caller,
}

impl GuardedStreams {
    /// Before the streams of an agent in `zone`, for `caller`.
    #[must_use]
    pub fn new(streams: Arc<dyn SessionStreams>, zone: ZoneId, caller: Caller) -> Self {
        Self { streams, zone, caller }
    }
}

#[async_trait]
impl SessionStreams for GuardedStreams {
    async fn open(&self, session: SessionId, service: &str) -> Result<Box<dyn ByteStream>, StreamError> {
        self.caller.may(Method::StreamOpen, About::Zone(self.zone))?;
        self.streams.open(session, service).await
    }
}
