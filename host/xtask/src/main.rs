//! The commands of this repository: `cargo xtask setup|run|test|bench|guests|images|tidy|fuzz`.

mod cache;
mod cli;
mod engine;
mod guests;
mod images;
mod interrupt;
mod process;
mod setup;
mod wasm_toolchain;
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
