//! Configuration: one TOML file, all of it optional. [`ConfFile`] is what may be written, [`Conf`] what is in force.
//!
//! Order: flag, environment, file, default. Everything is checked before a port is bound. No field is live: a change
//! needs a restart, unless its documentation says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use gatewright_control::{PostgresAddress, StoreAddress};
use gatewright_core::NodeRole;
use gatewright_core::plugin::PluginName;
use gatewright_identity::PublicOrigin;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::agent_conf::{AgentConf, AgentFile};

/// The runtime plugins that come with the product.
pub(crate) const DOCKER: &str = "runtime-docker";
pub(crate) const PODMAN: &str = "runtime-podman";

/// The configuration file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConfFile {
    /// The roles of this process: `web-app`, `agent`, `connection-proxy`, `dedicated-proxy`. Default: all of them, or on a machine
    /// that has joined, those that it joined with.
    #[schemars(with = "Option<Vec<String>>")]
    pub roles: Option<Vec<NodeRole>>,
    /// The port for other nodes.
    pub rpc: RpcFile,
    /// The public HTTPS port.
    pub dedicated_proxy: EdgeFile,
    /// The node of this process.
    pub agent: AgentFile,
    /// Where state is kept.
    pub store: StoreFile,
    /// The operator's own certificate.
    pub tls: TlsFile,
    /// Bounds.
    pub limits: LimitsFile,
    /// What plugins are granted, by plugin name. A plugin gets what its manifest wants and this table gives.
    pub grants: BTreeMap<String, GrantFile>,
}

/// `[rpc]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RpcFile {
    /// Where a web-app or a connection-proxy listens for other nodes, such as `0.0.0.0:7443`. Default: a web-app does not.
    pub listen: Option<String>,
    /// Under which `host:port` other nodes reach it. Default: the address that it listens on, where that is one.
    pub advertise: Option<String>,
}

/// `[dedicated_proxy]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EdgeFile {
    /// Where to listen. Default `127.0.0.1:8443`: only this machine, until the operator says otherwise.
    pub listen: Option<String>,
    /// The address that people type, such as `https://desk.example.org`. Default: `https://localhost:<port>`.
    pub public_url: Option<String>,
}

/// `[store]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreFile {
    /// The folder for database, keys and session folders. Default `/var/lib/gatewright`.
    pub data_dir: Option<PathBuf>,
    /// A PostgreSQL database that several web-apps may share: `postgres://user:password@host:port/database`. Default: the SQLite
    /// file `<data_dir>/gatewright.db`. A server on another machine has to prove who it is by TLS: `sslmode=verify-full` and the
    /// public authorities, unless `?sslmode=` or `?sslrootcert=/file.pem` say otherwise.
    #[serde(skip_serializing)]
    pub url: Option<DatabaseUrl>,
    /// The same, in a file of its own: it holds a password.
    pub url_file: Option<PathBuf>,
    /// The master key of the vault, kept outside the database and its backups. Default `<data_dir>/master.key`.
    pub master_key_file: Option<PathBuf>,
    /// The folder with the plugins that a first start installs. Default: beside the binary, then none.
    pub bundled_plugins: Option<PathBuf>,
}

/// An address that may hold a password, and is shown to nobody.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl")
    }
}

/// `[tls]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFile {
    /// PEM file with the certificate and its chain. Without it a certificate of our own authority is made.
    pub certificate_file: Option<PathBuf>,
    /// PEM file with the key.
    pub key_file: Option<PathBuf>,
}

/// `[limits]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsFile {
    /// How long running requests and streams may go on after a stop was asked for, in seconds. Default 10.
    pub drain_secs: Option<u64>,
    /// The largest clipboard text that is looked at, in bytes. Default 4 MiB; what is larger is denied unread.
    pub clipboard_max_bytes: Option<u64>,
    /// Disk for files that are held until their rules have seen them whole, in bytes, all sessions together. Default 4 GiB.
    pub file_spool_bytes: Option<u64>,
    /// How long a launch may wait for the desktop to answer, in seconds. Default 90.
    pub launch_timeout_secs: Option<u64>,
    /// Sessions at once for one person. Default 8.
    pub sessions_per_user: Option<u32>,
    /// How long a session lives with nobody connected, in seconds; 0 for ever. Default 1800.
    pub session_unattended_secs: Option<u64>,
    /// How long a session lives while nothing is typed or clicked in it, in seconds; 0 for ever. Default 0.
    pub session_idle_secs: Option<u64>,
    /// How long a session lives at the most, in seconds; 0 for ever. Default 0.
    pub session_longest_secs: Option<u64>,
    /// How long a session may be paused, in seconds; 0 for ever. Default 86400.
    pub session_paused_secs: Option<u64>,
    /// How long before a session's end whoever is connected is warned, in seconds. Default 600 and 60.
    pub session_warnings_secs: Option<Vec<u64>>,
}

