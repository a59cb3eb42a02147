//! The control plane's process, by default with all other roles: wired at their ports, started in order, stopped in the other.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use gatewright_agent::{Agent, AgentConfig, EngineLanguage, Reserve, follow_runtime_plugin};
use gatewright_connection_proxy::{Agents, ConnectionProxy, ProxyConf};
use gatewright_control::{ControlConfig, ControlPlane, HostEngine, SagaHooks, SessionLimits};
use gatewright_core::{NodeId, NodeRole, Timestamp};
use gatewright_dedicated_proxy::{Edge, EdgeConf, EdgeLimits, Upstream, Upstreams};
use gatewright_gate::Spool;
use gatewright_identity::{CertificateResolver, PublicCa, PublicNames, ServerCertificate, TicketSigner};
use gatewright_plugin_host::{Approved, HostConfig, PluginHost, PluginSlots};
use gatewright_ports::SessionStreams;
use gatewright_rpc::{GuardedAgent, GuardedProxy, GuardedStreams};
use gatewright_web_app::{WebApp, WebAppConf};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agent_conf::DialectFile;
use crate::conf::Conf;
use crate::data_dir::DataDir;
use crate::here::{Here, Serving};
use crate::welcome::{Authority, Welcome};
use crate::{apart, first_login, node};

/// Between two signs of life of this process's own agent.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long the box waits for the agent's first sign of life: an engine that is down must not hold it up for ever.
const FIRST_SIGN: Duration = Duration::from_secs(15);
/// How often a start looks whether the runtime plugin is loaded.
const PLUGIN_CHECK: Duration = Duration::from_millis(10);
/// How often limits of sessions are looked at where they are very short.
const LIMITS_AT_MOST_EVERY: Duration = Duration::from_millis(250);
/// How often the public certificate is looked at.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(6 * 3600);

