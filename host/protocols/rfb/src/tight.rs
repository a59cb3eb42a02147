//! Finding the end of a Tight rectangle (rfbproto 7.7.7) without decoding it.

use crate::Violation;
use crate::geometry::Rect;
use crate::relay::{Framed, Relay};

/// Bytes of a pixel: with 8 bits each of red, green and blue at depth 24 the unused one is left out.
const TPIXEL: u64 = 3;
/// Data shorter than this is sent as it is, without a length.
const MIN_TO_COMPRESS: u64 = 12;

/// Where in a Tight rectangle the stream is.
#[derive(Debug)]
pub(crate) struct Tight {
    rect: Rect,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Control,
    Filter,
    PaletteSize,
    /// The palette, then `data` bytes of pixels before compression.
    Palette {
        left: u64,
        data: u64,
    },
    /// A compact length that may be `limit` at most.
    Length {
        limit: u64,
    },
    Data {
        left: u64,
    },
}

impl Tight {
    pub(crate) fn new(rect: Rect) -> Self {
        Self {
            rect,
            phase: Phase::Control,
        }
    }

    /// Hands on as much of the rectangle as has come.
    pub(crate) fn step(&mut self, relay: &mut Relay<'_>) -> Result<Framed, Violation> {
        loop {
            match &mut self.phase {
                Phase::Control => {
                    let Some([control]) = relay.peek() else {
                        return Ok(Framed::NeedMore);
                    };
                    self.phase = match control >> 4 {
                        0x8 => Phase::Data { left: TPIXEL },
                        0x9 => Phase::Length { limit: COMPACT_MAX },
                        0x4..=0x7 => Phase::Filter,
                        0x0..=0x3 => pixels(self.rect.area() * TPIXEL),
                        _ => return Err(Violation::TightControl(control)),
                    };
                    relay.pass(1);
                }
                Phase::Filter => {
                    let Some([filter]) = relay.peek() else {
                        return Ok(Framed::NeedMore);
                    };
                    self.phase = match filter {
                        0 | 2 => pixels(self.rect.area() * TPIXEL),
                        1 => Phase::PaletteSize,
                        _ => return Err(Violation::TightFilter(filter)),
                    };
                    relay.pass(1);
                }
                Phase::PaletteSize => {
                    let Some([last]) = relay.peek() else { return Ok(Framed::NeedMore) };
                    let colours = u64::from(last) + 1;
                    let width = u64::from(self.rect.width);
                    let row = if colours <= 2 { width.div_ceil(8) } else { width };
                    let data = row * u64::from(self.rect.height);
                    self.phase = Phase::Palette {
                        left: colours * TPIXEL,
                        data,
                    };
                    relay.pass(1);
                }
                Phase::Palette { left, data } => {
                    relay.pass_some(left);
                    if *left > 0 {
                        return Ok(Framed::NeedMore);
                    }
                    self.phase = pixels(*data);
                }
                Phase::Length { limit } => {
                    let Some((length, bytes)) = compact(relay.rest()) else {
                        return Ok(Framed::NeedMore);
                    };
                    if length > *limit {
                        return Err(Violation::PixelLength {
                            bytes: length,
                            limit: *limit,
                        });
                    }
                    relay.pass(bytes);
                    self.phase = Phase::Data { left: length };
                }
                Phase::Data { left } => {
                    relay.pass_some(left);
                    return Ok(if *left == 0 { Framed::Done } else { Framed::NeedMore });
                }
            }
        }
    }
}

/// What follows for `data` bytes of filtered pixels.
fn pixels(data: u64) -> Phase {
    if data < MIN_TO_COMPRESS {
        Phase::Data { left: data }
    } else {
        Phase::Length {
            limit: compressed_limit(data),
        }
    }
}

/// zlib adds a few bytes to each block at worst; nothing honest comes near twice the size.
pub(crate) fn compressed_limit(data: u64) -> u64 {
    data.saturating_mul(2).saturating_add(1024)
}

const COMPACT_MAX: u64 = 0x3F_FFFF;

