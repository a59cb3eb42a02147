//! The first format of an extended clipboard's data, inflated as it comes and never past the cap.

use flate2::{Decompress, FlushDecompress, Status};

/// Inflates `u32 size, size bytes` (rfbproto 7.5.6, "provide"). Text is the lowest format, so it always comes first, and what
/// follows is never looked at.
pub(super) struct TextInflater {
    zlib: Decompress,
    /// The size and then the text. Grows as bytes come, whatever size is claimed.
    bytes: Vec<u8>,
    scratch: Vec<u8>,
    cap: u32,
}

/// An error in the stream counts only when it comes before the end of the text. Since zlib may report it with output still
/// held back, each piece of input is so short that its output always fits: two bits can stand for 258 bytes, and up to eight
/// bytes of input may be held back.
const PIECE: usize = 64;
const SCRATCH: usize = (PIECE + 8) * 4 * 258;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inflated {
    More,
    Text(Vec<u8>),
    /// The size claimed is beyond the cap. Nothing of the text was kept.
    TooLarge(u32),
}

/// The data is no zlib stream, or ended before the text did.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl TextInflater {
    pub(super) fn new(cap: u32) -> Self {
        Self {
            zlib: Decompress::new(true),
            bytes: Vec::new(),
            scratch: vec![0; SCRATCH],
            cap,
        }
    }

    pub(super) fn feed(&mut self, chunk: &[u8]) -> Result<Inflated, Malformed> {
        for piece in chunk.chunks(PIECE) {
            match self.feed_piece(piece)? {
                Inflated::More => {}
                done => return Ok(done),
            }
        }
        Ok(Inflated::More)
    }

    fn feed_piece(&mut self, mut piece: &[u8]) -> Result<Inflated, Malformed> {
        while !piece.is_empty() {
            let (read, written) = (self.zlib.total_in(), self.zlib.total_out());
            let status = self.zlib.decompress(piece, &mut self.scratch, FlushDecompress::None);
            let (read, written) = (self.zlib.total_in() - read, self.zlib.total_out() - written);
            let inflated = usize::try_from(written)
                .ok()
                .and_then(|written| self.scratch.get(..written))
                .ok_or(Malformed)?;
            self.bytes.extend_from_slice(inflated);
            if let Some(done) = self.check() {
                return Ok(done);
            }
            match status {
                Ok(Status::Ok | Status::BufError) if read > 0 || written > 0 => {}
                _ => return Err(Malformed),
            }
            piece = usize::try_from(read).ok().and_then(|read| piece.get(read..)).ok_or(Malformed)?;
        }
        Ok(Inflated::More)
    }

    fn check(&mut self) -> Option<Inflated> {
        let (size, text) = self.bytes.split_first_chunk()?;
        let size = u32::from_be_bytes(*size);
        if size > self.cap {
            return Some(Inflated::TooLarge(size));
        }
        if text.len() < size as usize {
            return None;
        }
        let mut text = std::mem::take(&mut self.bytes);
        text.drain(..4);
        text.truncate(size as usize);
        Some(Inflated::Text(text))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn deflated(size: u32, text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&size.to_be_bytes()).unwrap();
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn text_comes_out_whatever_the_chunks_are() {
        let text: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(n) >> 3) as u8).collect();
        let data = deflated(text.len() as u32, &text);
        for chunk in [1, 7, 4096, data.len()] {
            let mut inflater = TextInflater::new(1 << 20);
            let mut last = Inflated::More;
            for chunk in data.chunks(chunk) {
                assert_eq!(last, Inflated::More);
                last = inflater.feed(chunk).unwrap();
                if last != Inflated::More {
                    break;
                }
            }
            assert!(last == Inflated::Text(text.clone()), "in chunks of {chunk}");
        }
    }

    #[test]
    fn further_formats_are_not_looked_at() {
        let data = deflated(3, b"abc\0\0\0\x09rich text");
        assert_eq!(TextInflater::new(100).feed(&data), Ok(Inflated::Text(b"abc".to_vec())));
    }

    #[test]
    fn a_claim_beyond_the_cap_is_not_inflated() {
        let bomb = deflated(50_000_000, &vec![0; 50_000_000]);
        assert!(bomb.len() < 60_000);
        let mut inflater = TextInflater::new(1 << 20);
        assert_eq!(inflater.feed(&bomb), Ok(Inflated::TooLarge(50_000_000)));
        assert!(inflater.bytes.capacity() <= SCRATCH, "{}", inflater.bytes.capacity());
        assert_eq!(
            TextInflater::new(100).feed(&deflated(u32::MAX, b"")),
            Ok(Inflated::TooLarge(u32::MAX))
        );
    }

    #[test]
    fn a_small_claim_stops_a_bomb() {
        let bomb = deflated(10, &vec![b'x'; 50_000_000]);
        let mut inflater = TextInflater::new(1 << 20);
        assert_eq!(inflater.feed(&bomb), Ok(Inflated::Text(vec![b'x'; 10])));
        assert!(inflater.zlib.total_out() <= SCRATCH as u64);
    }

    #[test]
    fn what_does_not_inflate() {
        assert_eq!(TextInflater::new(100).feed(b"not a zlib stream"), Err(Malformed));
        assert_eq!(TextInflater::new(100).feed(&deflated(4, b"abc")), Err(Malformed), "ended early");
        assert_eq!(TextInflater::new(100).feed(&[]), Ok(Inflated::More));
    }

    #[test]
    fn damage_behind_the_text_does_not_matter_however_it_comes() {
        let mut data = deflated(5, &[b'x'; 100_000]);
        let end = data.len();
        data.splice(end - 8.., [0xFF; 8]);
        for chunk in [1, 50, end] {
            let mut inflater = TextInflater::new(100);
            let last = data
                .chunks(chunk)
                .map(|chunk| inflater.feed(chunk))
                .find(|last| *last != Ok(Inflated::More));
            assert_eq!(last, Some(Ok(Inflated::Text(b"xxxxx".to_vec()))), "in chunks of {chunk}");
        }
    }
}
