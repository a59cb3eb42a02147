//! The names under which people reach the public HTTPS port.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A host name (lower case) or an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicName {
    /// A name as DNS has it.
    Host(String),
    /// An address.
    Address(IpAddr),
}

/// Text that is neither a host name nor an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is neither a host name nor an address")]
pub struct InvalidPublicName {
    text: String,
}

impl FromStr for PublicName {
    type Err = InvalidPublicName;

    /// Also takes `[::1]`, as URLs write it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Ok(Self::Address(address));
        }
        let host = text.to_ascii_lowercase();
        let label = |part: &str| {
            (1..=63).contains(&part.len())
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if host.len() <= 253 && host.split('.').all(label) {
            Ok(Self::Host(host))
        } else {
            Err(InvalidPublicName { text: text.into() })
        }
    }
}

impl fmt::Display for PublicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// A set of names, the same whichever order they came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicNames(BTreeSet<PublicName>);

impl PublicNames {
    /// `localhost`, 127.0.0.1, `::1`, this machine's own name, and the host of the public URL where one is configured.
    ///
    /// # Errors
    /// When `public_host` is neither a host name nor an address. A machine's own name that is none is left out.
    pub fn of_this_machine(public_host: Option<&str>) -> Result<Self, InvalidPublicName> {
        let mut names = BTreeSet::from([
            PublicName::Host("localhost".into()),
            PublicName::Address(Ipv4Addr::LOCALHOST.into()),
            PublicName::Address(Ipv6Addr::LOCALHOST.into()),
        ]);
        let machine = rustix::system::uname();
        if let Some(name) = machine.nodename().to_str().ok().and_then(|name| name.parse().ok()) {
            names.insert(name);
        }
        if let Some(host) = public_host {
            names.insert(host.parse()?);
        }
        Ok(Self(names))
    }

    /// The names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &PublicName> {
        self.0.iter()
    }

    /// Whether `name` is one of them.
    #[must_use]
    pub fn contains(&self, name: &PublicName) -> bool {
        self.0.contains(name)
    }
}

impl FromIterator<PublicName> for PublicNames {
    fn from_iter<I: IntoIterator<Item = PublicName>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_and_addresses_are_told_apart() {
        for (text, kind) in [
            ("Desk.Example.COM", Some("desk.example.com")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("a_b", None),
            ("-a", None),
            ("", None),
            ("a..b", None),
            ("a b", None),
        ] {
            let parsed = text.parse::<PublicName>().ok().map(|name| name.to_string());
            assert_eq!(parsed.as_deref(), kind, "{text:?}");
        }
        let names = PublicNames::of_this_machine(Some("desk.example.com")).unwrap();
        assert!(names.contains(&"LOCALHOST".parse().unwrap()));
        assert!(names.contains(&"::1".parse().unwrap()));
        assert!(names.contains(&"desk.example.com".parse().unwrap()));
        assert!(PublicNames::of_this_machine(Some("no/host")).is_err());
    }
}