/// Starts everything, prints the box, and serves until `stop`.
///
/// # Errors
/// What keeps it from starting. Once it serves, nothing does but a panic in this function's own task.
pub(crate) async fn serve(conf: Conf, hooks: Arc<dyn SagaHooks>, stop: CancellationToken) -> anyhow::Result<()> {
    let began = Timestamp::from(SystemTime::now());
    print_conf(&conf)?;
    let data = DataDir::take(&conf.data_dir)?;
    // A machine that has joined another one's web-app, and was told nothing else, does what it joined for.
    let joined = conf.roles.is_none() && data.join("node").join("node.pem").exists();
    if joined || !conf.has(NodeRole::WebApp) {
        return apart::serve(conf, data, stop).await;
    }
    let plugins = plugin_host(&data)?;
    let approvals = conf
        .grants
        .iter()
        .map(|(name, grants)| (name.clone(), Approved::endpoints(grants.iter())));
    let approvals: std::collections::BTreeMap<_, _> = approvals.collect();
    let engine = Arc::new(HostEngine::new(Arc::clone(&plugins), approvals.clone()));
    // A database that does not answer is waited for, until somebody says stop.
    let opening = stop.run_until_cancelled(ControlPlane::open(control_config(&conf, &data, hooks)?, engine));
    let (control, report) = opening
        .await
        .context("stopped before the database answered")?
        .context("the control plane can't be opened")?;
    first_login::keep(data.path(), &report.passwords)?;
    for (file, why) in &report.bad_plugins {
        tracing::error!(%file, error = %why, "A bundled plugin can't be used");
    }
    let signer = TicketSigner::open(&folder(&data, "tickets")?)?;
    let tasks = TaskTracker::new();
    let node = node::id(data.path())?;
    let here = Here::new(control.clone(), node);
    let agents = Agents::default();
    if conf.has(NodeRole::Agent) {
        let agent = start_agent(&conf, &here, &plugins, &approvals, &tasks, &stop).await?;
        let streams = GuardedStreams::new(
            Arc::clone(&agent) as Arc<dyn SessionStreams>,
            control.own_zone(),
            here.caller(NodeRole::ConnectionProxy),
        );
        agents.insert(node, Arc::new(streams));
        control.register_agent(node, Arc::new(GuardedAgent::new(agent, here.caller(NodeRole::WebApp))));
    }

    let tickets = signer.verifier();
    let mut proxy = None;
    if conf.has(NodeRole::ConnectionProxy) {
        let proxy_conf = ProxyConf {
            control: here.control(NodeRole::ConnectionProxy),
            plugins: Arc::clone(&plugins),
            tickets: tickets.clone(),
            agents: agents.clone(),
            clipboard_max_bytes: u32::try_from(conf.clipboard_max_bytes)?,
            spool: spool(&conf, &data)?,
        };
        let started = ConnectionProxy::start(proxy_conf, &tasks, stop.clone());
        control.register_proxy(Arc::new(GuardedProxy::new(
            Arc::new(started.clone()),
            here.caller(NodeRole::WebApp),
        )));
        proxy = Some(started);
    }
    let recovered = control.recover().await.context("sessions can't be recovered")?;
    if recovered > 0 {
        tracing::info!(sessions = recovered, "Sessions of the last run are being finished");
    }

    let ticket_key = *signer.public_key();
    let web_app = WebApp::new(
        control.clone(),
        signer,
        WebAppConf {
            public_origin: conf.public_url.clone(),
            web_dist: conf.web_dist.clone(),
            ..WebAppConf::default()
        },
    )
    .await?;
    let web_app = gatewright_web_app::app(web_app);
    let router = proxy.as_ref().map(ConnectionProxy::routes);
    let mut others = None;
    if let Some(listen) = conf.rpc_listen {
        let serving = Serving {
            listen,
            web_app: web_app.clone(),
            router: router.clone(),
            agents,
            tickets: tickets.clone(),
            ticket_key,
        };
        others = Some(here.open(&conf, serving, &tasks, &stop).await?);
    }

    let mut edge = None;
    if conf.has(NodeRole::DedicatedProxy) {
        let router = match (router, &others) {
            (Some(router), Some(others)) => {
                let away = others.upstream(NodeRole::ConnectionProxy, &tasks, &stop);
                away.routes_beside(router, control.own_zone())
            }
            (Some(router), None) => router,
            (None, Some(others)) => others.upstream(NodeRole::ConnectionProxy, &tasks, &stop).routes(),
            (None, None) => anyhow::bail!("an edge needs a connection-proxy: in this process, or joined over rpc.listen"),
        };
        let (certificate, authority) = certificate(&conf, &data, &tasks, stop.clone())?;
        let configured = Edge {
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
                web_app: Upstream::Local(web_app),
                router: Upstream::Local(router),
            },
        };
        let bound = configured.bind(stop.clone()).await?;
        let address = bound.addrs.first().context("the edge listens nowhere")?.port();
        edge = Some((tasks.spawn(bound.serve), address, authority));
    }

    if tokio::time::timeout(FIRST_SIGN, up(&conf, &control, proxy.as_ref(), node, began))
        .await
        .is_err()
    {
        tracing::warn!("The node is not ready yet: sessions can't be launched until its engine answers");
    }
    let ended = match edge {
        Some((serving, port, authority)) => {
            print(&welcome(&conf, &data, port, authority).text())?;
            serving.await.context("the edge failed")
        }
        None => {
            let reached = others
                .as_ref()
                .map_or("no other node: rpc.listen is not set", |others| others.address.as_str());
            print(&format!("Serving web-app, reached by {reached}\n"))?;
            stop.cancelled().await;
            Ok(())
        }
    };
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    control.shutdown().await;
    ended
}

