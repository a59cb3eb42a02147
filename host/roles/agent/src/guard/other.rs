//! An engine of a language that the guard does not read: the operator's list of methods and paths, and nothing more.
//!
//! A request still has one form only: its path is plain, its query is parsed and its body is JSON, all of them built anew.
//! What it does is not understood. Nothing is set that must hold of a container, and nothing is learnt from the answers:
//! such an engine is shown as *unguarded*.

use std::str::FromStr;

use serde::de::IgnoredAny;
use serde::{Serialize, Serializer};

use super::refusal::quoted;
use super::target::{Target, query};
use super::{Answer, Approved, Method, Operation, Refusal, Request, UnexpectedAnswer, request};

/// The largest body that is handed on, in bytes.
const MAX_BODY: usize = 1 << 20;

/// A request that an operator approved: `GET /v1/boxes/*`. `*` is one segment of the path, `**` at its end any rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedRequest {
    method: Method,
    /// Without the slashes.
    segments: Vec<String>,
}

/// Text that is no method with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be GET, HEAD, POST, PUT or DELETE, one space, and a plain path in which '*' is a whole segment and '**' the last")]
pub struct InvalidRequest;

impl FromStr for AllowedRequest {
    type Err = InvalidRequest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (method, path) = text.split_once(' ').ok_or(InvalidRequest)?;
        let method = Method::parse(method).map_err(|_| InvalidRequest)?;
        let segments: Vec<String> = path
            .strip_prefix('/')
            .ok_or(InvalidRequest)?
            .split('/')
            .map(str::to_owned)
            .collect();
        let last = segments.len() - 1;
        for (index, segment) in segments.iter().enumerate() {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:@-".contains(&byte);
            let fits = match segment.as_str() {
                "" | "." | ".." => false,
                "*" => true,
                "**" => index == last,
                other => other.bytes().all(plain),
            };
            if !fits {
                return Err(InvalidRequest);
            }
        }
        Ok(Self { method, segments })
    }
}

/// As it was written.
impl std::fmt::Display for AllowedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} /{}", self.method.as_str(), self.segments.join("/"))
    }
}

impl Serialize for AllowedRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl AllowedRequest {
    fn covers(&self, method: Method, path: &[&str]) -> bool {
        if self.method != method {
            return false;
        }
        let (wanted, open) = match self.segments.split_last() {
            Some((last, before)) if last == "**" => (before, true),
            _ => (self.segments.as_slice(), false),
        };
        let long_enough = if open {
            path.len() >= wanted.len()
        } else {
            path.len() == wanted.len()
        };
        long_enough && wanted.iter().zip(path).all(|(wanted, given)| wanted == "*" || wanted == given)
    }
}

/// See [`super::Guard::check`].
pub(super) fn check(allowed: &[AllowedRequest], asked: &Request<'_>) -> Result<Approved, Refusal> {
    let method = Method::parse(asked.method)?;
    request::check_headers(asked)?;
    let Target { segments, query: asks } = Target::parse(asked.target)?;
    let path = segments.join("/");
    if !allowed.iter().any(|allowed| allowed.covers(method, &segments)) {
        return Err(Refusal::Operation(quoted(&format!("{} /{path}", method.as_str()))));
    }
    let body = match asked.body {
        [] => None,
        body if body.len() > MAX_BODY => return Err(Refusal::Body("too large")),
        body => {
            let value: serde_json::Value = serde_json::from_slice(body).map_err(|_| Refusal::Body("not JSON"))?;
            Some(value.to_string())
        }
    };
    Ok(Approved {
        method,
        target: format!("/{path}{}", query(&asks.pairs())),
        body,
        operation: Operation::Unread { method },
    })
}

