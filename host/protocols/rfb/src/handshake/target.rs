//! The handshake with the target, as its client.

use bytes::{Buf as _, BufMut as _, BytesMut};

use super::{HandshakeError, Progress, SECURITY_NONE, SECURITY_VNC_AUTH, VERSION_3_8, VncPassword, parse_version};
use crate::{PixelFormat, Size};

const MAX_REASON: u32 = 4096;
const MAX_NAME: u32 = 8 * 1024;

/// What the target says of its desktop (RFC 6143 7.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInit {
    /// Framebuffer size.
    pub size: Size,
    /// The target's own pixel format. It was told to use [`PixelFormat::FIXED`].
    pub pixel_format: PixelFormat,
    /// The target's own name for its desktop, without control characters. For logs; never for the browser.
    pub name: String,
}

/// Talks a target through version, security and initialisation. Call [`Self::advance`] whenever bytes have come, and write
/// what it puts out.
///
/// When done, SetPixelFormat for [`PixelFormat::FIXED`] is among the output.
pub struct TargetHandshake {
    state: State,
    password: Option<VncPassword>,
    allow_none: bool,
    shared: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Version,
    SecurityTypes,
    Challenge,
    SecurityResult,
    ServerInit,
    Over,
}

impl TargetHandshake {
    /// `allow_none` accepts a target without authentication, where it offers no other. `shared` asks it to keep its other
    /// clients.
    #[must_use]
    pub fn new(password: Option<VncPassword>, allow_none: bool, shared: bool) -> Self {
        Self {
            state: State::Version,
            password,
            allow_none,
            shared,
        }
    }

    /// Takes bytes from `input` and puts answers into `out`.
    ///
    /// # Errors
    /// Any [`HandshakeError`] is the end; the target must be disconnected.
    pub fn advance(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<Progress<ServerInit>, HandshakeError> {
        loop {
            let step = match self.state {
                State::Version => version(input, out),
                State::SecurityTypes => self.security_types(input, out),
                State::Challenge => self.challenge(input, out),
                State::SecurityResult => self.security_result(input, out),
                State::ServerInit => match server_init(input) {
                    Ok(None) => Ok(None),
                    Err(error) => Err(error),
                    Ok(Some(init)) => {
                        out.put_slice(&PixelFormat::FIXED.set_message());
                        self.state = State::Over;
                        return Ok(Progress::Done(init));
                    }
                },
                State::Over => Err(HandshakeError::Over),
            };
            match step {
                Ok(Some(next)) => self.state = next,
                Ok(None) => return Ok(Progress::NeedMore),
                Err(error) => {
                    self.state = State::Over;
                    return Err(error);
                }
            }
        }
    }

    /// RFC 6143 7.1.2.
    fn security_types(&self, input: &mut BytesMut, out: &mut BytesMut) -> Result<Option<State>, HandshakeError> {
        let Some(&count) = input.first() else { return Ok(None) };
        if count == 0 {
            let Some(reason) = reason(input, 1)? else { return Ok(None) };
            return Err(HandshakeError::Refused(reason));
        }
        let length = 1 + usize::from(count);
        let Some(types) = input.get(1..length) else { return Ok(None) };
        let next = if types.contains(&SECURITY_VNC_AUTH) {
            if self.password.is_none() {
                return Err(HandshakeError::NoPassword);
            }
            out.put_u8(SECURITY_VNC_AUTH);
            State::Challenge
        } else if types == [SECURITY_NONE] && self.allow_none {
            out.put_u8(SECURITY_NONE);
            State::SecurityResult
        } else {
            return Err(HandshakeError::NoUsableSecurity(types.to_vec()));
        };
        input.advance(length);
        Ok(Some(next))
    }

    fn challenge(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<Option<State>, HandshakeError> {
        let Some(&challenge) = input.first_chunk::<16>() else {
            return Ok(None);
        };
        input.advance(challenge.len());
        // The password is used once and wiped.
        let password = self.password.take().ok_or(HandshakeError::NoPassword)?;
        out.put_slice(&password.respond(challenge));
        Ok(Some(State::SecurityResult))
    }

    /// RFC 6143 7.1.3.
    fn security_result(&self, input: &mut BytesMut, out: &mut BytesMut) -> Result<Option<State>, HandshakeError> {
        let Some(result) = input.first_chunk().copied().map(u32::from_be_bytes) else {
            return Ok(None);
        };
        if result != 0 {
            let Some(reason) = reason(input, 4)? else { return Ok(None) };
            return Err(HandshakeError::Authentication(reason));
        }
        input.advance(4);
        out.put_u8(u8::from(self.shared));
        Ok(Some(State::ServerInit))
    }
}

fn version(input: &mut BytesMut, out: &mut BytesMut) -> Result<Option<State>, HandshakeError> {
    let Some(&version) = input.first_chunk::<12>() else {
        return Ok(None);
    };
    let (major, minor) = parse_version(version)?;
    if (major, minor) < (3, 8) {
        return Err(HandshakeError::Version { major, minor });
    }
    input.advance(version.len());
    out.put_slice(VERSION_3_8);
    Ok(Some(State::SecurityTypes))
}

fn server_init(input: &mut BytesMut) -> Result<Option<ServerInit>, HandshakeError> {
    let Some(&[w1, w0, h1, h0, ref format @ .., n3, n2, n1, n0]) = input.first_chunk::<24>() else {
        return Ok(None);
    };
    let pixel_format = PixelFormat::decode(*format);
    let length = u32::from_be_bytes([n3, n2, n1, n0]);
    if length > MAX_NAME {
        return Err(HandshakeError::TextLength(length));
    }
    let end = 24 + length as usize;
    let Some(name) = input.get(24..end) else { return Ok(None) };
    let init = ServerInit {
        size: Size {
            width: u16::from_be_bytes([w1, w0]),
            height: u16::from_be_bytes([h1, h0]),
        },
        pixel_format,
        name: printable(name),
    };
    input.advance(end);
    Ok(Some(init))
}

/// A length and that many bytes, behind the first `skip` bytes.
fn reason(input: &BytesMut, skip: usize) -> Result<Option<String>, HandshakeError> {
    let Some((length, text)) = input.get(skip..).and_then(<[u8]>::split_first_chunk) else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*length);
    if length > MAX_REASON {
        return Err(HandshakeError::TextLength(length));
    }
    Ok(text.get(..length as usize).map(printable))
}

/// The target's words go into logs, so control characters become U+FFFD.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}
