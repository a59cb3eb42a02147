//! The handshakes (RFC 6143 7.1 to 7.3): as a client to the target, as a server to the browser.

mod browser;
mod target;
#[cfg(test)]
mod tests;
mod vnc_auth;

pub(crate) use browser::name_for_wire;
pub use browser::{BrowserHandshake, ClientInit, write_server_init};
pub use target::{ServerInit, TargetHandshake};
pub use vnc_auth::VncPassword;

const VERSION_3_8: &[u8; 12] = b"RFB 003.008\n";
const SECURITY_NONE: u8 = 1;
const SECURITY_VNC_AUTH: u8 = 2;

/// How far a handshake is.
#[derive(Debug)]
#[must_use]
pub enum Progress<T> {
    /// Write the output, read more, call again.
    NeedMore,
    /// Write the output. What is left in the input belongs to the inspector.
    Done(T),
}

/// Why a handshake failed. Texts that come from the target are capped and free of control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The first bytes are no RFB version.
    #[error("the peer does not speak RFB")]
    NotRfb,
    /// A version other than 3.8 (target) or 3.3, 3.7 and 3.8 (browser).
    #[error("RFB version {major}.{minor} is not supported")]
    Version {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// The target refused before authentication.
    #[error("the target refused the connection: {0}")]
    Refused(String),
    /// The target offers nothing that is allowed here.
    #[error("the target offers no usable security type (it offers {0:?})")]
    NoUsableSecurity(Vec<u8>),
    /// The target wants a password, and there is none.
    #[error("the target asks for a password and none was given")]
    NoPassword,
    /// The target did not accept the password.
    #[error("the target refused the password: {0}")]
    Authentication(String),
    /// A name or reason beyond the cap.
    #[error("the target claimed a text of {0} bytes, which is beyond the limit")]
    TextLength(u32),
    /// The browser chose a security type that was not offered.
    #[error("the browser chose security type {0}, which was not offered")]
    SecurityChoice(u8),
    /// The browser was told why there is no session.
    #[error("the browser was refused")]
    BrowserRefused,
    /// Called again after an end.
    #[error("the handshake is over")]
    Over,
}

/// Parses `RFB xxx.yyy\n`.
fn parse_version(wire: [u8; 12]) -> Result<(u16, u16), HandshakeError> {
    let number = |digits: &[u8]| -> Option<u16> {
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
    };
    let [b'R', b'F', b'B', b' ', a, b, c, b'.', x, y, z, b'\n'] = wire else {
        return Err(HandshakeError::NotRfb);
    };
    number(&[a, b, c]).zip(number(&[x, y, z])).ok_or(HandshakeError::NotRfb)
}
