//! What a plugin wants, what the operator approved, and whether a request lies in both.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// An HTTP method that a plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

impl Method {
    /// As it stands on the wire.
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
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A path that a plugin may ask for: segments, where `*` stands for exactly one segment and `**`, at the end only, for
/// any rest (also none). Matched against the path without its query.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPattern(String);

/// Text that is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path pattern {0:?} must begin with '/', have no empty or dotted segment, and '**' only at its end")]
pub struct InvalidPattern(String);

impl PathPattern {
    /// Whether `path` (it may carry a query) is covered. A path that could be read in two ways never is.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let Some(path) = plain_path(path) else {
            return false;
        };
        let mut wanted = segments(&self.0);
        let mut given = segments(path);
        loop {
            match (wanted.next(), given.next()) {
                (Some("**"), _) | (None, None) => return true,
                (Some("*"), Some(_)) => {}
                (Some(wanted), Some(given)) if wanted == given => {}
                _ => return false,
            }
        }
    }
}

impl FromStr for PathPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidPattern(crate::text::bounded(text, 128));
        if plain_path(text) != Some(text) || text.len() > 1024 {
            return Err(invalid());
        }
        let mut parts = segments(text).peekable();
        while let Some(part) = parts.next() {
            if part.contains('*') && part != "*" && (part != "**" || parts.peek().is_some()) {
                return Err(invalid());
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PathPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

/// The path before the query, where server and pattern can't read it differently: no empty or dotted segment, no
/// encoded slash, dot or percent sign, only visible ASCII, no fragment.
fn plain_path(path: &str) -> Option<&str> {
    if !path.bytes().all(|b| b.is_ascii_graphic()) || path.contains(['\\', '#']) {
        return None;
    }
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let rest = path.strip_prefix('/')?;
    if rest.is_empty() {
        return Some(path);
    }
    let lower = path.to_ascii_lowercase();
    let tricky = ["%2f", "%2e", "%5c", "%25", "%00", ";"];
    if tricky.iter().any(|trick| lower.contains(trick)) {
        return None;
    }
    rest.split('/').all(|segment| !matches!(segment, "" | "." | "..")).then_some(path)
}

/// HTTP to one endpoint, as a manifest asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// The endpoint's name: `engine`. What stands behind it is the operator's business.
    pub endpoint: String,
    /// The methods it needs.
    pub methods: BTreeSet<Method>,
    /// The paths it needs.
    pub paths: Vec<PathPattern>,
}

impl HttpGrant {
    /// Whether this covers a request.
    #[must_use]
    pub fn covers(&self, method: Method, path: &str) -> bool {
        self.methods.contains(&method) && self.paths.iter().any(|pattern| pattern.matches(path))
    }
}

/// What the operator approved for a plugin, beyond what its kind gets anyway.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Approved {
    endpoints: BTreeSet<String>,
}

impl Approved {
    /// Nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// These endpoints, for the methods and paths that the manifest names.
    #[must_use]
    pub fn endpoints(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            endpoints: names.into_iter().map(Into::into).collect(),
        }
    }

    /// Whether this endpoint is approved.
    #[must_use]
    pub fn covers_endpoint(&self, endpoint: &str) -> bool {
        self.endpoints.contains(endpoint)
    }

    /// The endpoints that `wanted` names and nobody approved. Empty: the plugin has all it wants.
    #[must_use]
    pub fn missing<'a>(&self, wanted: impl IntoIterator<Item = &'a HttpGrant>) -> Vec<String> {
        wanted
            .into_iter()
            .filter(|grant| !self.covers_endpoint(&grant.endpoint))
            .map(|grant| grant.endpoint.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        pattern.parse::<PathPattern>().unwrap().matches(path)
    }

    #[test]
    fn patterns_match_by_segment() {
        assert!(matches("/v1.41/containers/**", "/v1.41/containers/json?all=1"));
        assert!(matches("/v1.41/containers/**", "/v1.41/containers/a/start"));
        assert!(matches("/containers/*/start", "/containers/a/start"));
        assert!(matches("/version", "/version"));
        assert!(!matches("/version", "/versions"));
        assert!(!matches("/version", "/version/x"));
        assert!(!matches("/containers/*/start", "/containers/start"));
        assert!(!matches("/containers/*/start", "/containers/a/b/start"));
        assert!(!matches("/v1.41/containers/**", "/v1.41/images/json"));
    }

    #[test]
    fn a_path_with_two_readings_never_matches() {
        for path in [
            "/a/../secret",
            "/a/./b",
            "/a//b",
            "/a/%2e%2e/b",
            "/a%2Fb",
            "/a%252fb",
            "/a\\b",
            "/a b",
            "/a;x/b",
            "/a\r\nHost: x",
            "/é",
            "/a#b",
            "a/b",
            "",
            "//host/a",
            "/a/",
        ] {
            assert!(!matches("/**", path), "{path:?}");
        }
        assert!(matches("/**", "/"));
        assert!(matches("/**", "/a?filters=%7B%22label%22%3A%5B%22a/../b%22%5D%7D"));
    }

    #[test]
    fn bad_patterns_are_refused() {
        for bad in ["", "a", "/a//b", "/**/a", "/a*", "/a/../b", "/a?x=1", "/a b"] {
            assert!(bad.parse::<PathPattern>().is_err(), "{bad:?}");
        }
    }
}
