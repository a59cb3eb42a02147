//! The connection proxy as a value: what it is given, its routes, its side of `ProxyControl`.

use std::sync::Arc;

use async_trait::async_trait;
use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::{SessionId, Timestamp};
use gatewright_gate::{EventLog, Gate, Notice, NoticeKind, PolicyWatch, Spool};
use gatewright_identity::TicketVerifier;
use gatewright_plugin_host::PluginHost;
use gatewright_ports::proxy_control::OpenStream;
use gatewright_ports::{Control, ControlError, ProxyControl, ProxyError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agents::Agents;
use crate::end::StreamEnd;
use crate::files::Transfers;
use crate::live::Registry;
use crate::routes;

/// What a connection proxy is given.
pub struct ProxyConf {
    /// The control plane.
    pub control: Arc<dyn Control>,
    /// Runs the rules and the credential provider.
    pub plugins: Arc<PluginHost>,
    /// Checks tickets.
    pub tickets: TicketVerifier,
    /// The agents of this zone.
    pub agents: Agents,
    /// The largest clipboard text that is looked at, in bytes.
    pub clipboard_max_bytes: u32,
    /// Where files are held until their rules have seen them whole.
    pub spool: Spool,
}

/// The connection proxy.
#[derive(Clone)]
pub struct ConnectionProxy {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) control: Arc<dyn Control>,
    pub(crate) tickets: TicketVerifier,
    pub(crate) agents: Agents,
    pub(crate) gate: Gate,
    pub(crate) registry: Registry,
    pub(crate) clipboard_max_bytes: u32,
    pub(crate) transfers: Transfers,
    pub(crate) streams: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl ConnectionProxy {
    /// Starts following the control plane. Tasks run on `tasks` until `stop`; open streams are then closed so that
    /// their clients come back by themselves.
    #[must_use]
    pub fn start(conf: ProxyConf, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let policy = PolicyWatch::new(Arc::clone(&conf.control), conf.plugins);
        let events = EventLog::start(Arc::clone(&conf.control), tasks, stop.clone());
        let proxy = Self {
            inner: Arc::new(Inner {
                control: conf.control,
                tickets: conf.tickets,
                agents: conf.agents,
                gate: Gate::new(Arc::clone(&policy), events),
                registry: Registry::default(),
                clipboard_max_bytes: conf.clipboard_max_bytes,
                transfers: Transfers::new(conf.spool),
                streams: tasks.clone(),
                stop: stop.clone(),
            }),
        };
        tasks.spawn(Arc::clone(&proxy.inner).revalidate(policy.changes()));
        tasks.spawn(policy.run(stop));
        proxy
    }

    /// The routes below `/session/{id}/`, without `enter`, which is the edge's.
    pub fn routes(&self) -> axum::Router {
        routes::routes(Arc::clone(&self.inner))
    }

    /// Waits until the first policy is in force: before that nobody is admitted.
    pub async fn ready(&self) {
        let mut changes = self.inner.gate.policy().changes();
        // An error means that the watch is gone, as this proxy is then.
        drop(changes.wait_for(|applied| *applied > 0).await);
    }
}

impl Inner {
    /// After every change asks again whether who is connected still may be, and under which groups.
    async fn revalidate(self: Arc<Self>, mut changes: tokio::sync::watch::Receiver<u64>) {
        while let Some(Ok(())) = self.stop.run_until_cancelled(changes.changed()).await {
            for session in self.registry.all() {
                match self.control.session(session.id).await {
                    Ok(context) if context.state == SessionState::Ready && context.paused => session.end(&StreamEnd::Paused),
                    Ok(context) if context.state == SessionState::Ready => session.update(context),
                    Ok(context) if context.state.is_final() || context.state == SessionState::Ending => {
                        let reason = context.end.unwrap_or(EndReason::Administrator);
                        session.end(&StreamEnd::SessionEnded(reason));
                    }
                    Ok(_) => {}
                    Err(ControlError::NotFound) => {
                        session.end(&StreamEnd::SessionEnded(EndReason::Administrator));
                    }
                    // The next change, or a stale policy, decides.
                    Err(ControlError::Unavailable) => {}
                }
            }
        }
    }
}

#[async_trait]
impl ProxyControl for ConnectionProxy {
    async fn list(&self) -> Result<Vec<OpenStream>, ProxyError> {
        Ok(self.inner.registry.open_streams())
    }

    async fn terminate(&self, session: SessionId, reason: EndReason) -> Result<(), ProxyError> {
        if let Some(live) = self.inner.registry.find(session) {
            live.end(&StreamEnd::SessionEnded(reason));
        }
        Ok(())
    }

    async fn message(&self, session: SessionId, text: String) -> Result<(), ProxyError> {
        if let Some(live) = self.inner.registry.find(session) {
            let at = Timestamp::from(std::time::SystemTime::now());
            live.notify(Notice {
                kind: NoticeKind::Info,
                gate: None,
                text,
                reference: None,
                at,
            });
        }
        Ok(())
    }
}