/// Starts this process's own agent.
async fn start_agent(
    conf: &Conf,
    here: &Here,
    plugins: &Arc<PluginHost>,
    approvals: &std::collections::BTreeMap<gatewright_core::plugin::PluginName, Approved>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<Arc<Agent>> {
    let slots = Arc::new(PluginSlots::new());
    let deployment = here.plane.deployment_id().await.context("the deployment has no id")?;
    let agent = Arc::new(Agent::open(agent_config(conf, here.node, deployment), Arc::clone(&slots))?);
    let runtime = conf.agent.runtime.clone();
    let control = here.control(NodeRole::Agent);
    tasks.spawn(follow_runtime_plugin(
        runtime.clone(),
        Arc::clone(&control),
        Arc::clone(plugins),
        approvals.get(&runtime).cloned().unwrap_or_default(),
        Arc::clone(&slots),
        stop.clone(),
    ));
    // The agent's first sign of life is to tell of its engine, not of a plugin that is on its way.
    let loaded = async {
        while slots.get(&runtime).is_none() {
            tokio::time::sleep(PLUGIN_CHECK).await;
        }
    };
    if tokio::time::timeout(FIRST_SIGN, loaded).await.is_err() {
        tracing::warn!(plugin = %runtime, "The runtime plugin is not there: upload and activate it on Plugins");
    }
    let (running, ended) = (Arc::clone(&agent), stop.clone());
    tasks.spawn(async move { running.run(control, ended).await });
    Ok(agent)
}

/// The box.
pub(crate) fn welcome(conf: &Conf, data: &DataDir, port: u16, authority: Option<Authority>) -> Welcome {
    Welcome {
        address: conf
            .public_url
            .as_ref()
            .map_or_else(|| format!("https://localhost:{port}"), ToString::to_string),
        passwords: first_login::read(data.path()),
        authority,
        dev_folder: conf.dev.then(|| data.join("plugins").display().to_string()),
    }
}

/// Waits until a launch can succeed: the node has reported, and the proxy knows the policy.
async fn up(conf: &Conf, control: &ControlPlane, proxy: Option<&ConnectionProxy>, node: NodeId, began: Timestamp) {
    if let Some(proxy) = proxy {
        proxy.ready().await;
    }
    if conf.has(NodeRole::Agent) {
        control.wait_for_node(node, began).await;
    }
}

fn print_conf(conf: &Conf) -> anyhow::Result<()> {
    let text = toml::to_string(conf).context("the configuration can't be printed")?;
    print(&format!("# Configuration in force\n{text}\n"))
}

pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("standard output can't be written")
}

/// Where held files wait.
pub(crate) fn spool(conf: &Conf, data: &DataDir) -> anyhow::Result<Spool> {
    Spool::open(data.join("spool"), conf.file_spool_bytes).context("the spool can't be used")
}

fn folder(data: &DataDir, name: &str) -> anyhow::Result<std::path::PathBuf> {
    let path = data.join(name);
    std::fs::create_dir_all(&path).with_context(|| format!("{} can't be made", path.display()))?;
    Ok(path)
}

pub(crate) fn plugin_host(data: &DataDir) -> anyhow::Result<Arc<PluginHost>> {
    let this = std::env::current_exe().context("this program's own file can't be found")?;
    let config = HostConfig {
        compiler: vec![this.into_os_string(), "compile-component".into()],
        cache_dir: data.join("cache").join("plugins"),
    };
    Ok(Arc::new(PluginHost::new(config).context("plugins can't be run")?))
}

fn control_config(conf: &Conf, data: &DataDir, hooks: Arc<dyn SagaHooks>) -> anyhow::Result<ControlConfig> {
    let watched_plugins = if conf.dev { Some(folder(data, "plugins")?) } else { None };
    Ok(ControlConfig {
        database: conf.database.clone(),
        master_key: conf.master_key_file.clone(),
        first_plugins: conf.bundled_plugins.clone(),
        watched_plugins,
        ready_timeout: conf.launch_timeout,
        sessions_per_user: conf.sessions_per_user,
        session_limits: session_limits(conf),
        hooks,
        ..ControlConfig::in_folder(data.path())
    })
}