/// See [`super::Guard::answer`]. The body goes on as it is; no header does.
pub(super) fn answer(status: u16, body: &[u8]) -> Result<Answer, UnexpectedAnswer> {
    if !(200..600).contains(&status) {
        return Err(UnexpectedAnswer);
    }
    let is_json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
    Ok(Answer {
        status,
        content_type: is_json.then_some("application/json"),
        body: body.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::guard::{Dialect, Guard, Known, Scope};

    fn ask(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Approved, Refusal> {
        let list = [
            "GET /v1/boxes",
            "POST /v1/boxes",
            "DELETE /v1/boxes/*",
            "PUT /v1/boxes/*/mood",
            "GET /v1/tree/**",
        ];
        let guard = Guard {
            deployment: "d".into(),
            dialect: Dialect::Other(list.iter().map(|text| text.parse().unwrap()).collect()),
        };
        let headers: Vec<(String, String)> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let request = Request {
            method,
            target,
            headers: &headers,
            body,
        };
        guard.check(&Scope::Node, &Known::default(), &request)
    }

    #[test]
    fn what_is_in_the_list_passes_built_anew() {
        let json = [("content-type", "application/json")];
        let made = ask("POST", "/v1/boxes?kind=a%20b", &json, b" { \"a\" : [1, 2] }").unwrap();
        assert_eq!((made.method, made.target.as_str()), (Method::Post, "/v1/boxes?kind=a%20b"));
        assert_eq!(made.body.as_deref(), Some(r#"{"a":[1,2]}"#));
        assert!(made.operation.changes_something());
        for (method, target) in [
            ("GET", "/v1/boxes"),
            ("DELETE", "/v1/boxes/b-1"),
            ("PUT", "/v1/boxes/b-1/mood"),
            ("GET", "/v1/tree"),
            ("GET", "/v1/tree/a/b"),
        ] {
            assert_eq!(ask(method, target, &[], b"").unwrap().target, target);
        }
        assert!(!ask("GET", "/v1/boxes", &[], b"").unwrap().operation.changes_something());
    }

    #[test]
    fn what_is_not_in_the_list_does_not_pass() {
        for (method, target) in [
            ("GET", "/v1"),
            ("GET", "/v1/boxes/b-1"),
            ("DELETE", "/v1/boxes"),
            ("DELETE", "/v1/boxes/b-1/mood"),
            ("DELETE", "/v1/boxes/../tree"),
            ("DELETE", "/v1/boxes/%2e%2e"),
            ("DELETE", "/v1/boxes/"),
            ("PATCH", "/v1/boxes"),
            ("get", "/v1/boxes"),
            ("HEAD", "/v1/boxes"),
            ("POST", "/v1/tree/a"),
            ("GET", "http://engine/v1/boxes"),
            ("GET", "/v1/boxes?a"),
        ] {
            assert!(ask(method, target, &[], b"").is_err(), "{method} {target}");
        }
        assert!(ask("POST", "/v1/boxes", &[("upgrade", "tcp")], b"").is_err());
        assert_eq!(ask("POST", "/v1/boxes", &[], b"not json").unwrap_err(), Refusal::Body("not JSON"));
    }

    #[test]
    fn a_list_has_methods_with_plain_paths() {
        for bad in [
            "",
            "GET",
            "GET ",
            "GET v1",
            "GET /",
            "GET  /v1",
            "get /v1",
            "GET /v1/",
            "GET /v1/../x",
            "GET /v1/a*",
            "GET /**/v1",
            "GET /v1?x=1",
            "GET /v1/%2e",
            "PATCH /v1",
        ] {
            assert_eq!(bad.parse::<AllowedRequest>(), Err(InvalidRequest), "{bad:?}");
        }
        for good in ["GET /v1/boxes", "PUT /v1/*/x", "DELETE /v1/**"] {
            assert_eq!(good.parse::<AllowedRequest>().unwrap().to_string(), good);
        }
    }

    #[test]
    fn an_answer_goes_on_as_it_is() {
        let said = answer(409, b"busy").unwrap();
        assert_eq!((said.status, said.content_type, said.body.as_slice()), (409, None, &b"busy"[..]));
        assert_eq!(answer(200, b"{}").unwrap().content_type, Some("application/json"));
        assert!(answer(101, b"").is_err());
    }
}
