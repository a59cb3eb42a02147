//! Names of devices: the fully qualified ones of the Container Device Interface (CDI).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How many devices a workspace may ask for.
pub const DEVICES_MAX: usize = 8;
/// Characters of each part. The specification bounds the first two; that of the last is ours.
const VENDOR_MAX: usize = 253;
const CLASS_MAX: usize = 63;
const NAME_MAX: usize = 128;

/// A device as an engine resolves it: `vendor.com/class=name`, such as `nvidia.com/gpu=all`. What such a device is, a CDI
/// file on the engine's machine says: device nodes, mounts, variables. Never a path.
///
/// Vendor and class are the `kind` of such a file (CDI `SPEC.md`, *CDI JSON Specification*, `kind`), the characters those that
/// engines accept (CDI `pkg/parser`, `ParseQualifiedName`). Case matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DeviceName(String);

/// Text that is not a device's name, with what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDeviceName {
    /// A path, or anything else without the two separators.
    #[error("a device is written vendor/class=name, such as nvidia.com/gpu=all; a path is none")]
    Form,
    /// What is before `/`.
    #[error(
        "a device's vendor has 1 to 253 letters, digits, '-', '_' and single '.', begins with a letter and ends with a letter or digit"
    )]
    Vendor,
    /// What is between `/` and `=`.
    #[error("a device's class has 1 to 63 letters, digits, '-', '_' and '.', begins with a letter and ends with a letter or digit")]
    Class,
    /// What is behind `=`.
    #[error("a device's name has 1 to 128 letters, digits, '-', '_', '.' and ':', and begins and ends with a letter or digit")]
    Name,
}

