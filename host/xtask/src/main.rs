//! The commands of this repository: `cargo xtask setup|run|test|bench|chaos|guests|images|web|postgres|tidy|fuzz`.

mod bench;
mod cache;
mod chaos;
mod cli;
mod deny;
mod engine;
mod fuzz;
mod guests;
mod images;
mod interrupt;
mod postgres;
mod process;
mod run;
mod servers;
mod setup;
mod steps;
mod test;
mod tidy;
mod tools;
mod wasm_toolchain;
mod web;
mod workspace;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match interrupt::watch().and_then(|()| cli.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
