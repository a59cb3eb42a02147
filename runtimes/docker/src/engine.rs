//! Requests to the engine, and what its failures mean.

use bollard_stubs::models::ErrorResponse;
use gatewright_sdk::http::{Method, Request, Response, path_segment};
use gatewright_sdk::log;
use gatewright_sdk::runtime::Error;
use serde::de::DeserializeOwned;

/// The endpoint that the manifest asks for.
const ENDPOINT: &str = "engine";
/// The oldest version of the API that has all that is used here.
const API: &str = "/v1.41";
/// The largest answer that is read: what a list of a thousand containers takes.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// The largest failure that is read.
const MAX_FAILURE_BYTES: usize = 64 << 10;
/// Of a failure's words, as many go on.
const MAX_MESSAGE_CHARS: usize = 300;
/// How often it is looked whether a removal that another began has ended. There is no clock here to wait by.
const MAX_LOOKS: usize = 20;

/// An id as a part of a path.
pub(crate) fn segment(id: &str) -> String {
    path_segment(id)
}

/// A request below the API's version.
pub(crate) fn request(method: Method, path: &str) -> Request {
    Request::new(method, format!("{API}{path}"))
}

/// Sends a request.
pub(crate) fn send(request: Request) -> Result<Response, Error> {
    Ok(request.send(ENDPOINT)?)
}

/// Gets something.
pub(crate) fn get<T: DeserializeOwned>(request: Request) -> Result<T, Error> {
    read(send(request)?)
}

/// Reads an answer that should be a success.
pub(crate) fn read<T: DeserializeOwned>(response: Response) -> Result<T, Error> {
    match response.status {
        200 | 201 => Ok(response.json(MAX_ANSWER_BYTES)?),
        404 => Err(Error::NotFound),
        _ => Err(failure(response)),
    }
}

/// Does something to a container that has no answer. 304: it is so already.
pub(crate) fn act(path: &str, query: Option<(&str, &str)>) -> Result<(), Error> {
    let request = request(Method::Post, path);
    let response = send(match query {
        Some((name, value)) => request.query(name, value),
        None => request,
    })?;
    match response.status {
        200 | 204 | 304 => Ok(()),
        404 => Err(Error::NotFound),
        _ => Err(failure(response)),
    }
}

/// Kills and removes a container with its unnamed volumes.
pub(crate) fn destroy(id: &str) -> Result<(), Error> {
    let path = format!("/containers/{}", segment(id));
    let response = send(request(Method::Delete, &path).query("force", "true").query("v", "true"))?;
    match response.status {
        200 | 204 | 404 => return Ok(()),
        409 => {}
        _ => return Err(failure(response)),
    }
    // Another removal is at work.
    let why = failure(response);
    for _ in 0..MAX_LOOKS {
        if send(request(Method::Get, &format!("{path}/json")))?.status == 404 {
            return Ok(());
        }
    }
    Err(why)
}

/// What an answer that is no success means.
pub(crate) fn failure(response: Response) -> Error {
    let status = response.status;
    let words = match response.json::<ErrorResponse>(MAX_FAILURE_BYTES) {
        Ok(body) => body.message.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE_CHARS).collect(),
        Err(_) => format!("status {status}"),
    };
    log::debug(&format!("engine answered {status}: {words}"));
    let full = ["no space left on device", "cannot allocate memory", "not enough memory"];
    if full.iter().any(|sign| words.to_ascii_lowercase().contains(sign)) {
        return Error::NoCapacity(words);
    }
    Error::Engine(words)
}
