//! What can be done with a container that runs.

use gatewright_sdk::runtime::{Error, Execution, Inspection, Outcome, OutputPiece, State, Suspension, Usage};

use crate::engine::{self, ENGINE};
use crate::{Docker, facts, usage};

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
