//! From the command line to an exit code.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use gatewright_control::SagaHooks;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::{Cli, Command, JoinArgs, NodeArgs, NodeCommand, ServeArgs, conf_of};
use crate::conf::ConfFile;
use crate::data_dir::DataDir;
use crate::{join, logging, node_command, serve};

/// Does what the command line asks for. What fails is printed once, with its causes.
#[must_use]
pub fn run(hooks: Arc<dyn SagaHooks>) -> ExitCode {
    let outcome = match Cli::parse().command {
        // Before any thread is started: it limits its own process.
        Command::CompileComponent => return gatewright_plugin_host::compile_child_main(),
        Command::ConfigSchema => print_schema(),
        Command::Serve(arguments) => start(&arguments, hooks),
        Command::Join(arguments) => joining(&arguments),
        Command::Node(arguments) => nodes(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; there is nobody left to tell then.
            drop(writeln!(std::io::stderr(), "gatewright: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn print_schema() -> anyhow::Result<()> {
    let schema = schemars::schema_for!(ConfFile);
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&schema)?)?;
    Ok(())
}

/// Every TLS user takes this provider; ring is linked too, so nothing may be left to chance.
fn install_tls() -> anyhow::Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another cryptography provider was installed before"))
}

fn joining(arguments: &JoinArgs) -> anyhow::Result<()> {
    install_tls()?;
    let conf = conf_of(arguments.config.as_deref(), arguments.data_dir.clone())?;
    let name = arguments.name.clone().unwrap_or_else(|| conf.agent.name.clone());
    let data = DataDir::take(&conf.data_dir)?;
    let joined = small_runtime()?.block_on(join::join(&data, &arguments.web_app, &arguments.token, name))?;
    let identity = joined.identity();
    let roles: Vec<&str> = identity.roles.iter().map(|role| role.as_str()).collect();
    writeln!(
        std::io::stdout(),
        "Joined as {} ({}). Start it with: gatewright serve",
        identity.node,
        roles.join(", ")
    )?;
    Ok(())
}

fn nodes(arguments: &NodeArgs) -> anyhow::Result<()> {
    let conf = conf_of(arguments.config.as_deref(), arguments.data_dir.clone())?;
    let text = small_runtime()?.block_on(async {
        match &arguments.command {
            NodeCommand::Add { role, zone, uses, hours } => {
                let roles = role.iter().copied().collect();
                node_command::add(&conf, roles, zone.clone(), *uses, *hours).await
            }
            NodeCommand::List => node_command::list(&conf).await,
            NodeCommand::Remove { node } => node_command::remove(&conf, *node).await,
        }
    })?;
    write!(std::io::stdout(), "{text}")?;
    Ok(())
}

fn small_runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")
}

fn start(arguments: &ServeArgs, hooks: Arc<dyn SagaHooks>) -> anyhow::Result<()> {
    logging::start(&arguments.log, arguments.log_json)?;
    let conf = arguments.conf()?;
    install_tls()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let mut term = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let on_signal = stop.clone();
        let serving = serve::serve(conf, hooks, stop);
        tokio::pin!(serving);
        loop {
            tokio::select! {
                outcome = &mut serving => return outcome,
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
            if on_signal.is_cancelled() {
                anyhow::bail!("stopped at once, since it was asked twice");
            }
            tracing::info!("Stopping: running requests are finished first. Ask again to stop at once");
            on_signal.cancel();
        }
    })
}
