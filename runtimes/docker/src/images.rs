//! One image: whether it is there, and bringing it.

use gatewright_sdk::engine::{MAX_PULL_LINE_BYTES, PullParts, failure, read, words};
use gatewright_sdk::http::Method;
use gatewright_sdk::runtime::{Error, ImageInfo};
use serde::Deserialize;

use crate::engine::ENGINE;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    created: String,
    #[serde(default)]
    config: Option<Config>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    user: String,
}

/// A line of a pull.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Line {
    status: String,
    /// The layer that it is about.
    id: String,
    progress_detail: Progress,
    error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Progress {
    current: u64,
    total: u64,
}

/// What the engine has under a name. The host's guard lets nothing through that is not the name of an image.
pub(crate) fn present(name: &str) -> Result<Option<ImageInfo>, Error> {
    let response = ENGINE.send(ENGINE.request(Method::Get, &format!("/images/{name}/json")))?;
    if response.status == 404 {
        return Ok(None);
    }
    let found: Inspected = read(response)?;
    Ok(Some(ImageInfo {
        id: found.id,
        size_bytes: found.size,
        created: found.created,
        user: found.config.map(|config| config.user).unwrap_or_default(),
    }))
}

/// Brings an image. The engine answers with a line for each thing that it does, and with status 200 also where it fails later.
pub(crate) fn pull(name: &str) -> Result<(), Error> {
    let response = ENGINE.send(ENGINE.request(Method::Post, "/images/create").query("fromImage", name))?;
    if response.status != 200 {
        return Err(failure(response).into());
    }
    let mut parts = PullParts::default();
    response.json_lines(MAX_PULL_LINE_BYTES, |line: Line| {
        if let Some(error) = line.error {
            return Err(Error::Engine(words(&error)));
        }
        match line.status.as_str() {
            // The bytes on the wire. The same layer is unpacked later: that is not counted again.
            "Downloading" => parts.note(&line.id, line.progress_detail.current, line.progress_detail.total),
            "Download complete" | "Extracting" | "Pull complete" => parts.finish(&line.id),
            _ => {}
        }
        parts.report(&line.status);
        Ok(())
    })
}
