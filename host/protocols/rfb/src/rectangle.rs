//! One rectangle of a FramebufferUpdate (RFC 6143 7.6.1, 7.7, 7.8): its header, and where its payload ends.

use crate::geometry::Rect;
use crate::relay::{Framed, Relay};
use crate::shared::{Config, Extension, Shared};
use crate::tight::{Tight, compressed_limit};
use crate::{Encoding, Violation};

const BYTES_PER_PIXEL: u64 = 4;

/// The payload that follows a rectangle's header.
#[derive(Debug)]
pub(crate) enum Payload {
    /// This many bytes, untouched.
    Bytes {
        left: u64,
    },
    Zrle {
        rect: Rect,
    },
    Tight(Tight),
    VmwareCursor {
        rect: Rect,
    },
    Screens {
        rect: Rect,
    },
    Name,
    NameRest {
        left: u64,
    },
}

/// What a header starts.
#[derive(Debug)]
pub(crate) enum Start {
    NeedMore,
    Payload(Payload),
    /// LastRect: no rectangle follows, whatever the update's header said.
    Last,
}

/// Reads the 12 bytes of a rectangle header.
pub(crate) fn start(relay: &mut Relay<'_>, config: &Config, shared: &Shared) -> Result<Start, Violation> {
    let Some([x1, x0, y1, y0, w1, w0, h1, h0, e3, e2, e1, e0]) = relay.peek::<12>() else {
        return Ok(Start::NeedMore);
    };
    let rect = Rect {
        x: u16::from_be_bytes([x1, x0]),
        y: u16::from_be_bytes([y1, y0]),
        width: u16::from_be_bytes([w1, w0]),
        height: u16::from_be_bytes([h1, h0]),
    };
    let number = i32::from_be_bytes([e3, e2, e1, e0]);
    let encoding = Encoding::from_wire(number)
        .filter(|&encoding| shared.is_offered(encoding))
        .ok_or(Violation::Encoding(number))?;
    let payload = match encoding {
        Encoding::Raw => {
            rect.check_inside(shared.size())?;
            Payload::Bytes {
                left: rect.area() * BYTES_PER_PIXEL,
            }
        }
        Encoding::CopyRect => {
            rect.check_inside(shared.size())?;
            return copy_rect(relay, rect, shared);
        }
        Encoding::Tight => {
            rect.check_inside(shared.size())?;
            if rect.area() == 0 {
                // noVNC 1.7 loses its place behind an empty rectangle with a palette, and would then read pixels as messages.
                return Err(Violation::EmptyRect);
            }
            Payload::Tight(Tight::new(rect))
        }
        Encoding::Zrle => {
            rect.check_inside(shared.size())?;
            Payload::Zrle { rect }
        }
        Encoding::Cursor => {
            check_cursor(rect, config)?;
            Payload::Bytes {
                left: rect.area() * BYTES_PER_PIXEL + mask_bytes(rect),
            }
        }
        Encoding::XCursor => {
            check_cursor(rect, config)?;
            // Two colours of three bytes, a bitmap, a mask; nothing at all for an empty cursor.
            Payload::Bytes {
                left: if rect.area() == 0 { 0 } else { 6 + 2 * mask_bytes(rect) },
            }
        }
        Encoding::VmwareCursor => {
            check_cursor(rect, config)?;
            Payload::VmwareCursor { rect }
        }
        Encoding::DesktopSize => {
            shared.resize(rect.size().check(&config.limits)?);
            Payload::Bytes { left: 0 }
        }
        Encoding::ExtendedDesktopSize => Payload::Screens { rect },
        Encoding::LastRect => {
            relay.pass(12);
            return Ok(Start::Last);
        }
        Encoding::DesktopName => {
            // The header's geometry means nothing: ours is written with the name.
            relay.skip(12);
            return Ok(Start::Payload(Payload::Name));
        }
        Encoding::QemuExtendedKey => {
            shared.announce(Extension::QemuExtendedKey);
            Payload::Bytes { left: 0 }
        }
        Encoding::QemuLed => Payload::Bytes { left: 1 },
        Encoding::ContinuousUpdates
        | Encoding::Fence
        | Encoding::ExtendedClipboard
        | Encoding::JpegQuality(_)
        | Encoding::CompressLevel(_) => return Err(Violation::Encoding(number)),
    };
    relay.pass(12);
    Ok(Start::Payload(payload))
}

