//! Caps on what either side may claim.

/// The caller's read buffer must be able to grow to this many bytes: the longest message that is judged in one piece.
pub const MIN_READ_BUFFER: usize = 16 * 1024;

/// Caps on lengths and sizes. A peer that claims more ends the session, except for clipboard text, which is surfaced as
/// [`crate::ClipboardOffer::TooLarge`].
#[derive(Debug, Clone)]
pub struct Limits {
    /// Widest framebuffer, in pixels.
    pub max_width: u16,
    /// Highest framebuffer, in pixels.
    pub max_height: u16,
    /// Largest framebuffer area, in pixels.
    pub max_pixels: u32,
    /// Widest and highest cursor, in pixels.
    pub max_cursor_side: u16,
    /// Longest desktop name of a target, in bytes; it is skipped, never shown.
    pub max_name_bytes: u32,
    /// Longest clipboard text, in bytes on the wire once inflated.
    pub max_clipboard_bytes: u32,
    /// Longest clipboard message that is skipped as too large; a longer claim ends the session.
    pub max_clipboard_message_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_width: 16384,
            max_height: 16384,
            max_pixels: 64 * 1024 * 1024,
            max_cursor_side: 1024,
            max_name_bytes: 64 * 1024,
            max_clipboard_bytes: 4 * 1024 * 1024,
            max_clipboard_message_bytes: 256 * 1024 * 1024,
        }
    }
}
