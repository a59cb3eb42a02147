//! Path and query of a request, in the one form that the guard reads.

use super::refusal::{Refusal, quoted};

/// Longer than anything in the allow-list.
const MAX_TARGET: usize = 2048;

/// A request's path, without any form that an engine could read differently, and its parsed query.
#[derive(Debug)]
pub(super) struct Target<'a> {
    /// The segments between the slashes; at least one, none empty, `.` or `..`.
    pub(super) segments: Vec<&'a str>,
    pub(super) query: Query,
}

impl<'a> Target<'a> {
    /// Splits and checks. Absolute URLs, authorities, percent-encoding, backslashes, empty and dot segments in the
    /// path are refused: nothing in the allow-list needs them.
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > MAX_TARGET {
            return Err(Refusal::Target("too long"));
        }
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        let Some(path) = path.strip_prefix('/') else {
            return Err(Refusal::Target("the path does not begin with a slash"));
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:@-/".contains(&byte);
        if !path.bytes().all(plain) {
            return Err(Refusal::Target("the path has an encoded or unexpected character"));
        }
        let segments: Vec<&str> = path.split('/').collect();
        if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(Refusal::Target("the path has an empty or a dot segment"));
        }
        Ok(Self {
            segments,
            query: Query::parse(query)?,
        })
    }
}

/// Query parameters. Each is taken once; what is left over is refused.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: Option<&str>) -> Result<Self, Refusal> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.into_iter().flat_map(|text| text.split('&')) {
            let refused = || Refusal::Query(quoted(pair));
            let (name, value) = pair.split_once('=').ok_or_else(refused)?;
            let known_form = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
            if !known_form || pairs.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err(refused());
            }
            pairs.push((name.to_owned(), decode(value).ok_or_else(refused)?));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter, at most once.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// A flag as engines read them; false where it is absent.
    pub(super) fn take_flag(&mut self, name: &str) -> Result<bool, Refusal> {
        match self.take(name).as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(Refusal::Query(name.to_owned())),
        }
    }

    /// Name and value of all that no one took.
    pub(super) fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Refuses what no one took.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        self.0.first().map_or(Ok(()), |(name, _)| Err(Refusal::Query(quoted(name))))
    }
}

/// Percent-decodes one value. A plus sign is refused: half of the world reads it as a space.
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' | b'#' | b';' => return None,
            b'!'..=b'~' => byte,
            _ => return None,
        };
        if byte.is_ascii_control() {
            return None;
        }
        out.push(byte);
    }
    String::from_utf8(out).ok()
}

/// Encodes all but the unreserved characters (RFC 3986 section 2.3).
pub(super) fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Builds a query of names that need no encoding and values that may.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        out.push(if out.is_empty() { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        out.push_str(&encode(value));
    }
    out
}

/// A flag as engines read it.
pub(super) const fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_the_plain_form_of_a_path_is_read() {
        assert_eq!(Target::parse("/a/b:c/d").unwrap().segments, ["a", "b:c", "d"]);
        for bad in [
            "",
            "a",
            "http://engine/a",
            "//engine/a",
            "/a/",
            "/",
            "/a//b",
            "/a/../b",
            "/a/./b",
            "/a/%2e%2e/b",
            "/a%2Fb",
            "/a\\b",
            "/a b",
            "/a#b",
            "/a\r\nX: y",
            "/a\0",
            "/ä",
            "*",
            "/a;b",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Target::parse(&format!("/{}", "a".repeat(MAX_TARGET))).is_err());
    }

    #[test]
    fn a_query_parameter_comes_once_and_decodes_plainly() {
        let mut query = Target::parse("/a?all=1&filters=%7B%22a%22%3A%5B%5D%7D").unwrap().query;
        assert_eq!(query.take("filters").unwrap(), r#"{"a":[]}"#);
        assert!(query.take_flag("all").unwrap());
        query.finish().unwrap();
        for bad in [
            "/a?",
            "/a?b",
            "/a?b=1&b=2",
            "/a?b=1&B=2",
            "/a?b=%",
            "/a?b=%zz",
            "/a?b=%00",
            "/a?b=%ff",
            "/a?b=c+d",
            "/a?b=1&&c=2",
            "/a?b=c#d",
            "/a?b%20=1",
            "/a?b=%0d%0a",
            "/a?=1",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Target::parse("/a?b=1").unwrap().query.finish().is_err());
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let text = r#"{"label":["a=b c&d+é"]}"#;
        assert_eq!(decode(&encode(text)).unwrap(), text);
    }
}
