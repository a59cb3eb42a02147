//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::chaos::Storm;
use crate::engine::{Engine, Podman, Preference};
use crate::postgres::Postgres;
use crate::process::Run;
use crate::setup::Purpose;
use crate::workspace::Workspace;
use crate::{bench, chaos, fuzz, guests, images, run, setup, test, tidy, web};

/// The commands of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install what `run` and `test` need and is not here yet
    Setup,
    /// Build everything and start the product; Ctrl-C ends it
    Run {
        /// Flags of `gatewright serve`, after `--`
        #[arg(last = true)]
        serve: Vec<String>,
    },
    /// Check, lint, build and test everything, against real engines and a real browser
    Test,
    /// Measure the product in its release build
    Bench {
        /// Write the figures to this file as one flat JSON object
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Flags of the benchmark, after `--`
        #[arg(last = true)]
        rest: Vec<String>,
    },
    /// Kill, cut off and fill up whatever the product stands on while people work, and see that nothing is lost
    Chaos {
        /// For how long, in minutes
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
        minutes: u64,
        /// How many sessions are open at once
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        sessions: u32,
        /// What chance begins with (default: another one each time)
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Build the plugins to `target/guests`
    Guests,
    /// Build the workspace images that are missing or out of date
    Images {
        /// Only these images (default: all)
        names: Vec<String>,
        /// Build from the newest Debian packages even when nothing changed here
        #[arg(long)]
        fresh: bool,
        /// Load them into Podman, which runs them as well, instead of Docker
        #[arg(long)]
        podman: bool,
    },
    /// Build the web UI when it is out of date
    Web,
    /// Start a PostgreSQL server, run a command that finds it in GATEWRIGHT_POSTGRES_URL, and stop it
    Postgres {
        /// The command, after `--`
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Check the rules of the house: tiers, sizes, lints, versions, words
    Tidy,
    /// Fuzz every protocol decoder (needs a nightly toolchain)
    Fuzz {
        /// For how long, each target
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
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
            Command::Setup => setup::run(Purpose::Test),
            Command::Run { serve } => run::run(&workspace, &serve),
            Command::Test => test::run(&workspace),
            Command::Bench { json, rest } => bench::run(&workspace, json.as_deref(), &rest),
            Command::Chaos { minutes, sessions, seed } => {
                setup::run(Purpose::Test)?;
                let duration = Duration::from_secs(minutes.saturating_mul(60));
                chaos::storm(&workspace, &Storm { duration, sessions, seed })
            }
            Command::Guests => guests::build_guests(&workspace),
            Command::Images {
                names,
                fresh,
                podman: false,
            } => {
                setup::run(Purpose::Images)?;
                images::build(&workspace, &Engine::obtain(Preference::Own)?, &names, fresh)
            }
            Command::Images {
                names,
                fresh,
                podman: true,
            } => {
                setup::run(Purpose::Test)?;
                images::build(&workspace, &Podman::obtain()?, &names, fresh)
            }
            Command::Web => web::build(&workspace),
            Command::Postgres { command } => {
                let server = Postgres::obtain()?;
                let (program, rest) = command.split_first().context("no command")?;
                server.known_to(Run::new(program)).args(rest).run()
            }
            Command::Tidy => tidy::run(&workspace),
            Command::Fuzz { seconds } => fuzz::run(&workspace, Duration::from_secs(seconds)),
        }
    }
}
