//! Requests to a container engine's HTTP API, and what its failures mean: what backends for such engines share.

mod verbs;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::http::{Method, Request, Response, path_segment};
use crate::log;
use crate::runtime::Error;

/// The label that the host gives each container, with the session. A container without it is none of ours.
pub const SESSION_LABEL: &str = "gatewright.session";
/// The largest answer that is read: what a list of a thousand containers takes.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// The largest failure that is read.
const MAX_FAILURE_BYTES: usize = 64 << 10;
/// Of a failure's words, as many go on.
const MAX_MESSAGE_CHARS: usize = 300;
/// How often it is looked whether a removal that another began has ended. There is no clock here to wait by.
const MAX_LOOKS: usize = 20;

/// An engine's API, below one path of one granted endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Api {
    /// The endpoint that the manifest asks for.
    pub endpoint: &'static str,
    /// What every path begins with, its version among it: `/v1.41`.
    pub prefix: &'static str,
}

/// How an engine says that it failed: both Docker and Podman have these names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    message: String,
}

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The status.
    pub status: u16,
    /// The engine's words, bounded and without control characters; the status where it said nothing.
    pub words: String,
}

impl Api {
    /// A request below the prefix.
    #[must_use]
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request::new(method, format!("{}{path}", self.prefix))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// There is no answer.
    pub fn send(&self, request: Request) -> Result<Response, Error> {
        Ok(request.send(self.endpoint)?)
    }

    /// Gets something.
    ///
    /// # Errors
    /// As [`read`].
    pub fn get<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        read(self.send(request)?)
    }

    /// Does something to a container that has no answer. 304: it is so already.
    ///
    /// # Errors
    /// `NotFound`, or the engine failed.
    pub fn act(&self, path: &str, query: Option<(&str, &str)>) -> Result<(), Error> {
        let request = self.request(Method::Post, path);
        let response = self.send(match query {
            Some((name, value)) => request.query(name, value),
            None => request,
        })?;
        match response.status {
            200 | 204 | 304 => Ok(()),
            404 => Err(Error::NotFound),
            _ => Err(failure(response).into()),
        }
    }

    /// Kills and removes a container with its unnamed volumes.
    ///
    /// # Errors
    /// The engine failed: something may be left.
    pub fn destroy(&self, id: &str) -> Result<(), Error> {
        let path = format!("/containers/{}", path_segment(id));
        let response = self.send(self.request(Method::Delete, &path).query("force", "true").query("v", "true"))?;
        match response.status {
            200 | 204 | 404 => return Ok(()),
            409 => {}
            _ => return Err(failure(response).into()),
        }
        // Another removal is at work.
        let why = failure(response);
        for _ in 0..MAX_LOOKS {
            if self.send(self.request(Method::Get, &format!("{path}/json")))?.status == 404 {
                return Ok(());
            }
        }
        Err(why.into())
    }

    /// The list of containers, all of them or those of one session.
    #[must_use]
    pub fn list(&self, session: Option<&str>) -> Request {
        let request = self.request(Method::Get, "/containers/json").query("all", "true");
        match session {
            Some(session) => {
                let filters = format!("{{\"label\":[\"{SESSION_LABEL}={}\"]}}", session.replace(['"', '\\'], ""));
                request.query("filters", &filters)
            }
            None => request,
        }
    }
}

/// What is known of the parts of an image that is being brought, by their names.
#[derive(Debug, Default)]
pub struct PullParts(std::collections::BTreeMap<String, (u64, u64)>);

/// The longest line of a pull that is read: the host hands on shorter ones.
pub const MAX_PULL_LINE_BYTES: usize = 16 << 10;
/// Parts that are told apart. No image has as many.
const MAX_PARTS: usize = 512;

impl PullParts {
    /// Notes how far a part is: bytes done, of how many.
    pub fn note(&mut self, part: &str, done: u64, total: u64) {
        if let Some(known) = self.0.get_mut(part) {
            *known = (done, total.max(known.1));
        } else if self.0.len() < MAX_PARTS {
            self.0.insert(part.to_owned(), (done, total));
        }
    }

    /// Notes that all of a part is there.
    pub fn finish(&mut self, part: &str) {
        if let Some((done, total)) = self.0.get_mut(part) {
            *done = *total;
        }
    }

    /// Tells the host, with what the engine does now.
    pub fn report(&self, step: &str) {
        let sum = |of: fn(&(u64, u64)) -> u64| self.0.values().map(of).fold(0, u64::saturating_add);
        crate::runtime::report_progress(step, sum(|part| part.0.min(part.1)), sum(|part| part.1));
    }
}

/// A failure's words from within a stream, bounded.
#[must_use]
pub fn words(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE_CHARS).collect()
}

/// Reads an answer that should be a success.
///
/// # Errors
/// `NotFound`, or the engine failed.
pub fn read<T: DeserializeOwned>(response: Response) -> Result<T, Error> {
    match response.status {
        200 | 201 => Ok(response.json(MAX_ANSWER_BYTES)?),
        404 => Err(Error::NotFound),
        _ => Err(failure(response).into()),
    }
}

/// What an answer that is no success says.
#[must_use]
pub fn failure(response: Response) -> Failure {
    let status = response.status;
    let words = match response.json::<Said>(MAX_FAILURE_BYTES) {
        Ok(said) => words(&said.message),
        Err(_) => format!("status {status}"),
    };
    log::debug(&format!("engine answered {status}: {words}"));
    Failure { status, words }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let full = ["no space left on device", "cannot allocate memory", "not enough memory"];
        if full.iter().any(|sign| failure.words.to_ascii_lowercase().contains(sign)) {
            return Self::NoCapacity(failure.words);
        }
        Self::Engine(failure.words)
    }
}

/// A limit as engines take it: 0 and negative numbers would be no limit at all.
///
/// # Errors
/// `Unsupported` for those.
pub fn limit(name: &str, value: u64) -> Result<i64, Error> {
    match i64::try_from(value) {
        Ok(limit) if limit > 0 => Ok(limit),
        _ => Err(Error::Unsupported(format!("a limit of {value} for {name} would be none"))),
    }
}
