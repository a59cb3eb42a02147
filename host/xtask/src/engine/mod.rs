//! The container engines that images are built on and tests run against.

mod docker;
mod podman;
mod server;

pub(crate) use docker::{Engine, Preference, any_answers};
pub(crate) use podman::Podman;

use crate::process::Run;

/// An engine with a command line: Docker's and Podman's take the same words as far as they are used here.
pub(crate) trait CommandLine {
    /// The command line, talking to this engine.
    fn command(&self) -> Run;
}
