//! A process without the control plane: a node that has joined, with one role or more.

use std::sync::Arc;

use anyhow::Context as _;
use gatewright_agent::{Agent, follow_runtime_plugin};
use gatewright_connection_proxy::{Agents, ConnectionProxy, ProxyConf};
use gatewright_core::NodeRole;
use gatewright_dedicated_proxy::{Edge, EdgeConf, EdgeLimits, Upstream, Upstreams};
use gatewright_identity::{LiveCredentials, NodeCredentials, TicketVerifier};
use gatewright_plugin_host::{Approved, PluginSlots};
use gatewright_ports::{Control, SessionStreams};
use gatewright_rpc::{Dialer, LinkServices, Members, PendingStreams, RemoteControl, RemoteUpstream, RpcPort, Services};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::conf::Conf;
use crate::data_dir::DataDir;
use crate::join::{self, Reached};
use crate::links::ToProxy;
use crate::peers::{Peers, To};
use crate::serve::{agent_config, certificate, plugin_host, print, spool, welcome};

/// How long a start waits for the control plane before it is given up.
const FIRST_CONTACT: std::time::Duration = std::time::Duration::from_secs(60);

/// Serves the roles of a joined node until `stop`.
///
/// # Errors
/// What keeps it from starting.
pub(crate) async fn serve(conf: Conf, data: DataDir, stop: CancellationToken) -> anyhow::Result<()> {
    let folder = join::folder(&data)?;
    let credentials = NodeCredentials::open(&folder)?
        .context("this machine has not joined: run the command that `gatewright node add` prints on the web-app's machine")?;
    let own = credentials.identity().clone();
    let roles = conf.roles.clone().unwrap_or_else(|| own.roles.clone());
    if let Some(role) = roles.iter().find(|role| !own.has(**role)) {
        anyhow::bail!("this node has not joined as {role}");
    }
    let tasks = TaskTracker::new();
    let live = LiveCredentials::new(credentials);
    let members = Members::default();
    let dialer = Dialer::new(&live, members.clone())?;
    let remote = RemoteControl::new(dialer.clone(), join::web_apps(&folder)?, &tasks, stop.clone());
    let control: Arc<dyn Control> = Arc::new(remote.clone());
    let deployment = first_contact(control.as_ref(), &stop).await?;
    let tickets = TicketVerifier::new(&[0; 32]);

    let mut services = LinkServices::default();
    let mut serving = Vec::new();
    let plugins = if roles.contains(&NodeRole::Agent) || roles.contains(&NodeRole::ConnectionProxy) {
        Some(plugin_host(&data)?)
    } else {
        None
    };
    let agents = Agents::default();
    if let (true, Some(plugins)) = (roles.contains(&NodeRole::Agent), &plugins) {
        let slots = Arc::new(PluginSlots::new());
        let agent = Arc::new(Agent::open(
            agent_config(&conf, own.node, deployment.id.clone()),
            Arc::clone(&slots),
        )?);
        let runtime = conf.agent.runtime.clone();
        let approved = conf
            .grants
            .get(&runtime)
            .map(|grants| Approved::endpoints(grants.iter()))
            .unwrap_or_default();
        tasks.spawn(follow_runtime_plugin(
            runtime,
            Arc::clone(&control),
            Arc::clone(plugins),
            approved,
            slots,
            stop.clone(),
        ));
        let (running, to_control, ended) = (Arc::clone(&agent), Arc::clone(&control), stop.clone());
        tasks.spawn(async move { running.run(to_control, ended).await });
        agents.insert(own.node, Arc::clone(&agent) as Arc<dyn SessionStreams>);
        services.agent = Some(agent.clone());
        services.streams = Some(agent);
    }
    let mut proxy = None;
    if let (true, Some(plugins)) = (roles.contains(&NodeRole::ConnectionProxy), &plugins) {
        let proxy_conf = ProxyConf {
            control: Arc::clone(&control),
            plugins: Arc::clone(plugins),
            tickets: tickets.clone(),
            agents: agents.clone(),
            clipboard_max_bytes: u32::try_from(conf.clipboard_max_bytes)?,
            spool: spool(&conf, &data)?,
        };
        let started = ConnectionProxy::start(proxy_conf, &tasks, stop.clone());
        services.proxy = Some(Arc::new(started.clone()));
        proxy = Some(started);
    }

    let mut address = None;
    if let Some(proxy) = &proxy {
        let pending = PendingStreams::default();
        let port = RpcPort {
            listen: vec![
                conf.rpc_listen
                    .context("a connection-proxy needs rpc.listen, where edges and agents reach it")?,
            ],
            credentials: Arc::clone(&live),
            members,
            services: Services {
                proxy_links: Some(ToProxy::new(agents, pending.clone())),
                pending,
                router: Some(proxy.routes()),
                ..Services::default()
            },
        };
        let bound = port.bind(&tasks, stop.clone()).await?;
        address = Some(conf.advertised(&bound.addrs)?);
        tasks.spawn(bound.serve);
    }
    let reached = Reached {
        address: address.clone(),
        public_url: join::edge_url(&conf, &roles),
    };
    join::renew(control.as_ref(), &live, &folder, reached.clone()).await?;
    tasks.spawn(join::keep_renewed(
        Arc::clone(&control),
        Arc::clone(&live),
        folder.clone(),
        reached,
        stop.clone(),
    ));

    let peers = Peers::new(own.clone(), dialer.clone(), tickets.clone(), services, &tasks, stop.clone());
    peers.apply(&deployment);
    let following = Arc::clone(&peers).follow(Arc::clone(&control), move |deployment| {
        let found: Vec<String> = deployment
            .peers
            .iter()
            .filter(|peer| peer.identity.has(NodeRole::WebApp))
            .filter_map(|peer| peer.address.clone())
            .collect();
        if !found.is_empty() {
            remote.set_addresses(found.clone());
            if let Err(error) = join::keep_web_apps(&folder, &found) {
                tracing::warn!(error = %format!("{error:#}"), "Where the web-apps are could not be kept");
            }
        }
    });
    tasks.spawn(following);

    if roles.contains(&NodeRole::DedicatedProxy) {
        let (certificate, authority) = certificate(&conf, &data, &tasks, stop.clone())?;
        let upstream = |role| {
            let to = Arc::new(To(Arc::clone(&peers), role));
            RemoteUpstream::new(role, dialer.clone(), to, &tasks, stop.clone())
        };
        let router = match &proxy {
            Some(proxy) => upstream(NodeRole::ConnectionProxy).routes_beside(proxy.routes(), own.zone),
            None => upstream(NodeRole::ConnectionProxy).routes(),
        };
        let edge = Edge {
            conf: EdgeConf {
                listen: vec![conf.listen],
                public_origin: conf.public_url.clone(),
                limits: EdgeLimits {
                    drain: conf.drain,
                    ..EdgeLimits::default()
                },
            },
            certificate,
            tickets,
            upstreams: Upstreams {
                web_app: Upstream::Local(upstream(NodeRole::WebApp).routes()),
                router: Upstream::Local(router),
            },
        };
        let bound = edge.bind(stop.clone()).await?;
        let port = bound.addrs.first().context("the edge listens nowhere")?.port();
        serving.push(tasks.spawn(bound.serve));
        print(&welcome(&conf, &data, port, authority).text())?;
    }
    if let Some(proxy) = &proxy {
        proxy.ready().await;
    }
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let reached = address.map_or_else(String::new, |address| format!(", reached by other nodes at {address}"));
    print(&format!("Serving {} as node {}{reached}\n", names.join(", "), own.node))?;

    stop.cancelled().await;
    for one in serving {
        one.await.context("the edge failed")?;
    }
    tasks.close();
    tasks.wait().await;
    Ok(())
}

async fn first_contact(control: &dyn Control, stop: &CancellationToken) -> anyhow::Result<gatewright_ports::control::Deployment> {
    let asking = async {
        loop {
            match control.deployment().await {
                Ok(deployment) => return deployment,
                Err(error) => tracing::info!(%error, "Waiting for a web-app"),
            }
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    stop.run_until_cancelled(tokio::time::timeout(FIRST_CONTACT, asking))
        .await
        .context("stopped before a web-app was reached")?
        .context("no web-app was reached: is one running, and has this node not been removed?")
}
