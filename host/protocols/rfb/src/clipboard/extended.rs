//! Messages of the extended clipboard (rfbproto, pseudo-encoding 0xC0A1E5CE), as far as text goes.

use bytes::{BufMut as _, BytesMut};
use flate2::{Compress, Compression, FlushCompress};

use super::Direction;
use super::text::with_crlf;

pub(super) const FORMAT_TEXT: u32 = 1;
pub(super) const FORMATS: u32 = 0xFFFF;
pub(super) const ACTION_CAPS: u32 = 1 << 24;
pub(super) const ACTION_REQUEST: u32 = 1 << 25;
pub(super) const ACTION_PEEK: u32 = 1 << 26;
pub(super) const ACTION_NOTIFY: u32 = 1 << 27;
pub(super) const ACTION_PROVIDE: u32 = 1 << 28;
pub(super) const ACTIONS: u32 = 0xFF00_0000;
/// What a peer may say that it can do.
pub(super) const KNOWN_ACTIONS: u32 = ACTION_CAPS | ACTION_REQUEST | ACTION_PEEK | ACTION_NOTIFY | ACTION_PROVIDE;

/// A cut text message with extended `payload`: its length is sent negated.
pub(super) fn message(direction: Direction, payload: &[u8]) -> Option<BytesMut> {
    let length = i32::try_from(payload.len()).ok()?;
    let mut message = BytesMut::with_capacity(8 + payload.len());
    message.put_slice(&[direction.message_type(), 0, 0, 0]);
    message.put_i32(-length);
    message.put_slice(payload);
    Some(message)
}

/// The payload of a "provide" with `text` as it is and a terminating NUL. Like both TigerVNC and noVNC it flushes the zlib stream
/// and does not end it.
pub(super) fn provide(text: &str) -> Option<Vec<u8>> {
    let size = u32::try_from(text.len()).ok()?.checked_add(1)?;
    let mut payload = Vec::with_capacity(64 + text.len() / 2);
    payload.put_u32(ACTION_PROVIDE | FORMAT_TEXT);
    let mut zlib = Compress::new(Compression::fast(), true);
    deflate(&mut zlib, &size.to_be_bytes(), FlushCompress::None, &mut payload)?;
    deflate(&mut zlib, text.as_bytes(), FlushCompress::None, &mut payload)?;
    deflate(&mut zlib, &[0], FlushCompress::Sync, &mut payload)?;
    Some(payload)
}

/// The payload of a "provide" of `text` with the line ends of the wire.
pub(super) fn provide_with_crlf(text: &str) -> Option<Vec<u8>> {
    provide(&with_crlf(text))
}

fn deflate(zlib: &mut Compress, mut input: &[u8], flush: FlushCompress, out: &mut Vec<u8>) -> Option<()> {
    loop {
        out.reserve(4096);
        let read = zlib.total_in();
        zlib.compress_vec(input, out, flush).ok()?;
        input = input.get(usize::try_from(zlib.total_in() - read).ok()?..)?;
        // Space that is left over means that zlib has nothing more to say.
        if input.is_empty() && out.len() < out.capacity() {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::super::inflate::{Inflated, TextInflater};
    use super::*;

    #[test]
    fn what_is_provided_inflates_to_the_same() {
        let noise: String = (0..1_048_576_u64)
            .map(|n| char::from((n.wrapping_mul(n) >> 7) as u8 % 94 + 32))
            .collect();
        for text in ["", "a", "line\nline", "\0", "😀", &"x".repeat(16_379), &noise] {
            let payload = provide_with_crlf(text).unwrap();
            let (flags, data) = payload.split_first_chunk().unwrap();
            assert_eq!(u32::from_be_bytes(*flags), ACTION_PROVIDE | FORMAT_TEXT);
            let expected = format!("{}\0", with_crlf(text)).into_bytes();
            assert!(
                TextInflater::new(1 << 21).feed(data).unwrap() == Inflated::Text(expected),
                "{} bytes",
                text.len()
            );
        }
    }
}