/// A length of one to three bytes, 7 bits in each of the first two and 8 in the third, least significant first.
fn compact(bytes: &[u8]) -> Option<(u64, usize)> {
    let &first = bytes.first()?;
    if first < 0x80 {
        return Some((u64::from(first), 1));
    }
    let &second = bytes.get(1)?;
    let low = u64::from(first & 0x7F) | u64::from(second & 0x7F) << 7;
    if second < 0x80 {
        return Some((low, 2));
    }
    let &third = bytes.get(2)?;
    Some((low | u64::from(third) << 14, 3))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use bytes::BytesMut;

    use super::*;

    /// Frames `bytes` as one rectangle and says how many of them belong to it.
    fn framed(width: u16, height: u16, bytes: &[u8]) -> Result<usize, Violation> {
        let mut tight = Tight::new(Rect { x: 0, y: 0, width, height });
        let mut input = BytesMut::from(bytes);
        let mut out = BytesMut::new();
        let framed = tight.step(&mut Relay::new(&mut input, &mut out))?;
        assert_eq!(framed, Framed::Done, "{bytes:?}");
        assert_eq!(&out[..], bytes.get(..out.len()).unwrap());
        Ok(out.len())
    }

    #[test]
    fn each_control_form_ends_where_it_should() {
        assert_eq!(framed(64, 64, &[0x80, 1, 2, 3, 9]), Ok(4), "fill");
        assert_eq!(framed(64, 64, &[0x8F, 1, 2, 3, 9]), Ok(4), "fill with stream resets");
        assert_eq!(framed(64, 64, &[0x90, 2, 1, 2, 9]), Ok(4), "JPEG");
        assert_eq!(framed(64, 64, &[0x00, 2, 1, 2, 9]), Ok(4), "basic, copy without a filter byte");
        assert_eq!(framed(64, 64, &[0x70, 0, 2, 1, 2, 9]), Ok(5), "basic, explicit copy");
        assert_eq!(framed(64, 64, &[0x40, 2, 2, 1, 2, 9]), Ok(5), "basic, gradient");
        assert_eq!(
            framed(64, 64, &[0x50, 1, 1, 1, 2, 3, 4, 5, 6, 2, 1, 2, 9]),
            Ok(12),
            "palette of two"
        );
    }

    #[test]
    fn short_data_has_no_length() {
        assert_eq!(framed(1, 3, &[0; 20]), Ok(1 + 9), "nine bytes of pixels");
        assert_eq!(framed(2, 2, &[0, 1, 7, 7]), Ok(3), "twelve bytes are compressed");
        assert_eq!(
            framed(8, 11, &[0x40, 1, 1, 0, 0, 0, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
            Ok(20),
            "one bit a pixel"
        );
        assert_eq!(
            framed(3, 2, &[0x40, 1, 2, 0, 0, 0, 1, 1, 1, 2, 2, 2, 1, 2, 3, 4, 5, 6, 7]),
            Ok(18),
            "one byte a pixel"
        );
        assert_eq!(framed(0, 5, &[0, 9]), Ok(1), "no pixels at all");
    }

    #[test]
    fn what_is_not_allowed() {
        assert_eq!(framed(64, 64, &[0xA0]), Err(Violation::TightControl(0xA0)), "PNG");
        assert_eq!(framed(64, 64, &[0xF0]), Err(Violation::TightControl(0xF0)));
        assert_eq!(framed(64, 64, &[0x40, 3]), Err(Violation::TightFilter(3)));
        let limit = compressed_limit(64 * 64 * 3);
        assert_eq!(
            framed(64, 64, &[0x00, 0xFF, 0xFF, 0xFF]),
            Err(Violation::PixelLength { bytes: COMPACT_MAX, limit })
        );
    }

    #[test]
    fn compact_lengths() {
        assert_eq!(compact(&[0x7F, 0xFF]), Some((127, 1)));
        assert_eq!(compact(&[0x80]), None);
        assert_eq!(compact(&[0x90, 0x4E]), Some((10_000, 2)), "the example of rfbproto");
        assert_eq!(compact(&[0xFF, 0xFF]), None);
        assert_eq!(compact(&[0xFF, 0xFF, 0xFF]), Some((COMPACT_MAX, 3)));
    }
}
