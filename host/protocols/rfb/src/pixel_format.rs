//! The pixel format (RFC 6143 7.4) that both sides are held to.

/// PIXEL_FORMAT, 16 bytes on the wire with 3 of padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelFormat {
    /// Bits used for a pixel.
    pub bits_per_pixel: u8,
    /// Useful bits in a pixel.
    pub depth: u8,
    /// Whether the most significant byte comes first.
    pub big_endian: bool,
    /// Whether pixels are colours, not indices into a colour map.
    pub true_colour: bool,
    /// Largest red, green and blue.
    pub max: [u16; 3],
    /// Bits to shift red, green and blue to the left.
    pub shift: [u8; 3],
}

impl PixelFormat {
    /// Length on the wire, padding included.
    pub(crate) const BYTES: usize = 16;

    /// What noVNC 1.7 asks for (`RFB.messages.pixelFormat(sock, 24, true)`): 32 bits, little endian, bytes in the order red,
    /// green, blue, unused. Its decoders can't read another, so this one is fixed and no pixel is ever converted.
    pub const FIXED: Self = Self {
        bits_per_pixel: 32,
        depth: 24,
        big_endian: false,
        true_colour: true,
        max: [255, 255, 255],
        shift: [0, 8, 16],
    };

    pub(crate) fn encode(self) -> [u8; Self::BYTES] {
        let [[r1, r0], [g1, g0], [b1, b0]] = self.max.map(u16::to_be_bytes);
        let [red, green, blue] = self.shift;
        let (endian, colour) = (u8::from(self.big_endian), u8::from(self.true_colour));
        [
            self.bits_per_pixel,
            self.depth,
            endian,
            colour,
            r1,
            r0,
            g1,
            g0,
            b1,
            b0,
            red,
            green,
            blue,
            0,
            0,
            0,
        ]
    }

    /// Any non-zero flag byte is true (RFC 6143 7.4); padding is ignored.
    pub(crate) fn decode(wire: [u8; Self::BYTES]) -> Self {
        let [
            bits_per_pixel,
            depth,
            endian,
            colour,
            r1,
            r0,
            g1,
            g0,
            b1,
            b0,
            red,
            green,
            blue,
            _,
            _,
            _,
        ] = wire;
        Self {
            bits_per_pixel,
            depth,
            big_endian: endian != 0,
            true_colour: colour != 0,
            max: [[r1, r0], [g1, g0], [b1, b0]].map(u16::from_be_bytes),
            shift: [red, green, blue],
        }
    }

    /// The SetPixelFormat message (RFC 6143 7.5.1) for this format.
    pub(crate) fn set_message(self) -> [u8; 4 + Self::BYTES] {
        let mut message = [0; 4 + Self::BYTES];
        for (to, from) in message.iter_mut().skip(4).zip(self.encode()) {
            *to = from;
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_format_is_what_novnc_sends() {
        // pushed by noVNC 1.7.0 core/rfb.js pixelFormat() with depth 24, after the message type and padding
        let novnc = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0];
        assert_eq!(PixelFormat::FIXED.encode(), novnc);
        assert_eq!(PixelFormat::decode(novnc), PixelFormat::FIXED);
    }
}
