//! The parts of a request that all dialects share: the method and the headers.

use super::refusal::{Refusal, quoted};

/// A request as a guest made it. Nothing of it goes on as it is.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method in capitals.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Names and values.
    pub headers: &'a [(String, String)],
    /// The whole body.
    pub body: &'a [u8],
}

/// The methods that engines know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the head only.
    Head,
    /// Acts.
    Post,
    /// Puts something in its place. In no dialect's list.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// As it goes on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// Reads exactly the five; case matters, as in HTTP.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "GET" => Ok(Self::Get),
            "HEAD" => Ok(Self::Head),
            "POST" => Ok(Self::Post),
            "PUT" => Ok(Self::Put),
            "DELETE" => Ok(Self::Delete),
            other => Err(Refusal::Operation(quoted(other))),
        }
    }
}

/// Checks that a guest's headers say nothing that matters. None of them goes on: the endpoint writes its own.
///
/// What could change how the engine reads the message (`Transfer-Encoding`, `Connection`, `Upgrade`, `Expect`) or what
/// it does (`X-Registry-Auth`, `X-HTTP-Method-Override`) is not in the list, and is refused rather than dropped, so
/// that a guest that needs it learns so.
pub(super) fn check_headers(request: &Request<'_>) -> Result<(), Refusal> {
    for (index, (name, value)) in request.headers.iter().enumerate() {
        let refused = || Refusal::Header(quoted(name));
        let twice = request
            .headers
            .iter()
            .take(index)
            .any(|(other, _)| other.eq_ignore_ascii_case(name));
        if twice || !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(refused());
        }
        match name.to_ascii_lowercase().as_str() {
            "accept" | "host" | "user-agent" => {}
            "content-length" if *value == request.body.len().to_string() => {}
            "content-type"
                if value.eq_ignore_ascii_case("application/json") || value.eq_ignore_ascii_case("application/json; charset=utf-8") => {}
            _ => return Err(refused()),
        }
    }
    Ok(())
}