/// `[grants.<plugin>]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GrantFile {
    /// The endpoints that it may name.
    pub http: Vec<String>,
}

/// The configuration in force.
#[derive(Debug, Clone, Serialize)]
pub struct Conf {
    /// The roles of this process; none: all, or those that it joined with.
    pub roles: Option<BTreeSet<NodeRole>>,
    /// Where this process listens for other nodes.
    pub rpc_listen: Option<SocketAddr>,
    /// Under which address they reach it.
    pub rpc_advertise: Option<String>,
    /// Where the edge listens.
    pub listen: SocketAddr,
    /// The address that people type; none: from the port that was bound.
    #[serde(serialize_with = "shown")]
    pub public_url: Option<PublicOrigin>,
    /// The node.
    pub agent: AgentConf,
    /// The folder for everything.
    pub data_dir: PathBuf,
    /// The database, shown without its password.
    #[serde(serialize_with = "displayed")]
    pub database: StoreAddress,
    /// The vault's master key.
    pub master_key_file: PathBuf,
    /// The plugins that a first start installs.
    pub bundled_plugins: Option<PathBuf>,
    /// The operator's certificate and key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// After a stop was asked for.
    #[serde(serialize_with = "secs")]
    pub drain: Duration,
    /// The largest clipboard text that is looked at, in bytes.
    pub clipboard_max_bytes: usize,
    /// Disk for files that are held, in bytes.
    pub file_spool_bytes: u64,
    /// A launch's wait for the desktop.
    #[serde(serialize_with = "secs")]
    pub launch_timeout: Duration,
    /// Sessions at once for one person.
    pub sessions_per_user: u32,
    /// With nobody connected, in seconds; 0: for ever.
    pub session_unattended_secs: u64,
    /// While nothing is typed or clicked, in seconds; 0: for ever.
    pub session_idle_secs: u64,
    /// At the most, in seconds; 0: for ever.
    pub session_longest_secs: u64,
    /// Paused, in seconds; 0: for ever.
    pub session_paused_secs: u64,
    /// Before the end of a session, in seconds.
    pub session_warnings_secs: Vec<u64>,
    /// Endpoints granted, by plugin.
    pub grants: BTreeMap<PluginName, Vec<String>>,
    /// Plugins dropped into `<data_dir>/plugins` become active at once.
    pub dev: bool,
    /// Serve the web UI's files from this folder instead of those in the binary.
    pub web_dist: Option<PathBuf>,
}

