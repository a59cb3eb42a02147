//! `gatewright join`: a machine becomes a node, and what it keeps of that.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use gatewright_core::NodeRole;
use gatewright_identity::{JoinToken, LiveCredentials, NodeCredentials, NodeKey};
use gatewright_ports::Control;
use gatewright_ports::control::{Der, JoinRequest, Joined, RenewRequest, SecretText};
use tokio_util::sync::CancellationToken;

use crate::conf::Conf;
use crate::data_dir::DataDir;

/// How often a node looks whether its certificate is to be renewed, and tries again where that failed.
const LOOK: Duration = Duration::from_secs(300);
/// Where the web-apps were when last heard of, one address a line.
const WEB_APPS: &str = "web-apps";

/// The folder of a node's credentials.
pub(crate) fn folder(data: &DataDir) -> anyhow::Result<PathBuf> {
    let path = data.join("node");
    std::fs::create_dir_all(&path).with_context(|| format!("{} can't be made", path.display()))?;
    Ok(path)
}

/// Joins with a token, and keeps key, certificate and addresses in the data folder.
///
/// # Errors
/// A web-app that is not reached or not the token's, a token that is over, a folder that can't be written, and a node that
/// has joined before.
pub(crate) async fn join(data: &DataDir, web_apps: &[String], token: &str, name: String) -> anyhow::Result<NodeCredentials> {
    let folder = folder(data)?;
    if NodeCredentials::open(&folder)?.is_some_and(|held| held.not_after() > SystemTime::now().into()) {
        anyhow::bail!(
            "this data folder belongs to a node already: remove {} to join anew",
            folder.display()
        );
    }
    let token = JoinToken::parse(token)?;
    let key = NodeKey::generate()?;
    let request = JoinRequest {
        token: SecretText(token.text().into()),
        request: Der(key.request()?),
        name,
        address: None,
    };
    let mut last = anyhow::anyhow!("no web-app was named");
    for address in web_apps {
        match gatewright_rpc::join(address, &token, &request).await {
            Ok(joined) => {
                let credentials = credentials(&key, joined)?;
                credentials.store(&folder)?;
                keep_web_apps(&folder, web_apps)?;
                return Ok(credentials);
            }
            Err(error) => last = error.into(),
        }
    }
    Err(last.context("this machine could not join"))
}

/// The web-apps that were known last.
pub(crate) fn web_apps(folder: &Path) -> anyhow::Result<Vec<String>> {
    let path = folder.join(WEB_APPS);
    let text = std::fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))?;
    Ok(text.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect())
}

/// Remembers where the web-apps are.
pub(crate) fn keep_web_apps(folder: &Path, web_apps: &[String]) -> anyhow::Result<()> {
    let path = folder.join(WEB_APPS);
    let draft = folder.join("web-apps.new");
    std::fs::write(&draft, web_apps.join("\n") + "\n")
        .and_then(|()| std::fs::rename(&draft, &path))
        .with_context(|| format!("{} can't be written", path.display()))
}

fn credentials(key: &NodeKey, joined: Joined) -> anyhow::Result<NodeCredentials> {
    Ok(NodeCredentials::new(key, joined.certificate.0.into(), joined.authority.0.into())?)
}

/// Where a node is reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reached {
    /// By other nodes, `host:port`.
    pub(crate) address: Option<String>,
    /// By people: an edge's origin.
    pub(crate) public_url: Option<String>,
}

/// Where people reach a process with these roles: an edge that its operator gave a public address.
pub(crate) fn edge_url(conf: &Conf, roles: &BTreeSet<NodeRole>) -> Option<String> {
    let url = conf.public_url.as_ref().filter(|_| roles.contains(&NodeRole::DedicatedProxy));
    url.map(|url| url.as_str().to_owned())
}

/// Asks for a new certificate with a new key, and says where this node is reached.
pub(crate) async fn renew(control: &dyn Control, live: &LiveCredentials, folder: &Path, reached: Reached) -> anyhow::Result<()> {
    let held = live.current();
    let key = NodeKey::generate()?;
    let request = RenewRequest {
        request: Der(key.request()?),
        address: reached.address,
        public_url: reached.public_url,
    };
    let joined = control
        .renew(held.identity().node, request)
        .await
        .context("the certificate was not renewed")?;
    // Whoever answers is believed by the authority that this node has, not by a new one.
    anyhow::ensure!(joined.authority.0 == held.authority().as_ref(), "another authority answered");
    let renewed = credentials(&key, joined)?;
    anyhow::ensure!(renewed.identity().node == held.identity().node, "the certificate is another node's");
    renewed.store(folder)?;
    live.replace(renewed);
    Ok(())
}

/// Renews in time until `stop`.
pub(crate) async fn keep_renewed(
    control: Arc<dyn Control>,
    live: Arc<LiveCredentials>,
    folder: PathBuf,
    reached: Reached,
    stop: CancellationToken,
) {
    while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        if !live.current().needs_renewal(SystemTime::now()) {
            continue;
        }
        match renew(control.as_ref(), &live, &folder, reached.clone()).await {
            Ok(()) => tracing::info!("This node's certificate was renewed"),
            Err(error) => tracing::warn!(error = %format!("{error:#}"), "This node's certificate could not be renewed"),
        }
    }
}
