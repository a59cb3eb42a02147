//! Clipboard text in both directions, classic (RFC 6143 7.5.6, 7.6.4) and extended (rfbproto 7.5.6, 7.6.4).
//!
//! Of the extended clipboard only the text format is let through: capabilities, notifications, requests and data are written
//! anew with the other formats left out.
//!
//! Text is surfaced with single line feeds. On the wire the extended form has CRLF line ends and a terminating NUL, the classic
//! form is Latin-1 with line feeds. `Allow` is lossless: it writes the text as the sender wrote it, byte for byte (the
//! terminating NUL is added when it was missing; bytes that are not UTF-8 became U+FFFD). NULs inside a text are kept and shown
//! to the policy. `Replace` writes the new text with the line ends of the form; in the classic form characters beyond Latin-1
//! become `?`.

mod cut_text;
mod extended;
mod inflate;
mod pending;
#[cfg(test)]
mod tests;
mod text;
mod turn;

use std::sync::Arc;

use cut_text::{CutText, CutTextStep};
use pending::Pending;
pub(crate) use turn::CutTextTurn;

/// Which way text wants to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the browser into the desktop: a paste, "copy in".
    ToTarget,
    /// From the desktop to the browser: a copy, "copy out".
    ToBrowser,
}

impl Direction {
    /// Who sends, for messages.
    pub(crate) fn sender(self) -> &'static str {
        match self {
            Self::ToTarget => "client",
            Self::ToBrowser => "server",
        }
    }

    /// The message type of cut text in this direction.
    pub(crate) fn message_type(self) -> u8 {
        match self {
            Self::ToTarget => 6,
            Self::ToBrowser => 3,
        }
    }
}

/// Text that waits for a [`Decision`].
#[derive(Clone, PartialEq, Eq)]
pub enum ClipboardOffer {
    /// Text with single line feeds, without the terminating NUL.
    Text {
        /// Which way it goes.
        direction: Direction,
        /// The text; may be empty.
        text: Arc<str>,
    },
    /// Text beyond the cap. It was skipped, so `Allow` counts as `Deny`.
    TooLarge {
        /// Which way it would have gone.
        direction: Direction,
        /// Bytes claimed, on the wire once inflated where that is known.
        bytes: u64,
    },
}

impl ClipboardOffer {
    /// Which way the text goes.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self {
            Self::Text { direction, .. } | Self::TooLarge { direction, .. } => *direction,
        }
    }

    /// The text, unless it was too large.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            Self::TooLarge { .. } => None,
        }
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Text { text, .. } => text.len() as u64,
            Self::TooLarge { bytes, .. } => *bytes,
        }
    }
}

/// Shows the size, never the content.
impl std::fmt::Debug for ClipboardOffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = if self.text().is_some() { "Text" } else { "TooLarge" };
        f.debug_struct(name)
            .field("direction", &self.direction())
            .field("bytes", &self.bytes())
            .finish()
    }
}

/// What becomes of a [`ClipboardOffer`].
#[derive(Clone, PartialEq, Eq)]
pub enum Decision {
    /// The text goes on as it was sent.
    Allow,
    /// This text goes on instead.
    Replace(String),
    /// Nothing goes on to the browser. The target gets an empty text, so that a paste inside yields nothing rather than older
    /// content, and no program there waits for an answer.
    Deny,
}

/// Shows the size of a replacement, never its content.
impl std::fmt::Debug for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Allow => f.write_str("Allow"),
            Self::Replace(text) => f.debug_struct("Replace").field("bytes", &text.len()).finish(),
            Self::Deny => f.write_str("Deny"),
        }
    }
}
