//! The toy engine's API: a workspace is a *box* with a *mood*, `asleep` or `awake`, `gone` once its program ended.

use gatewright_sdk::engine::{Api, failure};
use gatewright_sdk::http::{Method, Request, path_segment};
use gatewright_sdk::runtime::{Container, Error, State};
use serde::Deserialize;
use serde_json::json;

/// Its API.
pub(crate) const TOY: Api = Api {
    endpoint: "engine",
    prefix: "/toy/1",
};

/// What the host gives a plugin before an engine that the guard does not understand.
#[derive(Debug, Deserialize)]
struct Config {
    deployment: String,
}

/// What it is.
#[derive(Debug, Deserialize)]
pub(crate) struct About {
    pub(crate) toy: String,
    pub(crate) cores: u64,
    pub(crate) memory_mib: u64,
}

/// What it has pictures of.
#[derive(Debug, Deserialize)]
pub(crate) struct Pictures {
    pub(crate) pictures: Vec<String>,
}

/// A list of boxes.
#[derive(Debug, Deserialize)]
pub(crate) struct Boxes {
    pub(crate) boxes: Vec<ToyBox>,
}

/// A workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct ToyBox {
    pub(crate) tag: String,
    purpose: String,
    mood: String,
    left_with: Option<i32>,
}

impl ToyBox {
    pub(crate) fn container(self) -> Result<Container, Error> {
        let state = match self.mood.as_str() {
            "asleep" => State::Created,
            "awake" => State::Running,
            "gone" => State::Exited,
            other => return Err(Error::Engine(format!("a box is {other}"))),
        };
        Ok(Container {
            id: self.tag,
            session: self.purpose,
            state,
            exit_code: self.left_with,
        })
    }
}

/// Whose boxes are ours.
pub(crate) fn deployment() -> Result<String, Error> {
    let config: Config = gatewright_sdk::config().map_err(|error| Error::Unsupported(error.to_string()))?;
    Ok(config.deployment)
}

/// A request that reads.
pub(crate) fn get(path: &str) -> Request {
    TOY.request(Method::Get, path)
}

/// A box, or something of it.
pub(crate) fn path_of(id: &str, rest: &str) -> String {
    format!("/boxes/{}{rest}", path_segment(id))
}

/// Wakes or ends a box.
pub(crate) fn set_mood(id: &str, mood: &str) -> Result<(), Error> {
    let request = TOY.request(Method::Put, &path_of(id, "/mood")).json(&json!({ "mood": mood }))?;
    let response = TOY.send(request)?;
    match response.status {
        204 => Ok(()),
        404 => Err(Error::NotFound),
        _ => Err(failure(response).into()),
    }
}