/// CopyRect is judged in one piece, so that nothing of it leaves before its source was checked.
fn copy_rect(relay: &mut Relay<'_>, rect: Rect, shared: &Shared) -> Result<Start, Violation> {
    let Some([.., x1, x0, y1, y0]) = relay.peek::<16>() else {
        return Ok(Start::NeedMore);
    };
    let source = Rect {
        x: u16::from_be_bytes([x1, x0]),
        y: u16::from_be_bytes([y1, y0]),
        ..rect
    };
    source.check_inside(shared.size())?;
    relay.pass(12);
    Ok(Start::Payload(Payload::Bytes { left: 4 }))
}

impl Payload {
    /// Hands on as much of the payload as has come.
    pub(crate) fn step(&mut self, relay: &mut Relay<'_>, config: &Config, shared: &Shared) -> Result<Framed, Violation> {
        loop {
            match self {
                Self::Bytes { left } => {
                    relay.pass_some(left);
                    return Ok(if *left == 0 { Framed::Done } else { Framed::NeedMore });
                }
                Self::Tight(tight) => return tight.step(relay),
                Self::Zrle { rect } => {
                    let Some(length) = relay.peek().map(u32::from_be_bytes) else {
                        return Ok(Framed::NeedMore);
                    };
                    let (bytes, limit) = (u64::from(length), compressed_limit(rect.area() * BYTES_PER_PIXEL));
                    if bytes > limit {
                        return Err(Violation::PixelLength { bytes, limit });
                    }
                    relay.pass(4);
                    *self = Self::Bytes { left: bytes };
                }
                Self::VmwareCursor { rect } => {
                    let Some([kind, _padding]) = relay.peek() else {
                        return Ok(Framed::NeedMore);
                    };
                    let planes = match kind {
                        0 => 2, // an AND and a XOR mask of full pixels
                        1 => 1, // red, green, blue, alpha
                        _ => return Err(Violation::CursorType(kind)),
                    };
                    relay.pass(2);
                    *self = Self::Bytes {
                        left: rect.area() * BYTES_PER_PIXEL * planes,
                    };
                }
                Self::Screens { rect } => {
                    let Some([screens, _, _, _]) = relay.peek() else {
                        return Ok(Framed::NeedMore);
                    };
                    if screens > 0 {
                        let Some([_, _, _, _, i3, i2, i1, i0, _, _, _, _, _, _, _, _, f3, f2, f1, f0]) = relay.peek() else {
                            return Ok(Framed::NeedMore);
                        };
                        shared.set_screen([i3, i2, i1, i0, f3, f2, f1, f0]);
                    }
                    let (reason, status) = (rect.x, rect.y);
                    // A refused request of this client leaves the size as it was.
                    if reason != 1 || status == 0 {
                        shared.resize(rect.size().check(&config.limits)?);
                    }
                    shared.announce(Extension::SetDesktopSize);
                    relay.pass(4);
                    *self = Self::Bytes {
                        left: u64::from(screens) * 16,
                    };
                }
                Self::Name => {
                    let Some(length) = relay.peek().map(u32::from_be_bytes) else {
                        return Ok(Framed::NeedMore);
                    };
                    if length > config.limits.max_name_bytes {
                        return Err(Violation::NameLength(length));
                    }
                    relay.skip(4);
                    write_name_rect(relay, &config.desktop_name);
                    *self = Self::NameRest { left: u64::from(length) };
                }
                Self::NameRest { left } => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(relay.rest().len());
                    relay.skip(count);
                    *left -= count as u64;
                    return Ok(if *left == 0 { Framed::Done } else { Framed::NeedMore });
                }
            }
        }
    }
}

