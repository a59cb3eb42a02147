//! The handshake with the browser, as its server. The ticket has authenticated it already, so the security type is None.

use bytes::{Buf as _, BufMut as _, BytesMut};

use super::{HandshakeError, Progress, SECURITY_NONE, VERSION_3_8, parse_version};
use crate::{PixelFormat, Size};

const MAX_NAME: usize = u16::MAX as usize;

/// What the browser asks for (RFC 6143 7.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientInit {
    /// Whether others may stay connected.
    pub shared: bool,
}

/// Talks a browser through version, security and initialisation. When done, [`write_server_init`] is due.
#[derive(Debug)]
pub struct BrowserHandshake {
    state: State,
    refusal: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Version,
    /// `result`: whether a SecurityResult follows (3.8 only).
    SecurityChoice {
        result: bool,
    },
    ClientInit,
    Over,
}

impl BrowserHandshake {
    /// Starts by sending the version.
    #[must_use]
    pub fn start(out: &mut BytesMut) -> Self {
        out.put_slice(VERSION_3_8);
        Self {
            state: State::Version,
            refusal: None,
        }
    }

    /// Starts, only to tell the browser why there is no session. Ends with [`HandshakeError::BrowserRefused`].
    #[must_use]
    pub fn start_refusing(reason: &str, out: &mut BytesMut) -> Self {
        Self {
            refusal: Some(reason.to_owned()),
            ..Self::start(out)
        }
    }

    /// Takes bytes from `input` and puts answers into `out`.
    ///
    /// # Errors
    /// Any [`HandshakeError`] is the end; `out` may hold a last message that says why.
    pub fn advance(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<Progress<ClientInit>, HandshakeError> {
        loop {
            let step = match self.state {
                State::Version => self.version(input, out),
                State::SecurityChoice { result } => security_choice(input, result, out),
                State::ClientInit => {
                    if input.is_empty() {
                        return Ok(Progress::NeedMore);
                    }
                    self.state = State::Over;
                    return Ok(Progress::Done(ClientInit {
                        shared: input.get_u8() != 0,
                    }));
                }
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

    /// RFC 6143 7.1.1 and 7.1.2, appendix A for 3.3 and 3.7.
    fn version(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<Option<State>, HandshakeError> {
        let Some(&version) = input.first_chunk::<12>() else {
            return Ok(None);
        };
        let (major, minor) = parse_version(version)?;
        input.advance(version.len());
        let old = (major, minor) == (3, 3);
        if let Some(reason) = self.refusal.take() {
            refuse(&reason, old, out);
            return Err(HandshakeError::BrowserRefused);
        }
        match (major, minor) {
            (3, 3) => {
                out.put_u32(u32::from(SECURITY_NONE));
                Ok(Some(State::ClientInit))
            }
            (3, 7 | 8) => {
                out.put_slice(&[1, SECURITY_NONE]);
                Ok(Some(State::SecurityChoice { result: minor == 8 }))
            }
            _ => {
                refuse("this RFB version is not supported, 3.8 is", old, out);
                Err(HandshakeError::Version { major, minor })
            }
        }
    }
}

fn security_choice(input: &mut BytesMut, result: bool, out: &mut BytesMut) -> Result<Option<State>, HandshakeError> {
    let Some(&choice) = input.first() else { return Ok(None) };
    if choice != SECURITY_NONE {
        return Err(HandshakeError::SecurityChoice(choice));
    }
    input.advance(1);
    if result {
        out.put_u32(0);
    }
    Ok(Some(State::ClientInit))
}

/// No security types, and a reason instead.
fn refuse(reason: &str, old: bool, out: &mut BytesMut) {
    if old {
        out.put_u32(0);
    } else {
        out.put_u8(0);
    }
    let reason = name_for_wire(reason);
    out.put_u32(reason.len() as u32);
    out.put_slice(reason.as_bytes());
}

/// Sends the browser its first framebuffer size, the fixed pixel format and the name that it is to see (RFC 6143 7.3.2).
pub fn write_server_init(size: Size, desktop_name: &str, out: &mut BytesMut) {
    let name = name_for_wire(desktop_name);
    out.put_u16(size.width);
    out.put_u16(size.height);
    out.put_slice(&PixelFormat::FIXED.encode());
    out.put_u32(name.len() as u32);
    out.put_slice(name.as_bytes());
}

/// At most 65,535 bytes, cut at a character.
pub(crate) fn name_for_wire(name: &str) -> &str {
    name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or_default()
}
