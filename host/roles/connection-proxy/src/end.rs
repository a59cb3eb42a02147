//! How a stream ends, in the words of a person and in those of a WebSocket.

use gatewright_core::session::EndReason;

/// Why a stream is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// The session is over.
    SessionEnded(EndReason),
    /// The session is paused: it is there, and is connected to once it goes on.
    Paused,
    /// The same person opened the session elsewhere.
    TakenOver,
    /// This proxy stops; the client comes back by itself.
    Restarting,
    /// The client sent what it may not; for the log and the client's developer.
    ClientViolation(String),
    /// The desktop sent what can't be inspected; the session is ended.
    DesktopViolation(String),
    /// The desktop can't be reached just now; the client tries again.
    DesktopUnreachable(&'static str),
    /// The client is gone.
    ClientGone,
}

/// The longest reason that fits into a close frame (RFC 6455 5.5.1: 125 bytes less the code).
const CLOSE_REASON_MAX: usize = 123;

impl StreamEnd {
    /// The close code: RFC 6455 7.4.1, and our own from 4001 on, which the page acts on.
    pub(crate) fn close_code(&self) -> u16 {
        match self {
            Self::ClientGone => 1000,
            Self::Restarting | Self::DesktopUnreachable(_) => 1012,
            Self::SessionEnded(_) => 4002,
            Self::ClientViolation(_) => 4003,
            Self::DesktopViolation(_) => 4004,
            Self::TakenOver => 4005,
            Self::Paused => 4006,
        }
    }

    /// The code in the `end` event of the notices.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::ClientGone => "closed",
            Self::Restarting => "restarting",
            Self::DesktopUnreachable(_) => "desktop-unreachable",
            Self::SessionEnded(_) => "session-ended",
            Self::ClientViolation(_) => "client-violation",
            Self::DesktopViolation(_) => "desktop-violation",
            Self::TakenOver => "taken-over",
            Self::Paused => "paused",
        }
    }

    /// What a person reads.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::SessionEnded(reason) => reason.text(),
            Self::TakenOver => "This session was opened elsewhere.".into(),
            Self::Paused => "This session is paused.".into(),
            Self::Restarting => "The service is restarting. The session comes back by itself.".into(),
            Self::ClientViolation(_) => "This page sent data that the session does not accept. Reload it.".into(),
            Self::DesktopViolation(detail) => EndReason::ProtocolViolation(detail.clone()).text(),
            Self::DesktopUnreachable(text) => (*text).into(),
            Self::ClientGone => String::new(),
        }
    }

    /// [`Self::text`] as far as it fits into a close frame.
    pub(crate) fn close_reason(&self) -> String {
        let mut text = self.text();
        let mut end = CLOSE_REASON_MAX.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_reason_fits_its_frame() {
        let long = StreamEnd::SessionEnded(EndReason::LaunchFailed("é".repeat(100)));
        assert!(long.close_reason().len() <= CLOSE_REASON_MAX);
        assert!(long.close_reason().chars().all(|c| c == 'é'));
    }
}
