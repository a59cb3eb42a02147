//! The encodings and pseudo-encodings that the inspector can frame.

/// An encoding that may be offered to a target. Everything else is taken out of SetEncodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// Raw pixels (RFC 6143 7.7.1). Always allowed, offered or not.
    Raw,
    /// CopyRect (RFC 6143 7.7.2).
    CopyRect,
    /// Tight (rfbproto 7.7.7).
    Tight,
    /// ZRLE (RFC 6143 7.7.6).
    Zrle,
    /// Cursor shape (RFC 6143 7.8.1).
    Cursor,
    /// Two-colour cursor shape.
    XCursor,
    /// Cursor shape with an alpha channel.
    VmwareCursor,
    /// New framebuffer size (RFC 6143 7.8.2).
    DesktopSize,
    /// New framebuffer size with screens; announces SetDesktopSize.
    ExtendedDesktopSize,
    /// Ends an update early.
    LastRect,
    /// New desktop name; replaced.
    DesktopName,
    /// Announces the QEMU extended key event.
    QemuExtendedKey,
    /// State of the keyboard's lamps.
    QemuLed,
    /// Offers continuous updates; announced by EndOfContinuousUpdates.
    ContinuousUpdates,
    /// Offers fences; announced by the first ServerFence.
    Fence,
    /// Offers the extended clipboard; announced by the server's capabilities.
    ExtendedClipboard,
    /// A hint: JPEG quality 0 to 9.
    JpegQuality(u8),
    /// A hint: compression level 0 to 9.
    CompressLevel(u8),
}

impl Encoding {
    /// The encoding with this number on the wire, when it is on the list.
    #[must_use]
    pub fn from_wire(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::Raw,
            1 => Self::CopyRect,
            7 => Self::Tight,
            16 => Self::Zrle,
            -239 => Self::Cursor,
            -240 => Self::XCursor,
            0x574d_5664 => Self::VmwareCursor,
            -223 => Self::DesktopSize,
            -308 => Self::ExtendedDesktopSize,
            -224 => Self::LastRect,
            -307 => Self::DesktopName,
            -258 => Self::QemuExtendedKey,
            -261 => Self::QemuLed,
            -313 => Self::ContinuousUpdates,
            -312 => Self::Fence,
            EXTENDED_CLIPBOARD => Self::ExtendedClipboard,
            -32..=-23 => Self::JpegQuality(u8::try_from(number + 32).ok()?),
            -256..=-247 => Self::CompressLevel(u8::try_from(number + 256).ok()?),
            _ => return None,
        })
    }

    /// The number on the wire.
    #[must_use]
    pub fn to_wire(self) -> i32 {
        match self {
            Self::Raw => 0,
            Self::CopyRect => 1,
            Self::Tight => 7,
            Self::Zrle => 16,
            Self::Cursor => -239,
            Self::XCursor => -240,
            Self::VmwareCursor => 0x574d_5664,
            Self::DesktopSize => -223,
            Self::ExtendedDesktopSize => -308,
            Self::LastRect => -224,
            Self::DesktopName => -307,
            Self::QemuExtendedKey => -258,
            Self::QemuLed => -261,
            Self::ContinuousUpdates => -313,
            Self::Fence => -312,
            Self::ExtendedClipboard => EXTENDED_CLIPBOARD,
            Self::JpegQuality(level) => -32 + i32::from(level),
            Self::CompressLevel(level) => -256 + i32::from(level),
        }
    }

    /// One bit for each encoding; hints have none, since they never come back.
    pub(crate) fn bit(self) -> u32 {
        1 << match self {
            Self::Raw => 0,
            Self::CopyRect => 1,
            Self::Tight => 2,
            Self::Zrle => 3,
            Self::Cursor => 4,
            Self::XCursor => 5,
            Self::VmwareCursor => 6,
            Self::DesktopSize => 7,
            Self::ExtendedDesktopSize => 8,
            Self::LastRect => 9,
            Self::DesktopName => 10,
            Self::QemuExtendedKey => 11,
            Self::QemuLed => 12,
            Self::ContinuousUpdates => 13,
            Self::Fence => 14,
            Self::ExtendedClipboard => 15,
            Self::JpegQuality(_) | Self::CompressLevel(_) => return 0,
        }
    }
}

const EXTENDED_CLIPBOARD: i32 = 0xC0A1_E5CE_u32.cast_signed();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back() {
        let known: Vec<i32> = (-1024..1024)
            .chain([0x574d_5664, EXTENDED_CLIPBOARD, i32::MIN, i32::MAX])
            .filter(|&number| Encoding::from_wire(number).is_some_and(|encoding| encoding.to_wire() == number))
            .collect();
        let on_the_list = (-1024..1024).filter(|&number| Encoding::from_wire(number).is_some()).count() + 2;
        assert_eq!(known.len(), on_the_list);
        assert_eq!(on_the_list, 36, "16 encodings and two times 10 hints");
    }

    #[test]
    fn what_is_never_offered() {
        // RRE, Hextile, zlib, JPEG, H.264, TightPNG, xvp, extended mouse buttons, gii, file transfer, cursor with alpha
        for number in [2, 5, 6, 21, 50, -260, -309, -316, -305, -314, 0x574d_5666] {
            assert_eq!(Encoding::from_wire(number), None, "{number}");
        }
    }
}
