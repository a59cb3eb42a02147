//! `ProxyControl` for one caller.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::SessionId;
use gatewright_core::session::EndReason;
use gatewright_ports::proxy_control::OpenStream;
use gatewright_ports::{ProxyControl, ProxyError};
use http::Response;
use http_body_util::Full;

use crate::caller::{About, Caller};
use crate::method::Method;
use crate::serve::{Answers, BadBody, body};
use crate::wire::{End, Message, Nothing, reply};

/// A connection proxy, as one caller may use it.
#[derive(Clone)]
pub struct GuardedProxy {
    proxy: Arc<dyn ProxyControl>,
    caller: Caller,
}

impl GuardedProxy {
    /// Before `proxy`, for `caller`.
    #[must_use]
    pub fn new(proxy: Arc<dyn ProxyControl>, caller: Caller) -> Self {
        Self { proxy, caller }
    }

    fn may(&self, method: Method) -> Result<(), ProxyError> {
        Ok(self.caller.may(method, About::All)?)
    }
}

#[async_trait]
impl ProxyControl for GuardedProxy {
    async fn list(&self) -> Result<Vec<OpenStream>, ProxyError> {
        self.may(Method::ProxyList)?;
        self.proxy.list().await
    }

    async fn terminate(&self, session: SessionId, reason: EndReason) -> Result<(), ProxyError> {
        self.may(Method::ProxyTerminate)?;
        self.proxy.terminate(session, reason).await
    }

    async fn message(&self, session: SessionId, text: String) -> Result<(), ProxyError> {
        self.may(Method::ProxyMessage)?;
        self.proxy.message(session, text).await
    }
}

#[async_trait]
impl Answers for GuardedProxy {
    async fn answer(&self, method: Method, bytes: &[u8]) -> Result<Option<Response<Full<Bytes>>>, BadBody> {
        let done = |outcome: Result<(), ProxyError>| reply(outcome.map(|()| Nothing {}));
        Ok(Some(match method {
            Method::ProxyList => reply(self.list().await),
            Method::ProxyTerminate => {
                let End { session, reason } = body(bytes)?;
                done(self.terminate(session, reason).await)
            }
            Method::ProxyMessage => {
                let Message { session, text } = body(bytes)?;
                done(self.message(session, text).await)
            }
            _ => return Ok(None),
        }))
    }
}
