//! The origin of the public HTTPS port, as browsers know it.

use std::fmt;
use std::str::FromStr;

use crate::public_names::PublicName;

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

    /// The origin of pages that were fetched from `authority`, a request's `Host`.
    #[must_use]
    pub fn of_authority(authority: &str) -> Self {
        let lower = authority.to_ascii_lowercase();
        Self(format!("https://{}", lower.strip_suffix(":443").unwrap_or(&lower)))
    }

    /// Whether a request with this `Origin` comes from a page of our own: one fetched from the same `host`, or from the
    /// configured public origin, under which a proxy in front may serve us.
    #[must_use]
    pub fn is_own(origin: &[u8], host: &str, public: Option<&Self>) -> bool {
        let own = |expected: &Self| origin == expected.as_str().as_bytes();
        own(&Self::of_authority(host)) || public.is_some_and(own)
    }
}

impl FromStr for PublicOrigin {
    type Err = InvalidOrigin;

    /// Forgives one slash at the end.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidOrigin { text: text.into() };
        let authority = text.strip_prefix("https://").ok_or_else(invalid)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        // The colons of an IPv6 address stand inside brackets.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
            return Err(invalid());
        }
        let _: PublicName = host.parse().map_err(|_| invalid())?;
        match port.map(str::parse::<u16>) {
            None | Some(Ok(1..)) => Ok(Self::of_authority(authority)),
            _ => Err(invalid()),
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
            ("https://10.0.0.1:8443", Some("https://10.0.0.1:8443")),
            ("https://[::1]:8443", Some("https://[::1]:8443")),
            ("https://[::1]", Some("https://[::1]")),
            ("https://::1", None),
            ("https://desk.example.org:0", None),
            ("https://desk.example.org:99999", None),
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

    #[test]
    fn only_our_own_pages() {
        let public = PublicOrigin("https://desk.example.org".into());
        for (origin, own) in [
            ("https://inner:8443", true),
            ("https://desk.example.org", true),
            ("https://desk.example.org.evil.example", false),
            ("https://inner", false),
            ("http://inner:8443", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(
                PublicOrigin::is_own(origin.as_bytes(), "INNER:8443", Some(&public)),
                own,
                "{origin:?}"
            );
        }
        assert!(!PublicOrigin::is_own(b"https://desk.example.org", "inner", None));
    }
}
