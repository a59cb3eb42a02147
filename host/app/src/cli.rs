//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use gatewright_core::{NodeId, NodeRole};

use crate::conf::{Conf, ConfFile, Overrides};

/// Workspaces in a browser, with a programmable gate on every path.
#[derive(Debug, Parser)]
#[command(name = "gatewright", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the roles: all in this process, or those of `--roles`.
    Serve(ServeArgs),
    /// Make this machine a node of another machine's web-app, with a token of `node add`.
    Join(JoinArgs),
    /// Tokens for new nodes, and the nodes there are. Runs beside the web-app, on its data folder.
    Node(NodeArgs),
    /// Print the JSON Schema of the configuration file.
    ConfigSchema,
    /// Compile a plugin read from standard input (the host starts itself this way, with limits).
    #[command(hide = true)]
    CompileComponent,
}

/// Flags of `serve`. Each goes before the environment, the file and the default.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The roles of this process, separated by commas: web-app, agent, connection-proxy, dedicated-proxy. Default: all.
    #[arg(long, env = "GATEWRIGHT_ROLES", value_delimiter = ',')]
    pub roles: Option<Vec<NodeRole>>,
    /// Where to listen for other nodes. Port 0 takes a free one.
    #[arg(long, env = "GATEWRIGHT_RPC_LISTEN")]
    pub rpc_listen: Option<String>,
    /// The `host:port` under which other nodes reach this one.
    #[arg(long, env = "GATEWRIGHT_RPC_ADVERTISE")]
    pub rpc_advertise: Option<String>,
    /// The configuration file (TOML). Without it: defaults.
    #[arg(long, env = "GATEWRIGHT_CONFIG")]
    pub config: Option<PathBuf>,
    /// The folder for database, keys and session folders.
    #[arg(long, env = "GATEWRIGHT_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// The address and port of the HTTPS listener. Port 0 takes a free one.
    #[arg(long, env = "GATEWRIGHT_LISTEN")]
    pub listen: Option<String>,
    /// The address that people type.
    #[arg(long, env = "GATEWRIGHT_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Watch `<data-dir>/plugins`: what is dropped there is uploaded and activated at once. Never in production.
    #[arg(long)]
    pub dev: bool,
    /// What to log, as in `info,gatewright_gate=debug`.
    #[arg(long, env = "GATEWRIGHT_LOG", default_value = "info")]
    pub log: String,
    /// Log lines as JSON.
    #[arg(long, env = "GATEWRIGHT_LOG_JSON")]
    pub log_json: bool,
    /// The engine's socket (`unix:///var/run/docker.sock`).
    #[arg(long, env = "GATEWRIGHT_DOCKER_HOST")]
    pub engine: Option<String>,
    /// The folder with the plugins that a first start installs.
    #[arg(long, env = "GATEWRIGHT_GUESTS_DIR")]
    pub bundled_plugins: Option<PathBuf>,
    /// Serve the web UI from this folder instead of from the binary.
    #[arg(long, env = "GATEWRIGHT_WEB_DIST")]
    pub web_dist: Option<PathBuf>,
}

impl ServeArgs {
    /// Reads the file and puts flags and environment over it.
    ///
    /// # Errors
    /// What can't be read or can't be.
    pub fn conf(&self) -> anyhow::Result<Conf> {
        let file = self.config.as_deref().map(ConfFile::read).transpose()?.unwrap_or_default();
        Conf::new(
            file,
            Overrides {
                roles: self.roles.clone(),
                rpc_listen: self.rpc_listen.clone(),
                rpc_advertise: self.rpc_advertise.clone(),
                data_dir: self.data_dir.clone(),
                listen: self.listen.clone(),
                public_url: self.public_url.clone(),
                dev: self.dev,
                engine: self.engine.clone(),
                bundled_plugins: self.bundled_plugins.clone(),
                web_dist: self.web_dist.clone(),
            },
        )
    }
}

/// Flags of `join`.
#[derive(Debug, Args)]
pub struct JoinArgs {
    /// Where a web-app listens for other nodes, `host:port`; several separated by commas.
    #[arg(long, value_delimiter = ',', required = true)]
    pub web_app: Vec<String>,
    /// The token. Better given by environment: a command line is seen by every user of the machine.
    #[arg(long, env = "GATEWRIGHT_JOIN_TOKEN", hide_env_values = true)]
    pub token: String,
    /// Shown name. Default: the host's name.
    #[arg(long)]
    pub name: Option<String>,
    /// The configuration file (TOML), for its data folder.
    #[arg(long, env = "GATEWRIGHT_CONFIG")]
    pub config: Option<PathBuf>,
    /// The folder for keys and session folders.
    #[arg(long, env = "GATEWRIGHT_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Flags of `node`.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: NodeCommand,
    /// The configuration file (TOML), for its data folder.
    #[arg(long, env = "GATEWRIGHT_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    /// The web-app's data folder.
    #[arg(long, env = "GATEWRIGHT_DATA_DIR", global = true)]
    pub data_dir: Option<PathBuf>,
}

/// What `node` does.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Make a token, and print the command that uses it.
    Add {
        /// What the machine becomes; several separated by commas.
        #[arg(long, value_delimiter = ',', required = true)]
        role: Vec<NodeRole>,
        /// Its zone, made where it is missing.
        #[arg(long, default_value = "default")]
        zone: String,
        /// How many machines may use the token.
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// For how many hours.
        #[arg(long, default_value_t = 24)]
        hours: u32,
    },
    /// List the nodes.
    List,
    /// Cut a node off for good.
    Remove {
        /// Its id, as `list` shows it.
        node: NodeId,
    },
}

/// The configuration, as far as other commands than `serve` need it.
///
/// # Errors
/// What can't be read or can't be.
pub fn conf_of(config: Option<&std::path::Path>, data_dir: Option<PathBuf>) -> anyhow::Result<Conf> {
    let file = config.map(ConfFile::read).transpose()?.unwrap_or_default();
    Conf::new(
        file,
        Overrides {
            data_dir,
            ..Overrides::default()
        },
    )
}
