//! One newtype per kind of id, so that mixing a session's with a node's does not compile.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A string that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind} id")]
pub struct InvalidId {
    kind: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID (version 7 for everything that we make ourselves).
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID behind it.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($kind, ":{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidId { kind: $kind })
            }
        }
    )*};
}

ids! {
    /// A person.
    UserId = "user";
    /// A group of people.
    GroupId = "group";
    /// What can be launched.
    WorkspaceId = "workspace";
    /// One running workspace.
    SessionId = "session";
    /// A machine with an agent on it.
    NodeId = "node";
    /// A place: nodes and edges near each other.
    ZoneId = "zone";
    /// A plugin with its configuration on a gate.
    RuleId = "rule";
    /// What a person keeps in a workspace's home folder.
    HomeId = "home";
    /// An entry of the vault.
    SecretId = "secret";
    /// One decision or audit event.
    EventId = "event";
}

/// What a person reads out to an administrator: six characters of Crockford's base 32 (no I, L, O, U).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reference([u8; 6]);

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Reference {
    /// Takes the 30 lowest bits of `random`.
    #[must_use]
    pub fn from_random(random: u32) -> Self {
        let mut out = [b'0'; 6];
        let mut rest = random;
        for place in &mut out {
            let index = usize::try_from(rest & 31).unwrap_or(0);
            *place = CROCKFORD.get(index).copied().unwrap_or(b'0');
            rest >>= 5;
        }
        Self(out)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

impl FromStr for Reference {
    type Err = InvalidId;

    /// Reads upper and lower case, and the look-alikes that Crockford's base 32 allows for (O is 0, I and L are 1).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = InvalidId { kind: "reference" };
        let mut out = [0; 6];
        let mut chars = text.trim().bytes();
        for place in &mut out {
            let byte = match chars.next().ok_or_else(|| invalid.clone())?.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
            if !CROCKFORD.contains(&byte) {
                return Err(invalid);
            }
            *place = byte;
        }
        if chars.next().is_some() {
            return Err(invalid);
        }
        Ok(Self(out))
    }
}

impl Serialize for Reference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn reference_reads_what_it_prints() {
        for random in [0, 1, 31, 32, 0x3fff_ffff, 0xffff_ffff, 123_456_789] {
            let reference = Reference::from_random(random);
            assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
            assert_eq!(reference.to_string().to_lowercase().parse::<Reference>().unwrap(), reference);
        }
        assert!("K7Q".parse::<Reference>().is_err());
        assert!("K7Q2U1".parse::<Reference>().is_err());
        assert!("K7Q2A1B".parse::<Reference>().is_err());
    }

    #[test]
    fn ids_do_not_print_as_another_kind() {
        let uuid = Uuid::from_u128(7);
        assert_eq!(format!("{:?}", SessionId::from_uuid(uuid)), format!("session:{uuid}"));
        assert_eq!("nonsense".parse::<NodeId>().unwrap_err().to_string(), "invalid node id");
    }
}
