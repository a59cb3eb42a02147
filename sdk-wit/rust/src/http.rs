//! HTTP to an endpoint that the operator granted.
//!
//! A guest names the endpoint, never a host. What it sends is checked by the host, and may be rewritten or refused, before it leaves.

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::bindings::gatewright::types::http::Method;

/// How much of a body is asked for at a time.
const PIECE_BYTES: u32 = 64 * 1024;

/// A request to a granted endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path with query, beginning with `/`.
    pub path: String,
    /// Header names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// At most 1 MiB.
    pub body: Vec<u8>,
}

/// Why a request has no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The manifest or the operator does not grant this endpoint.
    #[error("endpoint is not granted")]
    NotGranted,
    /// The host's guard refused the request.
    #[error("refused: {0}")]
    Refused(String),
    /// Nothing answers there.
    #[error("endpoint does not answer")]
    Unreachable,
    /// The call's time was up.
    #[error("endpoint did not answer in time")]
    Timeout,
    /// A body or head over its limit.
    #[error("answer is over its limit")]
    TooLarge,
    /// What came back is not HTTP.
    #[error("answer is not http")]
    Protocol,
    /// A body is not the JSON that was expected.
    #[error("answer is not the expected json: {0}")]
    Json(String),
}

impl Request {
    /// A request without query, headers and body. `path` begins with `/`; use [`path_segment`] for what comes from elsewhere.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a parameter to the query, percent-encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        percent_encode(&mut self.path, name);
        self.path.push('=');
        percent_encode(&mut self.path, value);
        self
    }

    /// Gives it a body of JSON.
    ///
    /// # Errors
    /// [`Error::Json`] where `value` can't be written as JSON.
    pub fn json<T: Serialize>(mut self, value: &T) -> Result<Self, Error> {
        self.body = serde_json::to_vec(value).map_err(|error| Error::Json(error.to_string()))?;
        self.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        Ok(self)
    }

    /// Sends it to a granted endpoint.
    ///
    /// # Errors
    /// There is no answer. An answer of any status is none of these errors.
    pub fn send(self, endpoint: &str) -> Result<Response, Error> {
        transport::send(endpoint, self)
    }
}

/// An answer: its status, and a body that is read piece by piece.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    body: transport::Body,
}

impl Response {
    /// Reads the whole body.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where it has more than `max` bytes: what is over is not kept.
    pub fn bytes(self, max: usize) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        loop {
            let piece = self.body.read(PIECE_BYTES)?;
            if piece.is_empty() {
                return Ok(all);
            }
            if piece.len() > max.saturating_sub(all.len()) {
                return Err(Error::TooLarge);
            }
            all.extend_from_slice(&piece);
        }
    }

    /// Reads the body line by line, as it comes, each line as JSON: an answer that goes on for as long as the engine works.
    /// Empty lines are nothing.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a line of more than `max` bytes; [`Error::Json`] for one of another shape; whatever `each` gives
    /// ends it too.
    pub fn json_lines<T: DeserializeOwned, E: From<Error>>(self, max: usize, mut each: impl FnMut(T) -> Result<(), E>) -> Result<(), E> {
        self.lines(max, |line| match line {
            [] => Ok(()),
            line => each(serde_json::from_slice(line).map_err(|error| Error::Json(error.to_string()))?),
        })
    }

    fn lines<E: From<Error>>(self, max: usize, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut line = Vec::new();
        loop {
            let piece = self.body.read(PIECE_BYTES)?;
            if piece.is_empty() {
                return if line.is_empty() { Ok(()) } else { each(&line) };
            }
            for part in piece.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(part);
                if line.len() > max {
                    return Err(Error::TooLarge.into());
                }
                if part.ends_with(b"\n") {
                    each(line.trim_ascii())?;
                    line.clear();
                }
            }
        }
    }

    /// Reads the whole body as JSON.
    ///
    /// # Errors
    /// [`Error::TooLarge`] as [`Self::bytes`]; [`Error::Json`] where it has another shape.
    pub fn json<T: DeserializeOwned>(self, max: usize) -> Result<T, Error> {
        serde_json::from_slice(&self.bytes(max)?).map_err(|error| Error::Json(error.to_string()))
    }
}

/// A path's segment, percent-encoded: a name from elsewhere can't add a segment or a query.
#[must_use]
pub fn path_segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    percent_encode(&mut out, text);
    out
}

