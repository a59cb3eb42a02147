//! Benchmarks: each figure beside its bare counterpart of the same run. Machines are noisy, so ratios count.
//!
//! The figures and what they are to reach are in DESIGN terms: p99 of a placement and of a clipboard verdict, a swap under
//! load, a session's start, and what the relay adds to a desktop.
#![forbid(unsafe_code)]

mod bare;
mod client;
mod control;
mod crowd;
mod figures;
mod files;
mod ground;
mod plugins;
mod process;
mod relay;
mod start;
mod streams;
mod swap;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::figures::Figures;

#[derive(Debug, Parser)]
struct Arguments {
    /// Write the figures as one flat JSON object.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Only what begins with this: plugins, files, streams, control, swap, start, relay.
    #[arg(long)]
    only: Option<String>,
}

fn main() -> ExitCode {
    // The benchmark is its own compiler process, as the product is.
    if std::env::args().nth(1).as_deref() == Some("compile-component") {
        return gatewright_plugin_host::compile_child_main();
    }
    // And the agents that it simulates.
    let simulating = std::env::args().nth(1).as_deref() == Some(control::COMMAND);
    let work = async {
        if simulating {
            control::child().await
        } else {
            run(&Arguments::parse()).await
        }
    };
    match tokio::runtime::Runtime::new()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(work))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut figures = Figures::default();
    let wanted = |name: &str| arguments.only.as_deref().is_none_or(|only| name.starts_with(only));
    if wanted("plugins") {
        plugins::measure(&mut figures).await?;
    }
    if wanted("files") {
        files::measure(&mut figures).await?;
    }
    if wanted("streams") {
        streams::measure(&mut figures).await?;
    }
    if wanted("control") {
        control::measure(&mut figures).await?;
    }
    if wanted("swap") {
        swap::measure(&mut figures).await?;
    }
    if wanted("start") {
        start::measure(&mut figures).await?;
    }
    if wanted("relay") {
        relay::measure(&mut figures).await?;
    }
    print!("{}", figures.table());
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&figures.json())? + "\n")?;
    }
    Ok(())
}