/// What flags and environment say.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--roles`
    pub roles: Option<Vec<NodeRole>>,
    /// `--rpc-listen`
    pub rpc_listen: Option<String>,
    /// `--rpc-advertise`
    pub rpc_advertise: Option<String>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--public-url`
    pub public_url: Option<String>,
    /// `--dev`
    pub dev: bool,
    /// `GATEWRIGHT_DOCKER_HOST`
    pub engine: Option<String>,
    /// `GATEWRIGHT_GUESTS_DIR`
    pub bundled_plugins: Option<PathBuf>,
    /// `GATEWRIGHT_WEB_DIST`
    pub web_dist: Option<PathBuf>,
}

impl ConfFile {
    /// Reads the file.
    ///
    /// # Errors
    /// Where it can't be read, is no TOML, or has a field that we do not know.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("configuration file {} can't be read", path.display()))?;
        toml::from_str(&text).with_context(|| format!("configuration file {} is not valid", path.display()))
    }
}

impl Conf {
    /// Checks and completes.
    ///
    /// # Errors
    /// The first value that can't be.
    pub fn new(file: ConfFile, flags: Overrides) -> anyhow::Result<Self> {
        let listen = flags
            .listen
            .or(file.dedicated_proxy.listen)
            .unwrap_or_else(|| "127.0.0.1:8443".into());
        let listen = listen
            .parse()
            .with_context(|| format!("dedicated_proxy.listen {listen:?} is not an address with a port"))?;
        let public_url = flags
            .public_url
            .or(file.dedicated_proxy.public_url)
            .map(|url| url.parse())
            .transpose()
            .context("dedicated_proxy.public_url")?;
        let data_dir = flags
            .data_dir
            .or(file.store.data_dir)
            .unwrap_or_else(|| "/var/lib/gatewright".into());
        let data_dir =
            std::path::absolute(&data_dir).with_context(|| format!("store.data_dir {} is no usable path", data_dir.display()))?;
        let certificate = match (file.tls.certificate_file, file.tls.key_file) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => bail!("tls.certificate_file and tls.key_file go together: give both or none"),
        };
        let grants = grants(file.grants)?;
        let clipboard_max_bytes = file.limits.clipboard_max_bytes.unwrap_or(4 << 20);
        ensure!(
            (1024..=64 << 20).contains(&clipboard_max_bytes),
            "limits.clipboard_max_bytes must lie between 1 KiB and 64 MiB"
        );
        let roles = flags.roles.or(file.roles).map(|roles| roles.into_iter().collect::<BTreeSet<_>>());
        ensure!(!roles.as_ref().is_some_and(BTreeSet::is_empty), "roles must name one role at least");
        let rpc_listen = flags.rpc_listen.or(file.rpc.listen);
        let rpc_listen = rpc_listen
            .map(|text| {
                text.parse()
                    .with_context(|| format!("rpc.listen {text:?} is not an address with a port"))
            })
            .transpose()?;
        Ok(Self {
            roles,
            rpc_listen,
            rpc_advertise: flags.rpc_advertise.or(file.rpc.advertise),
            listen,
            public_url,
            agent: AgentConf::new(file.agent, flags.engine)?,
            database: database(file.store.url, file.store.url_file.as_deref(), &data_dir)?,
            master_key_file: file.store.master_key_file.unwrap_or_else(|| data_dir.join("master.key")),
            bundled_plugins: flags.bundled_plugins.or(file.store.bundled_plugins),
            data_dir,
            certificate,
            drain: Duration::from_secs(file.limits.drain_secs.unwrap_or(10)),
            clipboard_max_bytes: usize::try_from(clipboard_max_bytes)?,
            file_spool_bytes: file.limits.file_spool_bytes.unwrap_or(4 << 30),
            launch_timeout: Duration::from_secs(file.limits.launch_timeout_secs.unwrap_or(90)),
            sessions_per_user: file.limits.sessions_per_user.unwrap_or(8),
            session_unattended_secs: file.limits.session_unattended_secs.unwrap_or(1800),
            session_idle_secs: file.limits.session_idle_secs.unwrap_or(0),
            session_longest_secs: file.limits.session_longest_secs.unwrap_or(0),
            session_paused_secs: file.limits.session_paused_secs.unwrap_or(86_400),
            session_warnings_secs: file.limits.session_warnings_secs.unwrap_or_else(|| vec![600, 60]),
            grants,
            dev: flags.dev,
            web_dist: flags.web_dist,
        })
    }
}

impl Conf {
    /// Whether this process has a role. Without a list it has all.
    #[must_use]
    pub fn has(&self, role: NodeRole) -> bool {
        self.roles.as_ref().is_none_or(|roles| roles.contains(&role))
    }

    /// Under which address other nodes reach what is bound to `addrs`.
    ///
    /// # Errors
    /// Where that is every address of this machine, and none was given.
    pub fn advertised(&self, addrs: &[SocketAddr]) -> anyhow::Result<String> {
        if let Some(address) = &self.rpc_advertise {
            return Ok(address.clone());
        }
        let bound = addrs.first().context("nothing is bound for other nodes")?;
        ensure!(
            !bound.ip().is_unspecified(),
            "rpc.advertise is missing: rpc.listen {bound} is every address of this machine, and other nodes need one"
        );
        Ok(bound.to_string())
    }
}

fn grants(file: BTreeMap<String, GrantFile>) -> anyhow::Result<BTreeMap<PluginName, Vec<String>>> {
    let mut grants = file
        .into_iter()
        .map(|(name, grant)| {
            let plugin = name.parse().with_context(|| format!("grants.{name}"))?;
            Ok((plugin, grant.http))
        })
        .collect::<anyhow::Result<BTreeMap<PluginName, Vec<String>>>>()?;
    // The bundled runtimes are of no use without their engine; an operator who wants that writes an empty grant.
    for runtime in [DOCKER, PODMAN] {
        grants.entry(runtime.parse()?).or_insert_with(|| vec!["engine".into()]);
    }
    Ok(grants)
}

/// The database that the file names. No message repeats what was written: it may hold a password.
fn database(url: Option<DatabaseUrl>, url_file: Option<&Path>, data_dir: &Path) -> anyhow::Result<StoreAddress> {
    let (url, field) = match (url, url_file) {
        (Some(_), Some(_)) => bail!("store.url and store.url_file say the same: give one of them"),
        (None, None) => return Ok(data_dir.join("gatewright.db").into()),
        (Some(url), None) => (SecretString::from(url.0), "store.url"),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("store.url_file {} can't be read", path.display()))?;
            (SecretString::from(text), "store.url_file")
        }
    };
    Ok(StoreAddress::Postgres(PostgresAddress::parse(&url).context(field)?))
}

fn displayed<S: serde::Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn secs<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

fn shown<S: serde::Serializer>(url: &Option<PublicOrigin>, serializer: S) -> Result<S::Ok, S::Error> {
    url.as_ref().map(PublicOrigin::as_str).serialize(serializer)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::agent_conf::DialectFile;

    fn conf(text: &str) -> anyhow::Result<Conf> {
        Conf::new(toml::from_str(text)?, Overrides::default())
    }

    #[test]
    fn an_empty_file_is_a_whole_configuration() {
        let conf = conf("").unwrap();
        assert_eq!(conf.listen.to_string(), "127.0.0.1:8443");
        assert_eq!(conf.agent.engine, PathBuf::from("/var/run/docker.sock"));
        assert_eq!(conf.grants.values().next().unwrap(), &vec!["engine".to_owned()]);
    }

    #[test]
    fn a_runtime_brings_its_engine_and_its_language() {
        let podman = conf("[agent]\nruntime = 'runtime-podman'").unwrap().agent;
        assert_eq!(podman.engine, PathBuf::from("/run/podman/podman.sock"));
        assert_eq!(podman.dialect, DialectFile::Libpod);
        let own = conf("[agent]\nruntime = 'runtime-own'\nengine = 'unix:///x'\ndialect = 'libpod'")
            .unwrap()
            .agent;
        assert_eq!((own.engine, own.dialect), (PathBuf::from("/x"), DialectFile::Libpod));
        assert_eq!(conf("").unwrap().agent.dialect, DialectFile::Docker);
        let other = "[agent]\nruntime = 'runtime-own'\nengine = 'unix:///x'\ndialect = 'other'\n";
        assert_eq!(conf(&format!("{other}allow = ['GET /v1/boxes/*']")).unwrap().agent.allow.len(), 1);
        for bad in [
            other.to_owned(),
            format!("{other}allow = ['GET']"),
            "[agent]\nallow = ['GET /v1/boxes']".to_owned(),
        ] {
            assert!(conf(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn flags_go_before_the_file() {
        let file = toml::from_str("[store]\ndata_dir = '/a'\n[dedicated_proxy]\nlisten = '0.0.0.0:1'").unwrap();
        let flags = Overrides {
            data_dir: Some("/b".into()),
            ..Overrides::default()
        };
        let conf = Conf::new(file, flags).unwrap();
        assert_eq!(conf.data_dir, PathBuf::from("/b"));
        assert_eq!(conf.listen.to_string(), "0.0.0.0:1");
    }

    #[test]
    fn a_database_is_named_without_its_password() {
        let conf = conf("[store]\nurl = 'postgres://gate:s3cret@db.example.org/desk'").unwrap();
        let shown = toml::to_string(&conf).unwrap();
        assert!(shown.contains("database = \"postgres://gate@db.example.org:5432/desk\""), "{shown}");
        assert!(!format!("{shown}{conf:?}").contains("s3cret"));
        let error = format!(
            "{:#}",
            super::tests::conf("[store]\nurl = 'mysql://gate:s3cret@db/desk'").unwrap_err()
        );
        assert!(error.contains("store.url") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn what_can_not_be_is_named() {
        for (text, says) in [
            ("[dedicated_proxy]\nlisten = 'here'", "listen"),
            ("[dedicated_proxy]\npublic_url = 'http://x'", "public_url"),
            ("[dedicated_proxy]\npublic_url = 'https://x/path'", "public_url"),
            ("[tls]\ncertificate_file = 'a'", "go together"),
            ("[agent]\nengine = 'tcp://1.2.3.4:5'", "unix://"),
            ("[agent]\naccept_unenforced = ['shm']", "shm"),
            ("[agent]\ncpu_overcommit = 0.0", "cpu_overcommit"),
            ("[grants.'No Name']", "No Name"),
            ("[limits]\nclipboard_max_bytes = 1", "clipboard_max_bytes"),
            ("[limits]\nunknown = 1", "unknown"),
            ("[store]\nurl = 'postgres://a/b'\nurl_file = '/c'", "give one"),
            ("[store]\nurl_file = '/no/such/file'", "store.url_file"),
        ] {
            let error = format!("{:#}", conf(text).unwrap_err());
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
