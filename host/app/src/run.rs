//! From the command line to an exit code.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use gatewright_control::SagaHooks;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::{Cli, Command, ServeArgs};
use crate::conf::ConfFile;
use crate::{logging, serve};

/// Does what the command line asks for. What fails is printed once, with its causes.
#[must_use]
pub fn run(hooks: Arc<dyn SagaHooks>) -> ExitCode {
    let outcome = match Cli::parse().command {
        // Before any thread is started: it limits its own process.
        Command::CompileComponent => return gatewright_plugin_host::compile_child_main(),
        Command::ConfigSchema => print_schema(),
        Command::Serve(arguments) => start(&arguments, hooks),
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

fn start(arguments: &ServeArgs, hooks: Arc<dyn SagaHooks>) -> anyhow::Result<()> {
    logging::start(&arguments.log, arguments.log_json)?;
    let conf = arguments.conf()?;
    // Every TLS user takes this provider; ring is linked too, so nothing may be left to chance.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another cryptography provider was installed before"))?;
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