/// RFC 3986 2.3: everything but unreserved characters is encoded.
fn percent_encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.extend(DIGITS.get(usize::from(nibble)).map(|digit| char::from(*digit)));
            }
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod transport {
    use super::{Error, Request, Response};
    use crate::bindings::gatewright::types::http as wit;

    #[derive(Debug)]
    pub(super) struct Body(wit::Body);

    impl Body {
        pub(super) fn read(&self, max: u32) -> Result<Vec<u8>, Error> {
            self.0.read(max).map_err(error)
        }
    }

    pub(super) fn send(endpoint: &str, request: Request) -> Result<Response, Error> {
        let request = wit::Request {
            method: request.method,
            path: request.path,
            headers: request.headers,
            body: request.body,
        };
        let response = wit::send(endpoint, &request).map_err(error)?;
        Ok(Response {
            status: response.status,
            body: Body(response.body),
        })
    }

    fn error(error: wit::Error) -> Error {
        match error {
            wit::Error::NotGranted => Error::NotGranted,
            wit::Error::Refused(why) => Error::Refused(why),
            wit::Error::Unreachable => Error::Unreachable,
            wit::Error::Timeout => Error::Timeout,
            wit::Error::TooLarge => Error::TooLarge,
            wit::Error::Protocol => Error::Protocol,
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod transport {
    use std::cell::RefCell;

    use super::{Error, Request, Response};

    #[derive(Debug)]
    pub(super) struct Body(RefCell<std::collections::VecDeque<u8>>);

    impl Body {
        #[expect(clippy::unnecessary_wraps, reason = "the same as on wasm")]
        pub(super) fn read(&self, max: u32) -> Result<Vec<u8>, Error> {
            let mut rest = self.0.borrow_mut();
            let count = rest.len().min(max as usize);
            Ok(rest.drain(..count).collect())
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the same as on wasm")]
    pub(super) fn send(endpoint: &str, request: Request) -> Result<Response, Error> {
        let answer = crate::testing::answer(endpoint, &request)?;
        Ok(Response {
            status: answer.status,
            body: Body(RefCell::new(answer.body.into())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Answer, set_http};

    #[test]
    fn what_comes_from_elsewhere_cannot_change_the_path() {
        assert_eq!(path_segment("a/../b?x=1#ä"), "a%2F..%2Fb%3Fx%3D1%23%C3%A4");
        let request = Request::new(Method::Get, "/v1/list")
            .query("all", "true")
            .query("filters", r#"{"a":["b&c=d"]}"#);
        assert_eq!(request.path, "/v1/list?all=true&filters=%7B%22a%22%3A%5B%22b%26c%3Dd%22%5D%7D");
    }

    #[test]
    fn a_body_over_its_cap_is_refused_and_at_its_cap_is_read() {
        let body: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let sent = body.clone();
        set_http(move |endpoint, request| {
            assert_eq!((endpoint, request.path.as_str()), ("engine", "/x"));
            Ok(Answer {
                status: 200,
                body: sent.clone(),
            })
        });
        let get = || Request::new(Method::Get, "/x").send("engine");
        assert_eq!(get().and_then(|r| r.bytes(200_000)), Ok(body));
        assert_eq!(get().and_then(|r| r.bytes(199_999)), Err(Error::TooLarge));
        assert!(matches!(get().and_then(|r| r.json::<u32>(300_000)), Err(Error::Json(_))));
    }

    #[test]
    fn lines_come_one_by_one_and_the_last_needs_no_end() {
        let lines = |body: &str, max: usize| {
            let body = body.as_bytes().to_vec();
            set_http(move |_, _| {
                Ok(Answer {
                    status: 200,
                    body: body.clone(),
                })
            });
            let mut all = Vec::new();
            let response = Request::new(Method::Get, "/x").send("engine")?;
            response.lines(max, |line| {
                all.push(String::from_utf8_lossy(line).into_owned());
                Ok::<_, Error>(())
            })?;
            Ok::<_, Error>(all)
        };
        assert_eq!(
            lines("a\r\nbc\n\nd", 4),
            Ok(vec!["a".to_owned(), "bc".into(), String::new(), "d".into()])
        );
        assert_eq!(lines("", 4), Ok(Vec::new()));
        assert_eq!(lines("abc\nabcde\n", 4), Err(Error::TooLarge));
        let long = format!("{}\nend\n", "x".repeat(200_000));
        assert_eq!(lines(&long, 300_000).map(|all| all.len()), Ok(2));

        set_http(|_, _| {
            Ok(Answer {
                status: 200,
                body: b"1\r\n\r\n2\nx\n3".to_vec(),
            })
        });
        let mut numbers = Vec::new();
        let read = Request::new(Method::Get, "/x").send("engine").and_then(|response| {
            response.json_lines(8, |number: u32| {
                numbers.push(number);
                Ok(())
            })
        });
        assert!(matches!(read, Err(Error::Json(_))));
        assert_eq!(numbers, [1, 2]);
    }

    #[test]
    fn without_an_engine_nothing_answers() {
        assert!(matches!(Request::new(Method::Get, "/").send("engine"), Err(Error::Unreachable)));
    }
}
