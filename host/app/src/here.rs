//! The control plane of this process, as its own roles and other processes may use it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use async_trait::async_trait;
use gatewright_connection_proxy::Agents;
use gatewright_control::{ControlPlane, OwnNode};
use gatewright_core::{NodeId, NodeIdentity, NodeRole, SessionId, ZoneId};
use gatewright_identity::{LiveCredentials, NodeCredentials, NodeKey, TicketVerifier};
use gatewright_ports::{Control, ControlError};
use gatewright_rpc::{
    CachedPlaces, Caller, Dialer, GuardedControl, LinkServices, Members, PendingStreams, Places, RemoteUpstream, RpcPort, Services,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::conf::Conf;
use crate::links::{ToControl, ToProxy};
use crate::peers::{Peers, To};

/// How often the process's own certificate is looked at.
const LOOK: Duration = Duration::from_secs(600);

/// The control plane, behind the table of who may call what.
pub(crate) struct Here {
    pub(crate) plane: ControlPlane,
    pub(crate) node: NodeId,
    places: Arc<dyn Places>,
}

struct InStore(ControlPlane);

#[async_trait]
impl Places for InStore {
    async fn zone_of(&self, session: SessionId) -> Result<Option<ZoneId>, ControlError> {
        self.0.session_zone(session).await.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "A session's zone could not be read");
            ControlError::Unavailable
        })
    }
}

/// What is offered to other processes.
pub(crate) struct Serving {
    pub(crate) listen: SocketAddr,
    pub(crate) web_app: gatewright_dedicated_proxy::Routes,
    pub(crate) router: Option<gatewright_dedicated_proxy::Routes>,
    pub(crate) agents: Agents,
    pub(crate) tickets: TicketVerifier,
    pub(crate) ticket_key: [u8; 32],
}

/// The other processes.
pub(crate) struct Others {
    /// Where they reach this one.
    pub(crate) address: String,
    peers: Arc<Peers>,
    dialer: Dialer,
}

impl Here {
    pub(crate) fn new(plane: ControlPlane, node: NodeId) -> Self {
        let places = Arc::new(CachedPlaces::new(InStore(plane.clone())));
        Self { plane, node, places }
    }

    /// This process, acting in one of its roles.
    pub(crate) fn caller(&self, role: NodeRole) -> Caller {
        Caller::Node(NodeIdentity {
            node: self.node,
            zone: self.plane.own_zone(),
            roles: [role].into(),
        })
    }

    /// The control plane, as a role of this process may use it.
    pub(crate) fn control(&self, role: NodeRole) -> Arc<dyn Control> {
        let plane = Arc::new(self.plane.clone());
        Arc::new(GuardedControl::new(plane, Arc::clone(&self.places), self.caller(role)))
    }

    /// Opens the port for other processes, and follows who they are.
    pub(crate) async fn open(
        &self,
        conf: &Conf,
        serving: Serving,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> anyhow::Result<Others> {
        let identity = NodeIdentity {
            node: self.node,
            zone: self.plane.own_zone(),
            roles: conf.roles.clone().unwrap_or_else(|| NodeRole::ALL.into()),
        };
        let live = LiveCredentials::new(own_credentials(&self.plane, &identity)?);
        let members = Members::default();
        let dialer = Dialer::new(&live, members.clone())?;
        let pending = PendingStreams::default();
        let port = RpcPort {
            listen: vec![serving.listen],
            credentials: Arc::clone(&live),
            members,
            services: Services {
                control: Some((Arc::new(self.plane.clone()), Arc::clone(&self.places))),
                web_app_links: Some(ToControl::new(self.plane.clone())),
                proxy_links: serving
                    .router
                    .is_some()
                    .then(|| ToProxy::new(serving.agents, pending.clone()) as Arc<_>),
                pending,
                web_app: Some(serving.web_app),
                router: serving.router,
            },
        };
        let bound = port.bind(tasks, stop.clone()).await?;
        let address = conf.advertised(&bound.addrs)?;
        let own = OwnNode {
            node: self.node,
            roles: identity.roles.clone(),
            name: conf.agent.name.clone(),
            address: Some(address.clone()),
            public_url: crate::join::edge_url(conf, &identity.roles),
            ticket_key: serving.ticket_key,
        };
        self.plane
            .note_own_node(&own)
            .await
            .context("this process can't be made known to others")?;
        let peers = Peers::new(
            identity.clone(),
            dialer.clone(),
            serving.tickets,
            LinkServices::default(),
            tasks,
            stop.clone(),
        );
        let control: Arc<dyn Control> = Arc::new(self.plane.clone());
        // Who was removed is known before the first of them can knock.
        peers.apply(&control.deployment().await?);
        tasks.spawn(Arc::clone(&peers).follow(control, |_| {}));
        tasks.spawn(keep_renewed(self.plane.clone(), identity, live, stop.clone()));
        tasks.spawn(bound.serve);
        Ok(Others { address, peers, dialer })
    }
}

impl Others {
    /// Requests of an edge to a role that this process has not.
    pub(crate) fn upstream(&self, role: NodeRole, tasks: &TaskTracker, stop: &CancellationToken) -> RemoteUpstream {
        let to = Arc::new(To(Arc::clone(&self.peers), role));
        RemoteUpstream::new(role, self.dialer.clone(), to, tasks, stop.clone())
    }
}

fn own_credentials(plane: &ControlPlane, identity: &NodeIdentity) -> anyhow::Result<NodeCredentials> {
    let key = NodeKey::generate()?;
    let joined = plane.own_certificate(&key.request()?, identity)?;
    Ok(NodeCredentials::new(&key, joined.certificate.0.into(), joined.authority.0.into())?)
}

async fn keep_renewed(plane: ControlPlane, identity: NodeIdentity, live: Arc<LiveCredentials>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        if live.current().needs_renewal(SystemTime::now()) {
            match own_credentials(&plane, &identity) {
                Ok(credentials) => live.replace(credentials),
                Err(error) => tracing::error!(error = %format!("{error:#}"), "This process's certificate could not be renewed"),
            }
        }
    }
}
