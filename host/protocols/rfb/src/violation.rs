//! Why a session was ended.

/// Something a peer sent that can't be framed, is out of state, or is beyond a cap. The session ends; the message tells an
/// admin what was wrong and never quotes content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A server message type outside the allow-list.
    #[error("server sent message type {0}, which is not allowed")]
    ServerMessage(u8),
    /// A client message type outside the allow-list.
    #[error("client sent message type {0}, which is not allowed")]
    ClientMessage(u8),
    /// A QEMU client message other than the extended key event.
    #[error("client sent QEMU message {0}, only the extended key event is allowed")]
    QemuMessage(u8),
    /// SetColourMapEntries although the pixel format is true colour.
    #[error("server sent colour map entries although the pixel format is true colour")]
    ColourMap,
    /// An encoding that the client did not offer, or that never heads a rectangle.
    #[error("server sent encoding {0} which was never offered")]
    Encoding(i32),
    /// A message of an extension that the client did not offer.
    #[error("server used {0} which was never offered")]
    NotOffered(&'static str),
    /// A message of an extension that the server did not announce.
    #[error("client used {0} which the server never announced")]
    NotAnnounced(&'static str),
    /// A fence response that nobody asked for.
    #[error("{0} answered a fence that was never requested")]
    FenceResponse(&'static str),
    /// A fence payload beyond 64 bytes.
    #[error("{side} sent a fence of {bytes} bytes, the limit is 64")]
    FenceLength {
        /// Who sent it.
        side: &'static str,
        /// Claimed payload.
        bytes: u8,
    },
    /// A framebuffer beyond the caps.
    #[error("framebuffer size {width}x{height} is beyond the limit")]
    FramebufferSize {
        /// Claimed width.
        width: u16,
        /// Claimed height.
        height: u16,
    },
    /// A rectangle, or the source of a copy, outside the framebuffer.
    #[error("server sent a rectangle {width}x{height}+{x}+{y} outside the framebuffer {framebuffer_width}x{framebuffer_height}")]
    RectOutside {
        /// Left edge.
        x: u16,
        /// Top edge.
        y: u16,
        /// Width.
        width: u16,
        /// Height.
        height: u16,
        /// Known framebuffer width.
        framebuffer_width: u16,
        /// Known framebuffer height.
        framebuffer_height: u16,
    },
    /// A Tight rectangle without pixels.
    #[error("server sent a Tight rectangle without pixels")]
    EmptyRect,
    /// A cursor beyond the cap.
    #[error("server sent a cursor of {width}x{height}, which is beyond the limit")]
    CursorSize {
        /// Claimed width.
        width: u16,
        /// Claimed height.
        height: u16,
    },
    /// A VMware cursor of an unknown type.
    #[error("server sent a VMware cursor of unknown type {0}")]
    CursorType(u8),
    /// Tight compression control that is neither basic, fill nor JPEG.
    #[error("server sent Tight compression control {0:#04x}, which is not allowed")]
    TightControl(u8),
    /// Tight filter that is neither copy, palette nor gradient.
    #[error("server sent unknown Tight filter {0}")]
    TightFilter(u8),
    /// Compressed pixels that are longer than the rectangle could ever need.
    #[error("server claimed {bytes} compressed bytes for a rectangle that needs at most {limit}")]
    PixelLength {
        /// Claimed length.
        bytes: u64,
        /// Most that fits.
        limit: u64,
    },
    /// A desktop name beyond the cap.
    #[error("server sent a desktop name of {0} bytes, which is beyond the limit")]
    NameLength(u32),
    /// The client wants another pixel format than the fixed one, and would read pixels wrongly.
    #[error("client asked for a pixel format other than the fixed one (32 bits, depth 24, little endian, red shift 0)")]
    PixelFormat,
    /// More encodings than any client has.
    #[error("client listed {0} encodings, which is beyond the limit")]
    EncodingCount(u16),
    /// A SetDesktopSize with other than one screen.
    #[error("client asked for {0} screens, only one is supported")]
    ScreenCount(u8),
    /// A clipboard message beyond what is skipped.
    #[error("{side} claimed a clipboard message of {bytes} bytes, which is beyond the limit")]
    ClipboardLength {
        /// Who sent it.
        side: &'static str,
        /// Claimed length.
        bytes: u32,
    },
    /// An extended clipboard message whose length does not fit its flags.
    #[error("{side} sent an extended clipboard message with flags {flags:#010x} and a length of {bytes} that does not fit them")]
    ClipboardShape {
        /// Who sent it.
        side: &'static str,
        /// Flags as sent.
        flags: u32,
        /// Length as sent.
        bytes: u32,
    },
    /// An extended clipboard message without exactly one action.
    #[error("{side} sent an extended clipboard message with unknown action flags {flags:#010x}")]
    ClipboardAction {
        /// Who sent it.
        side: &'static str,
        /// Flags as sent.
        flags: u32,
    },
    /// Clipboard data that does not inflate, or ends early.
    #[error("{side} sent clipboard data that does not inflate")]
    ClipboardData {
        /// Who sent it.
        side: &'static str,
    },
}

impl Violation {
    /// A stable code for events and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ServerMessage(_) => "rfb-server-message",
            Self::ClientMessage(_) => "rfb-client-message",
            Self::QemuMessage(_) => "rfb-qemu-message",
            Self::ColourMap => "rfb-colour-map",
            Self::Encoding(_) => "rfb-encoding",
            Self::NotOffered(_) => "rfb-not-offered",
            Self::NotAnnounced(_) => "rfb-not-announced",
            Self::FenceResponse(_) => "rfb-fence-response",
            Self::FenceLength { .. } => "rfb-fence-length",
            Self::FramebufferSize { .. } => "rfb-framebuffer-size",
            Self::RectOutside { .. } => "rfb-rect-outside",
            Self::EmptyRect => "rfb-empty-rect",
            Self::CursorSize { .. } => "rfb-cursor-size",
            Self::CursorType(_) => "rfb-cursor-type",
            Self::TightControl(_) => "rfb-tight-control",
            Self::TightFilter(_) => "rfb-tight-filter",
            Self::PixelLength { .. } => "rfb-pixel-length",
            Self::NameLength(_) => "rfb-name-length",
            Self::PixelFormat => "rfb-pixel-format",
            Self::EncodingCount(_) => "rfb-encoding-count",
            Self::ScreenCount(_) => "rfb-screen-count",
            Self::ClipboardLength { .. } => "rfb-clipboard-length",
            Self::ClipboardShape { .. } => "rfb-clipboard-shape",
            Self::ClipboardAction { .. } => "rfb-clipboard-action",
            Self::ClipboardData { .. } => "rfb-clipboard-data",
        }
    }
}