impl DeviceName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first of `names` that is there twice.
    #[must_use]
    pub fn twice(names: &[Self]) -> Option<&Self> {
        names
            .iter()
            .enumerate()
            .find_map(|(index, name)| names.iter().take(index).any(|other| other == name).then_some(name))
    }

    /// Those of `wanted` that are not among `there`.
    #[must_use]
    pub fn missing<'a>(wanted: &'a [Self], there: &[Self]) -> Vec<&'a Self> {
        wanted.iter().filter(|name| !there.contains(name)).collect()
    }

    /// Several, for a sentence.
    #[must_use]
    pub fn list<'a>(names: impl IntoIterator<Item = &'a Self>) -> String {
        names.into_iter().map(Self::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// Whether a part has only letters, digits and `more`, is bounded, and ends with a letter or digit.
fn is_part(text: &str, most: usize, more: &[u8]) -> bool {
    text.len() <= most
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        && text.bytes().last().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

impl FromStr for DeviceName {
    type Err = InvalidDeviceName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = text.split_once('=').ok_or(InvalidDeviceName::Form)?;
        let (vendor, class) = kind.split_once('/').ok_or(InvalidDeviceName::Form)?;
        if vendor.is_empty() {
            return Err(InvalidDeviceName::Form);
        }
        let begins = |text: &str| text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        if !begins(vendor) || !is_part(vendor, VENDOR_MAX, b"-_.") || vendor.contains("..") {
            return Err(InvalidDeviceName::Vendor);
        }
        if !begins(class) || !is_part(class, CLASS_MAX, b"-_.") {
            return Err(InvalidDeviceName::Class);
        }
        if !name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) || !is_part(name, NAME_MAX, b"-_.:") {
            return Err(InvalidDeviceName::Name);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DeviceName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    fn parse(text: &str) -> Result<DeviceName, InvalidDeviceName> {
        text.parse()
    }

    #[test]
    fn names_follow_the_specification() {
        for good in [
            "nvidia.com/gpu=all",
            "nvidia.com/gpu=0",
            "nvidia.com/gpu=0:1",
            "amd.com/gpu=GPU-8a2f_1.x",
            "vendor/net=a",
            "Vendor.example/foo-bar123.B_az=1",
            "v/c=n",
        ] {
            assert_eq!(parse(good).unwrap().as_str(), good);
        }
        let long = |vendor: usize, class: usize, name: usize| format!("{}/{}={}", "v".repeat(vendor), "c".repeat(class), "n".repeat(name));
        assert!(parse(&long(253, 63, 128)).is_ok());
        for (bad, why) in [
            ("", InvalidDeviceName::Form),
            ("/dev/nvidia0", InvalidDeviceName::Form),
            ("/dev/a=b", InvalidDeviceName::Form),
            ("all", InvalidDeviceName::Form),
            ("nvidia.com/gpu", InvalidDeviceName::Form),
            ("gpu=all", InvalidDeviceName::Form),
            ("1vendor/gpu=all", InvalidDeviceName::Vendor),
            (".com/gpu=all", InvalidDeviceName::Vendor),
            ("a..b/gpu=all", InvalidDeviceName::Vendor),
            ("vendor./gpu=all", InvalidDeviceName::Vendor),
            ("vend or/gpu=all", InvalidDeviceName::Vendor),
            ("vendör/gpu=all", InvalidDeviceName::Vendor),
            (&long(254, 1, 1), InvalidDeviceName::Vendor),
            ("vendor/=all", InvalidDeviceName::Class),
            ("vendor/1=all", InvalidDeviceName::Class),
            ("vendor/a/b=all", InvalidDeviceName::Class),
            ("vendor/gpu-=all", InvalidDeviceName::Class),
            (&long(1, 64, 1), InvalidDeviceName::Class),
            ("vendor/gpu=", InvalidDeviceName::Name),
            ("vendor/gpu=a=b", InvalidDeviceName::Name),
            ("vendor/gpu=../x", InvalidDeviceName::Name),
            ("vendor/gpu=:0", InvalidDeviceName::Name),
            ("vendor/gpu=a\n", InvalidDeviceName::Name),
            ("vendor/gpu=a,b", InvalidDeviceName::Name),
            (&long(1, 1, 129), InvalidDeviceName::Name),
        ] {
            assert_eq!(parse(bad).unwrap_err(), why, "{bad}");
        }
    }

    /// Every text of five of the characters that matter, and a good name with every ASCII character in each place.
    #[test]
    fn whatever_is_read_is_plain() {
        let holds = |text: &str| {
            if let Ok(name) = parse(text) {
                assert_eq!(name.as_str(), text);
                assert!(!text.starts_with('/') && text.matches('/').count() == 1 && text.matches('=').count() == 1);
                assert!(
                    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/=-_.:".contains(&byte)),
                    "{text}"
                );
                assert!(!text.contains(".."), "{text}");
            }
        };
        const WORDS: [&str; 8] = ["a", "1", "/", "=", ".", "-", ":", " "];
        for number in 0..8usize.pow(5) {
            let text: String = (0..5).map(|place| WORDS[number / 8usize.pow(place) % 8]).collect();
            holds(&text);
        }
        for byte in 0..=127u8 {
            for place in 0.."v/c=n".len() {
                let mut text = "v/c=n".as_bytes().to_vec();
                text[place] = byte;
                holds(std::str::from_utf8(&text).unwrap());
                text.insert(place, byte);
                holds(std::str::from_utf8(&text).unwrap());
            }
        }
    }

    #[test]
    fn json_is_checked_as_well() {
        let read = |text: &str| serde_json::from_str::<Vec<DeviceName>>(text);
        let names = read(r#"["v/c=1","v/c=2","v/c=1"]"#).unwrap();
        assert_eq!(serde_json::to_string(&names).unwrap(), r#"["v/c=1","v/c=2","v/c=1"]"#);
        assert!(read(r#"["/dev/sda"]"#).unwrap_err().to_string().contains("a path is none"));
        assert_eq!(DeviceName::twice(&names).unwrap().as_str(), "v/c=1");
        assert_eq!(DeviceName::twice(&names[..2]), None);
        assert_eq!(DeviceName::list(DeviceName::missing(&names[..2], &names[..1])), "v/c=2");
    }
}
