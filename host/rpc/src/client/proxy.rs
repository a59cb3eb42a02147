//! `ProxyControl` over a link that the proxy has dialled.

use async_trait::async_trait;
use gatewright_core::SessionId;
use gatewright_core::session::EndReason;
use gatewright_ports::proxy_control::OpenStream;
use gatewright_ports::{ProxyControl, ProxyError};

use crate::channel::Channel;
use crate::method::Method;
use crate::wire::{End, Message, Nothing};

/// The connection proxy at the other end of a link.
#[derive(Debug, Clone)]
pub struct RemoteProxy(pub Channel);

#[async_trait]
impl ProxyControl for RemoteProxy {
    async fn list(&self) -> Result<Vec<OpenStream>, ProxyError> {
        self.0.call(Method::ProxyList, &Nothing {}).await
    }

    async fn terminate(&self, session: SessionId, reason: EndReason) -> Result<(), ProxyError> {
        let body = End { session, reason };
        self.0.call::<Nothing, _>(Method::ProxyTerminate, &body).await.map(drop)
    }

    async fn message(&self, session: SessionId, text: String) -> Result<(), ProxyError> {
        let body = Message { session, text };
        self.0.call::<Nothing, _>(Method::ProxyMessage, &body).await.map(drop)
    }
}
