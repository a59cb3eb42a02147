//! Moving bytes from an input buffer to an output buffer.

use bytes::{Buf as _, BytesMut};

/// Whether a piece of the stream has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framed {
    /// The next byte belongs to something else.
    Done,
    /// More bytes are needed.
    NeedMore,
}

/// Looks at `input` and hands it on. Bytes that are approved one after the other leave in one piece, without a copy.
pub(crate) struct Relay<'a> {
    input: &'a mut BytesMut,
    out: &'a mut BytesMut,
    /// Approved bytes at the front of `input` that were not moved yet.
    approved: usize,
}

impl<'a> Relay<'a> {
    pub(crate) fn new(input: &'a mut BytesMut, out: &'a mut BytesMut) -> Self {
        Self { input, out, approved: 0 }
    }

    /// What was not judged yet.
    pub(crate) fn rest(&self) -> &[u8] {
        self.input.get(self.approved..).unwrap_or_default()
    }

    /// The next `N` bytes, when they have all come. They stay.
    pub(crate) fn peek<const N: usize>(&self) -> Option<[u8; N]> {
        self.rest().first_chunk().copied()
    }

    /// Hands on the next `count` bytes (fewer when fewer have come).
    pub(crate) fn pass(&mut self, count: usize) {
        self.approved = self.approved.saturating_add(count).min(self.input.len());
    }

    /// Hands on up to `left` bytes and counts them off.
    pub(crate) fn pass_some(&mut self, left: &mut u64) {
        let count = usize::try_from(*left).unwrap_or(usize::MAX).min(self.rest().len());
        self.pass(count);
        *left -= count as u64;
    }

    /// Takes out the next `count` bytes (fewer when fewer have come); nobody gets them.
    pub(crate) fn skip(&mut self, count: usize) {
        self.flush();
        self.input.advance(count.min(self.input.len()));
    }

    /// Writes bytes of our own.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.flush();
        self.out.extend_from_slice(bytes);
    }

    fn flush(&mut self) {
        if self.approved > 0 {
            let piece = self.input.split_to(self.approved);
            self.approved = 0;
            // No copy when `out` is empty or ends where the piece starts, which is nearly always.
            self.out.unsplit(piece);
        }
    }
}

impl Drop for Relay<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_bytes_keep_their_place_in_memory() {
        let mut input = BytesMut::from(&b"abcdefgh"[..]);
        let mut out = BytesMut::new();
        let start = input.as_ptr();
        let mut relay = Relay::new(&mut input, &mut out);
        relay.pass(3);
        relay.pass(2);
        drop(relay);
        assert_eq!(&out[..], b"abcde");
        assert_eq!(out.as_ptr(), start);
        Relay::new(&mut input, &mut out).pass(100);
        assert_eq!(&out[..], b"abcdefgh");
        assert_eq!(out.as_ptr(), start, "joined without a copy");
    }

    #[test]
    fn skipped_and_written_bytes_are_in_order() {
        let mut input = BytesMut::from(&b"abcdefgh"[..]);
        let mut out = BytesMut::new();
        let mut relay = Relay::new(&mut input, &mut out);
        relay.pass(2);
        relay.skip(3);
        relay.write(b"-");
        let mut left = 2;
        relay.pass_some(&mut left);
        assert_eq!((left, relay.rest()), (0, &b"h"[..]));
        drop(relay);
        assert_eq!(&out[..], b"ab-fg");
    }
}
