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
    user: String,
}

/// A line of a pull.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    /// What it does, in words.
    stream: String,
    error: Option<String>,
    /// The image, once it is there.
    id: String,
}

/// What the engine has under a name. The host's guard lets nothing through that is not the name of an image.
pub(crate) fn present(name: &str) -> Result<Option<ImageInfo>, Error> {
    let response = ENGINE.send(ENGINE.request(Method::Get, &format!("/images/{name}/json")))?;
    if response.status == 404 {
        return Ok(None);
    }
    let found: Inspected = read(response)?;
    let is_digest = found.id.len() == 64;
    Ok(Some(ImageInfo {
        id: if is_digest { format!("sha256:{}", found.id) } else { found.id },
        size_bytes: found.size,
        created: found.created,
        user: found.user,
    }))
}

/// Brings an image. The engine answers with a line for each thing that it does, without figures, and with status 200 also
/// where it fails later.
pub(crate) fn pull(name: &str) -> Result<(), Error> {
    let request = ENGINE.request(Method::Post, "/images/pull").query("reference", name);
    let response = ENGINE.send(request)?;
    if response.status != 200 {
        return Err(failure(response).into());
    }
    let parts = PullParts::default();
    let mut id = String::new();
    response.json_lines(MAX_PULL_LINE_BYTES, |line: Line| {
        if let Some(error) = line.error {
            return Err(Error::Engine(words(&error)));
        }
        if !line.stream.is_empty() {
            parts.report(line.stream.trim_end());
        }
        if !line.id.is_empty() {
            id = line.id;
        }
        Ok(())
    })?;
    if id.is_empty() {
        // It broke off in the middle, and did not say so.
        return Err(Error::Engine(format!("pulling {name} ended without an image")));
    }
    Ok(())
}
