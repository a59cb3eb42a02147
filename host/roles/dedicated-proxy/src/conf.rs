//! What an operator sets, and bounds that hold against whoever reaches the port.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;

/// Configuration of an edge.
#[derive(Debug, Clone)]
pub struct EdgeConf {
    /// Where to listen. Port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// The origin that people's browsers show. Without it: whatever host they asked for.
    pub public_origin: Option<PublicOrigin>,
    /// Bounds.
    pub limits: EdgeLimits,
}

/// Bounds of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeLimits {
    /// Connections at once, upgraded ones included. More wait in the kernel's queue.
    pub connections: usize,
    /// Connections at once from one address (IPv6: one /64). More are closed at once.
    pub connections_per_client: usize,
    /// From the connection to the end of the TLS handshake.
    pub handshake: Duration,
    /// For the head of a request, and for an idle connection to begin its next one (HTTP/1.1).
    pub headers: Duration,
    /// For the small bodies that the edge itself reads.
    pub body: Duration,
    /// How long requests in flight may go on after a stop was asked for.
    pub drain: Duration,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        Self {
            connections: 8_192,
            connections_per_client: 512,
            handshake: Duration::from_secs(10),
            headers: Duration::from_secs(20),
            body: Duration::from_secs(10),
            drain: Duration::from_secs(10),
        }
    }
}

/// An origin as browsers send it: `https://desk.example.org`, or with a port that is not 443.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicOrigin(String);

/// Text that is no origin of an HTTPS port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not https:// with a host and nothing after it")]
pub struct InvalidOrigin {
    text: String,
}

impl PublicOrigin {
    /// As browsers send it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The origin of `https://` and an authority (`host` or `host:port`).
    pub(crate) fn of_authority(authority: &str) -> Self {
        let lower = authority.to_ascii_lowercase();
        Self(format!("https://{}", lower.strip_suffix(":443").unwrap_or(&lower)))
    }
}

impl FromStr for PublicOrigin {
    type Err = InvalidOrigin;

    /// Forgives one slash at the end.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidOrigin { text: text.into() };
        let bare = text.strip_suffix('/').unwrap_or(text);
        let uri: Uri = bare.parse().map_err(|_| invalid())?;
        let authority = uri.authority().ok_or_else(invalid)?;
        let plain = uri.scheme_str() == Some("https") && matches!(uri.path(), "" | "/") && uri.query().is_none();
        if plain && !authority.as_str().contains('@') && bare.len() == "https://".len() + authority.as_str().len() {
            Ok(Self::of_authority(authority.as_str()))
        } else {
            Err(invalid())
        }
    }
}

impl fmt::Display for PublicOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        for (text, origin) in [
            ("https://desk.example.org", Some("https://desk.example.org")),
            ("https://Desk.Example.org:443/", Some("https://desk.example.org")),
            ("https://desk.example.org:8443", Some("https://desk.example.org:8443")),
            ("https://[::1]:8443", Some("https://[::1]:8443")),
            ("http://desk.example.org", None),
            ("https://desk.example.org/path", None),
            ("https://desk.example.org?x", None),
            ("https://me@desk.example.org", None),
            ("desk.example.org", None),
            ("https://", None),
            ("", None),
        ] {
            let parsed = text.parse::<PublicOrigin>().ok();
            assert_eq!(parsed.as_ref().map(PublicOrigin::as_str), origin, "{text:?}");
        }
    }
}