fn session_limits(conf: &Conf) -> SessionLimits {
    let some = |secs: u64| (secs > 0).then(|| Duration::from_secs(secs));
    let limits = SessionLimits {
        unattended: some(conf.session_unattended_secs),
        idle: some(conf.session_idle_secs),
        longest: some(conf.session_longest_secs),
        paused: some(conf.session_paused_secs),
        warnings: conf.session_warnings_secs.iter().copied().map(Duration::from_secs).collect(),
        ..SessionLimits::default()
    };
    let all = [limits.unattended, limits.idle, limits.longest, limits.paused];
    // Limits of seconds are looked at more often than those of hours.
    let shortest = all.into_iter().flatten().min().unwrap_or(limits.every);
    SessionLimits {
        every: limits.every.min(shortest / 8).max(LIMITS_AT_MOST_EVERY),
        ..limits
    }
}

pub(crate) fn agent_config(conf: &Conf, node: NodeId, deployment: String) -> AgentConfig {
    AgentConfig {
        node,
        name: conf.agent.name.clone(),
        deployment,
        data_dir: conf.data_dir.clone(),
        engine: conf.agent.engine.clone(),
        language: match conf.agent.dialect {
            DialectFile::Other => EngineLanguage::Other(conf.agent.allow.clone().into()),
            DialectFile::Docker => EngineLanguage::Docker,
            DialectFile::Libpod => EngineLanguage::Libpod,
        },
        engine_data_dir: conf.agent.engine_data_dir.clone(),
        runtime: conf.agent.runtime.clone(),
        runtime_config: "{}".into(),
        reserve: Reserve {
            cpu_millicores: 0,
            memory_bytes: conf.agent.memory_reserve_bytes,
            disk_bytes: conf.agent.disk_reserve_bytes,
        },
        max_sessions: conf.agent.max_sessions,
        cpu_overcommit: conf.agent.cpu_overcommit,
        accept_unenforced: conf.agent.accept_unenforced.iter().copied().map(Into::into).collect(),
        network: conf.agent.network.clone(),
        devices: conf.agent.devices.clone(),
        labels: conf.agent.labels.clone(),
        heartbeat: HEARTBEAT,
    }
}

pub(crate) type Certificate = (Arc<CertificateResolver>, Option<Authority>);

/// The operator's certificate, or one of our own authority that is renewed in time.
pub(crate) fn certificate(conf: &Conf, data: &DataDir, tasks: &TaskTracker, stop: CancellationToken) -> anyhow::Result<Certificate> {
    if let Some((chain, key)) = &conf.certificate {
        let certificate = ServerCertificate::from_pem_files(chain, key, SystemTime::now())
            .with_context(|| format!("certificate {} and key {}", chain.display(), key.display()))?;
        return Ok((CertificateResolver::new(certificate), None));
    }
    let folder = folder(data, "public-ca")?;
    let ca = PublicCa::open(&folder, SystemTime::now()).context("the certificate authority can't be opened")?;
    let host = conf
        .public_url
        .as_ref()
        .and_then(|url| url.as_str().strip_prefix("https://"))
        .map(without_port);
    let names = PublicNames::of_this_machine(host)?;
    let resolver = CertificateResolver::new(ca.server_certificate(&names, SystemTime::now())?);
    let authority = Authority {
        fingerprint: ca.fingerprint().to_string(),
        certificate_file: shown(&ca.certificate_path()),
    };
    let renewed = Arc::clone(&resolver);
    tasks.spawn(async move {
        while stop.run_until_cancelled(tokio::time::sleep(CERTIFICATE_CHECK)).await.is_some() {
            if renewed.current().needs_renewal(SystemTime::now()) {
                match ca.server_certificate(&names, SystemTime::now()) {
                    Ok(certificate) => renewed.replace(certificate),
                    Err(error) => tracing::error!(%error, "The public certificate could not be renewed"),
                }
            }
        }
    });
    Ok((resolver, Some(authority)))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// `host:8443` without its port; an IPv6 address keeps its colons and loses its brackets.
fn without_port(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    authority.split(':').next().unwrap_or(authority)
}
