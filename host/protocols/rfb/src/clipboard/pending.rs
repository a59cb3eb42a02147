//! Text that waits for its decision.

use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};

use super::text::{from_extended, from_latin1, shared_with_lf, to_latin1, with_lf};
use super::{ClipboardOffer, Decision, Direction, extended};

/// Keeps what is needed to write the text on, or something in its place.
pub(crate) struct Pending {
    direction: Direction,
    form: Form,
    /// The text as it was sent; none when it was too large.
    original: Original,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Classic,
    Extended,
}

enum Original {
    Classic(Vec<u8>),
    Extended(Arc<str>),
    Skipped,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("direction", &self.direction)
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

impl Pending {
    pub(super) fn classic(direction: Direction, bytes: Vec<u8>) -> (ClipboardOffer, Self) {
        let text = with_lf(&from_latin1(&bytes)).into();
        let pending = Self {
            direction,
            form: Form::Classic,
            original: Original::Classic(bytes),
        };
        (ClipboardOffer::Text { direction, text }, pending)
    }

    pub(super) fn extended(direction: Direction, bytes: Vec<u8>) -> (ClipboardOffer, Self) {
        let original = from_extended(bytes).into();
        let text = shared_with_lf(&original);
        let pending = Self {
            direction,
            form: Form::Extended,
            original: Original::Extended(original),
        };
        (ClipboardOffer::Text { direction, text }, pending)
    }

    pub(super) fn too_large(direction: Direction, form: Form, bytes: u64) -> (ClipboardOffer, Self) {
        let pending = Self {
            direction,
            form,
            original: Original::Skipped,
        };
        (ClipboardOffer::TooLarge { direction, bytes }, pending)
    }

    /// Writes what `decision` lets through.
    pub(crate) fn resolve(self, decision: Decision, out: &mut BytesMut) {
        let message = match decision {
            Decision::Allow => match &self.original {
                Original::Classic(bytes) => self.classic_message(bytes),
                Original::Extended(text) => extended::provide(text).and_then(|payload| extended::message(self.direction, &payload)),
                Original::Skipped => None,
            },
            Decision::Replace(text) => self.message(&text),
            Decision::Deny => None,
        };
        // Denied, or too long for any message.
        let message = message.or_else(|| match self.direction {
            Direction::ToTarget => self.message(""),
            Direction::ToBrowser => None,
        });
        if let Some(message) = message {
            out.unsplit(message);
        }
    }

    fn message(&self, text: &str) -> Option<BytesMut> {
        match self.form {
            Form::Classic => self.classic_message(&to_latin1(text)),
            Form::Extended => extended::message(self.direction, &extended::provide_with_crlf(text)?),
        }
    }

    fn classic_message(&self, bytes: &[u8]) -> Option<BytesMut> {
        let length = i32::try_from(bytes.len()).ok()?;
        let mut message = BytesMut::with_capacity(8 + bytes.len());
        message.put_slice(&[self.direction.message_type(), 0, 0, 0]);
        message.put_i32(length);
        message.put_slice(bytes);
        Some(message)
    }
}
