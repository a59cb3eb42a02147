//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
    /// Start the roles, all in this process.
    Serve(ServeArgs),
    /// Print the JSON Schema of the configuration file.
    ConfigSchema,
    /// Compile a plugin read from standard input (the host starts itself this way, with limits).
    #[command(hide = true)]
    CompileComponent,
}

/// Flags of `serve`. Each goes before the environment, the file and the default.
#[derive(Debug, Args)]
pub struct ServeArgs {
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
