//! The first line of a gw-stream: what the stream is for.
//!
//! One line of JSON, at most [`MAX_HEADER_BYTES`] with its line feed; raw bytes follow. Who speaks is known from the TLS
//! connection itself, whose two certificates signed its handshake.

use gatewright_core::NodeRole;
use serde::{Deserialize, Serialize};

/// The longest line.
pub const MAX_HEADER_BYTES: usize = 512;
/// Characters of an answer's id: 128 random bits in hexadecimal digits.
pub(crate) const ANSWER_ID: usize = 32;

/// What a stream is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StreamHeader {
    /// HTTP/2, served by the node that dialled.
    Link,
    /// The bytes of a session's service, which were asked for under this id.
    Answer {
        /// [`ANSWER_ID`] hexadecimal digits, known to the asker and the asked alone.
        id: String,
    },
    /// HTTP/1.1 requests of browsers.
    Http {
        /// Which of the roles behind the port is to answer.
        to: NodeRole,
    },
}

/// A line that says nothing we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid header of a stream")]
pub struct InvalidHeader;

impl StreamHeader {
    /// The line, with its line feed.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// Reads a line without its line feed.
    ///
    /// # Errors
    /// [`InvalidHeader`].
    pub fn parse(line: &[u8]) -> Result<Self, InvalidHeader> {
        if line.len() >= MAX_HEADER_BYTES {
            return Err(InvalidHeader);
        }
        let header: Self = serde_json::from_slice(line).map_err(|_| InvalidHeader)?;
        match &header {
            Self::Answer { id } if id.len() != ANSWER_ID || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) => Err(InvalidHeader),
            _ => Ok(header),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for header in [
            StreamHeader::Link,
            StreamHeader::Answer { id: "0f".repeat(16) },
            StreamHeader::Http { to: NodeRole::WebApp },
        ] {
            let line = header.line();
            assert_eq!(StreamHeader::parse(line.strip_suffix(b"\n").unwrap()).unwrap(), header);
        }
        // A newer node's extra field is no reason to refuse it.
        assert_eq!(StreamHeader::parse(br#"{"kind":"link","more":1}"#).unwrap(), StreamHeader::Link);
        for bad in [
            &b""[..],
            b"{}",
            br#"{"kind":"address","host":"x"}"#,
            br#"{"kind":"answer","id":"../.."}"#,
            br#"{"kind":"http","to":"root"}"#,
            &[b'x'; 600],
        ] {
            assert_eq!(StreamHeader::parse(bad), Err(InvalidHeader));
        }
    }
}
