//! Runs workspaces on a Docker engine (API 1.41: version 20.10 or newer), through the endpoint `engine`.
//!
//! Nothing is remembered between calls: the engine's own names and labels say what is whose. A container is named
//! `gatewright-<session>`, so that a session can't have two.
#![forbid(unsafe_code)]

mod create;
mod engine;
mod facts;
mod images;
mod usage;

use gatewright_sdk::runtime::{
    Container, EngineInfo, Error, Execution, ImageInfo, Images, Inspection, Lifecycle, Outcome, OutputPiece, Spec, State, Suspension, Usage,
};

use crate::engine::ENGINE;

/// The backend.
#[derive(Debug)]
pub struct Docker;

impl Lifecycle for Docker {
    fn capabilities() -> Result<EngineInfo, Error> {
        facts::capabilities()
    }

    fn health() -> Result<(), Error> {
        facts::health()
    }

    fn create(spec: Spec) -> Result<String, Error> {
        create::create(spec)
    }

    fn start(id: String) -> Result<(), Error> {
        ENGINE.act(&engine::container(&id, "/start"), None)
    }

    fn stop(id: String, grace_secs: u32) -> Result<(), Error> {
        ENGINE.act(&engine::container(&id, "/stop"), Some(("t", &grace_secs.to_string())))
    }

    fn destroy(id: String) -> Result<(), Error> {
        ENGINE.destroy(&id)
    }

    fn inspect(id: String) -> Result<Container, Error> {
        facts::inspect(&id)
    }

    fn list() -> Result<Vec<Container>, Error> {
        facts::list()
    }
}

impl Images for Docker {
    fn list() -> Result<Vec<String>, Error> {
        facts::images()
    }

    fn present(name: String) -> Result<Option<ImageInfo>, Error> {
        images::present(&name)
    }

    fn pull(name: String) -> Result<(), Error> {
        images::pull(&name)
    }
}

impl Suspension for Docker {
    fn pause(id: String) -> Result<(), Error> {
        ENGINE.act_once(&engine::container(&id, "/pause"), || {
            facts::inspect(&id).map(|it| it.state == State::Paused)
        })
    }

    fn resume(id: String) -> Result<(), Error> {
        ENGINE.act_once(&engine::container(&id, "/unpause"), || {
            facts::inspect(&id).map(|it| it.state == State::Running)
        })
    }
}

impl Inspection for Docker {
    fn stats(id: String) -> Result<Usage, Error> {
        usage::usage(&id)
    }

    fn logs(id: String, max_lines: u32, max_bytes: u32) -> Result<Vec<OutputPiece>, Error> {
        ENGINE.logs(&engine::container(&id, "/logs"), max_lines, max_bytes)
    }
}

impl Execution for Docker {
    fn exec(id: String, argv: Vec<String>, max_bytes: u32) -> Result<Outcome, Error> {
        ENGINE.exec(&engine::container(&id, "/exec"), &argv, max_bytes)
    }
}

gatewright_sdk::export_runtime!(Docker);

#[cfg(test)]
mod tests;
