//! The command line.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{engine, guests, images, setup, workspace::Workspace};

/// The commands of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Installs what `run` and `test` need and is not here yet
    Setup,
    /// Builds the plugins of this repository into `target/guests`
    Guests,
    /// Builds the workspace images that are missing or out of date
    Images {
        /// Only these images (default: all)
        names: Vec<String>,
        /// Build from the newest Debian packages even when nothing changed here
        #[arg(long)]
        fresh: bool,
    },
}

impl Cli {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What went wrong, in words for the person at the terminal.
    pub(crate) fn run(self) -> Result<()> {
        let workspace = Workspace::locate()?;
        match self.command {
            Command::Setup => setup::run(setup::Purpose::Test),
            Command::Guests => guests::build_guests(&workspace),
            Command::Images { names, fresh } => {
                setup::run(setup::Purpose::Images)?;
                let engine = engine::Engine::obtain(engine::Preference::Own)?;
                images::build(&workspace, &engine, &names, fresh)
            }
        }
    }
}