fn write_name_rect(relay: &mut Relay<'_>, name: &str) {
    let name = crate::handshake::name_for_wire(name);
    relay.write(&[0; 8]);
    relay.write(&Encoding::DesktopName.to_wire().to_be_bytes());
    relay.write(&(name.len() as u32).to_be_bytes());
    relay.write(name.as_bytes());
}

/// Bytes of one bit for each pixel, rows padded to whole bytes.
fn mask_bytes(rect: Rect) -> u64 {
    u64::from(rect.width).div_ceil(8) * u64::from(rect.height)
}

/// A cursor's x and y are its hotspot, so only its size can be checked.
fn check_cursor(rect: Rect, config: &Config) -> Result<(), Violation> {
    let side = config.limits.max_cursor_side;
    if rect.width > side || rect.height > side {
        return Err(Violation::CursorSize {
            width: rect.width,
            height: rect.height,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use crate::test_session::*;
    use crate::{Size, Violation};

    const ALL: [i32; 12] = [1, 7, 16, -239, -240, 0x574d_5664, -223, -308, -224, -307, -258, -261];

    #[track_caller]
    fn check(rects: &[Vec<u8>]) {
        let (mut server, _client) = offering(false, &ALL);
        // A bell behind the update shows that its end was found.
        let bytes = [update(rects.len() as u16), rects.concat(), vec![2]].concat();
        passes(&bytes, from_server(&mut server, &bytes));
        assert_eq!(server.updates(), 1);
    }

    #[track_caller]
    fn refused(rect: Vec<u8>) -> Violation {
        let (mut server, _client) = offering(false, &ALL);
        from_server(&mut server, &[update(1), rect].concat()).unwrap_err()
    }

    #[test]
    fn every_rectangle_ends_where_it_should() {
        check(&[rect([0, 0, 3, 2], 0, &[7; 24])]);
        check(&[rect([0, 0, 3, 2], 1, &[0, 97, 0, 48])]);
        check(&[rect([0, 0, 3, 2], 7, &[0x80, 1, 2, 3])]);
        check(&[rect([0, 0, 3, 2], 16, &[0, 0, 0, 3, 1, 2, 3])]);
        check(&[rect([4, 4, 9, 2], -239, &[7; 9 * 2 * 4 + 2 * 2])]);
        check(&[rect([4, 4, 9, 2], -240, &[7; 6 + 2 * 2 * 2])]);
        check(&[rect([4, 4, 0, 0], -240, &[])]);
        check(&[rect([4, 4, 3, 2], 0x574d_5664, &[[0, 0].as_slice(), &[7; 48]].concat())]);
        check(&[rect([4, 4, 3, 2], 0x574d_5664, &[[1, 0].as_slice(), &[7; 24]].concat())]);
        check(&[rect([0, 0, 3, 2], -223, &[])]);
        check(&[rect([0, 0, 3, 2], -308, &[[2, 0, 0, 0].as_slice(), &[7; 32]].concat())]);
        check(&[rect([0, 0, 0, 0], -258, &[])]);
        check(&[rect([0, 0, 0, 0], -261, &[4])]);
        check(&[
            rect([0, 0, 0, 0], -258, &[]),
            rect([0, 0, 1, 1], 0, &[7; 4]),
            rect([0, 0, 1, 1], 1, &[0; 4]),
        ]);
        check(&[]);
    }

    #[test]
    fn last_rect_ends_an_update_early() {
        let (mut server, _client) = offering(false, &ALL);
        let bytes = [update(0xFFFF), rect([0, 0, 1, 1], 0, &[7; 4]), rect([0; 4], -224, &[]), vec![2]].concat();
        passes(&bytes, from_server(&mut server, &bytes));
        assert_eq!(server.updates(), 1);
    }

    #[test]
    fn pixels_go_on_before_the_rectangle_is_whole() {
        let (mut server, _client) = session(false);
        let bytes = [update(1), rect([0, 0, 100, 50], 0, &[7; 10])].concat();
        passes(&bytes, from_server(&mut server, &bytes));
        assert_eq!(server.updates(), 0);
    }

    #[test]
    fn the_desktop_name_is_ours() {
        let (mut server, _client) = offering(false, &ALL);
        let theirs = [update(1), rect([1, 2, 3, 4], -307, b"\0\0\0\x06theirs"), vec![2]].concat();
        let ours = [update(1), rect([0; 4], -307, b"\0\0\0\x04ours"), vec![2]].concat();
        let (out, rest, _) = from_server(&mut server, &theirs).unwrap();
        assert_eq!((out, rest), (ours, vec![]));
        assert_eq!(refused(rect([0; 4], -307, &[0, 2, 0, 0])), Violation::NameLength(0x20000));
    }

    #[test]
    fn what_was_not_offered_is_refused() {
        let (mut server, _client) = offering(false, &[0]);
        let tight = [update(1), rect([0, 0, 1, 1], 7, &[])].concat();
        let violation = from_server(&mut server, &tight).unwrap_err();
        assert_eq!(violation.to_string(), "server sent encoding 7 which was never offered");
        // RRE, Hextile, JPEG quality, compression, fences and the clipboard head no rectangle.
        for encoding in [2, 5, -26, -250, -312, -313, EXTENDED_CLIPBOARD, i32::MIN] {
            assert_eq!(refused(rect([0, 0, 1, 1], encoding, &[])), Violation::Encoding(encoding));
        }
    }

    #[test]
    fn geometry_is_checked() {
        for encoding in [0, 1, 7, 16] {
            let outside = refused(rect([91, 0, 10, 10], encoding, &[0; 64]));
            assert_eq!(outside.code(), "rfb-rect-outside", "{encoding}");
        }
        assert_eq!(
            refused(rect([0, 0, 10, 10], 1, &[0, 91, 0, 0])).code(),
            "rfb-rect-outside",
            "source of a copy"
        );
        assert_eq!(
            refused(rect([0, 0, 1025, 1], -239, &[])),
            Violation::CursorSize { width: 1025, height: 1 }
        );
        assert_eq!(refused(rect([0, 0, 0, 10], 7, &[])), Violation::EmptyRect);
        assert_eq!(refused(rect([0, 0, 1, 1], 0x574d_5664, &[2, 0])), Violation::CursorType(2));
        assert_eq!(
            refused(rect([0, 0, 40_000, 1], -223, &[])),
            Violation::FramebufferSize { width: 40_000, height: 1 }
        );
        assert_eq!(refused(rect([0, 0, 16384, 16384], -308, &[0; 4])).code(), "rfb-framebuffer-size");
        assert_eq!(
            refused(rect([0, 0, 1, 1], 16, &[0, 0, 4, 9])),
            Violation::PixelLength { bytes: 1033, limit: 1032 }
        );
    }

    #[test]
    fn a_new_size_counts_at_once() {
        let (mut server, _client) = offering(false, &ALL);
        let screens = [[1, 0, 0, 0].as_slice(), &[0; 16]].concat();
        let refused_resize = [update(1), rect([1, 3, 500, 500], -308, &screens)].concat();
        passes(&refused_resize, from_server(&mut server, &refused_resize));
        assert_eq!(server.size(), Size { width: 100, height: 50 });
        let grown = [
            update(2),
            rect([0, 0, 200, 200], -308, &screens),
            rect([199, 199, 1, 1], 0, &[0; 4]),
        ]
        .concat();
        passes(&grown, from_server(&mut server, &grown));
        let shrunk = [update(2), rect([0, 0, 20, 20], -223, &[]), rect([20, 0, 1, 1], 0, &[0; 4])].concat();
        assert_eq!(from_server(&mut server, &shrunk).unwrap_err().code(), "rfb-rect-outside");
    }
}
