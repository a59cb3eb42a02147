//! Framebuffer sizes and rectangles.

use crate::{Limits, Violation};

/// Width and height of a framebuffer, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
}

impl Size {
    /// Fails when the size is beyond the caps. A size of zero is allowed: servers start so.
    pub(crate) fn check(self, limits: &Limits) -> Result<Self, Violation> {
        let pixels = u32::from(self.width) * u32::from(self.height);
        if self.width > limits.max_width || self.height > limits.max_height || pixels > limits.max_pixels {
            return Err(Violation::FramebufferSize {
                width: self.width,
                height: self.height,
            });
        }
        Ok(self)
    }

    pub(crate) fn packed(self) -> u32 {
        u32::from(self.width) << 16 | u32::from(self.height)
    }

    pub(crate) fn unpacked(value: u32) -> Self {
        let [w1, w0, h1, h0] = value.to_be_bytes();
        Self {
            width: u16::from_be_bytes([w1, w0]),
            height: u16::from_be_bytes([h1, h0]),
        }
    }
}

/// Position and size as in a rectangle header (RFC 6143 7.6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rect {
    pub(crate) x: u16,
    pub(crate) y: u16,
    pub(crate) width: u16,
    pub(crate) height: u16,
}

impl Rect {
    pub(crate) fn size(self) -> Size {
        Size {
            width: self.width,
            height: self.height,
        }
    }

    /// Pixels covered.
    pub(crate) fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Fails when any part lies outside `size`.
    pub(crate) fn check_inside(self, size: Size) -> Result<(), Violation> {
        let right = u32::from(self.x) + u32::from(self.width);
        let bottom = u32::from(self.y) + u32::from(self.height);
        if right > u32::from(size.width) || bottom > u32::from(size.height) {
            return Err(Violation::RectOutside {
                x: self.x,
                y: self.y,
                width: self.width,
                height: self.height,
                framebuffer_width: size.width,
                framebuffer_height: size.height,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_survives_packing() {
        for size in [
            Size { width: 0, height: 0 },
            Size { width: 1, height: 65535 },
            Size { width: 1280, height: 720 },
        ] {
            assert_eq!(Size::unpacked(size.packed()), size);
        }
    }

    #[test]
    fn a_rect_may_touch_the_edge_and_not_pass_it() {
        let size = Size { width: 100, height: 50 };
        assert!(
            Rect {
                x: 90,
                y: 40,
                width: 10,
                height: 10
            }
            .check_inside(size)
            .is_ok()
        );
        assert!(
            Rect {
                x: 91,
                y: 40,
                width: 10,
                height: 10
            }
            .check_inside(size)
            .is_err()
        );
        assert!(
            Rect {
                x: 0,
                y: 65535,
                width: 1,
                height: 65535
            }
            .check_inside(size)
            .is_err()
        );
    }

    #[test]
    fn the_area_is_capped_beside_the_sides() {
        let limits = Limits::default();
        assert!(
            Size {
                width: 16384,
                height: 4096
            }
            .check(&limits)
            .is_ok()
        );
        assert!(
            Size {
                width: 16384,
                height: 16384
            }
            .check(&limits)
            .is_err()
        );
        assert!(Size { width: 16385, height: 1 }.check(&limits).is_err());
    }
}
