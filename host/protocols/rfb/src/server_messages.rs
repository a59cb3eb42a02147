//! From the target to the browser (RFC 6143 7.6).

use std::sync::Arc;

use bytes::BytesMut;

use crate::clipboard::{CutTextTurn, Decision, Direction};
use crate::rectangle::{self, Payload, Start};
use crate::relay::{Framed, Relay};
use crate::shared::{Config, Extension, Shared};
use crate::{Encoding, Size, Step, Violation};

const FRAMEBUFFER_UPDATE: u8 = 0;
const SET_COLOUR_MAP_ENTRIES: u8 = 1;
const BELL: u8 = 2;
const SERVER_CUT_TEXT: u8 = 3;
const END_OF_CONTINUOUS_UPDATES: u8 = 150;
const SERVER_FENCE: u8 = 248;

pub(crate) const FENCE_REQUEST: u32 = 1 << 31;
pub(crate) const FENCE_MAX_PAYLOAD: u8 = 64;

/// Inspects what the target sends.
#[derive(Debug)]
pub struct ServerInspector {
    config: Arc<Config>,
    shared: Arc<Shared>,
    state: State,
    cut_text: CutTextTurn,
    /// Rectangles of the update that were not started yet.
    rects_left: u16,
    updates: u64,
}

#[derive(Debug)]
enum State {
    /// At a message's first byte.
    Message,
    /// At a rectangle's header, or behind the last rectangle.
    Rects,
    Rect(Payload),
}

impl ServerInspector {
    pub(crate) fn new(config: Arc<Config>, shared: Arc<Shared>) -> Self {
        Self {
            config,
            shared,
            state: State::Message,
            cut_text: CutTextTurn::None,
            rects_left: 0,
            updates: 0,
        }
    }

    /// Moves what may go on from the front of `input` to the end of `out`. What stays in `input` was not judged yet.
    ///
    /// # Errors
    /// Any [`Violation`] ends the session: `out` may still be sent, but neither half may be called again.
    pub fn inspect(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<Step, Violation> {
        let mut relay = Relay::new(input, out);
        loop {
            if let Some(step) = self.cut_text.step(&mut relay, &self.config, &self.shared)? {
                return Ok(step);
            }
            match &mut self.state {
                State::Message => {
                    if self.message(&mut relay)? == Framed::NeedMore {
                        return Ok(Step::NeedMore);
                    }
                }
                State::Rects if self.rects_left == 0 => {
                    self.updates += 1;
                    self.state = State::Message;
                }
                State::Rects => match rectangle::start(&mut relay, &self.config, &self.shared)? {
                    Start::NeedMore => return Ok(Step::NeedMore),
                    Start::Last => self.rects_left = 0,
                    Start::Payload(payload) => {
                        self.rects_left -= 1;
                        self.state = State::Rect(payload);
                    }
                },
                State::Rect(payload) => match payload.step(&mut relay, &self.config, &self.shared)? {
                    Framed::NeedMore => return Ok(Step::NeedMore),
                    Framed::Done => self.state = State::Rects,
                },
            }
        }
    }

    /// Goes on after [`Step::Clipboard`]: writes what the decision lets through. False, and nothing happens, when no decision
    /// was awaited.
    pub fn resume(&mut self, decision: Decision, out: &mut BytesMut) -> bool {
        self.cut_text.resume(decision, out)
    }

    /// Framebuffer updates handed on whole.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The framebuffer's size as the target last said.
    #[must_use]
    pub fn size(&self) -> Size {
        self.shared.size()
    }

    fn message(&mut self, relay: &mut Relay<'_>) -> Result<Framed, Violation> {
        let Some([kind]) = relay.peek() else { return Ok(Framed::NeedMore) };
        match kind {
            FRAMEBUFFER_UPDATE => {
                let Some([_, _, count1, count0]) = relay.peek() else {
                    return Ok(Framed::NeedMore);
                };
                relay.pass(4);
                self.rects_left = u16::from_be_bytes([count1, count0]);
                self.state = State::Rects;
            }
            BELL => relay.pass(1),
            SERVER_CUT_TEXT => return self.cut_text.start(relay, Direction::ToBrowser, &self.config, &self.shared),
            END_OF_CONTINUOUS_UPDATES => {
                self.shared.require_offered(Encoding::ContinuousUpdates, "continuous updates")?;
                self.shared.announce(Extension::ContinuousUpdates);
                relay.pass(1);
            }
            SERVER_FENCE => return self.fence(relay),
            SET_COLOUR_MAP_ENTRIES => return Err(Violation::ColourMap),
            other => return Err(Violation::ServerMessage(other)),
        }
        Ok(Framed::Done)
    }

    fn fence(&mut self, relay: &mut Relay<'_>) -> Result<Framed, Violation> {
        let Some((flags, length)) = fence_header(relay, "server")? else {
            return Ok(Framed::NeedMore);
        };
        self.shared.require_offered(Encoding::Fence, "fences")?;
        if relay.rest().len() < length {
            return Ok(Framed::NeedMore);
        }
        if flags & FENCE_REQUEST != 0 {
            self.shared.server_fences.request();
        } else if !self.shared.client_fences.answer() {
            return Err(Violation::FenceResponse("server"));
        }
        self.shared.announce(Extension::Fence);
        relay.pass(length);
        Ok(Framed::Done)
    }
}

/// Flags of a fence and the length of the whole message; the same both ways.
pub(crate) fn fence_header(relay: &Relay<'_>, side: &'static str) -> Result<Option<(u32, usize)>, Violation> {
    let Some([_, _, _, _, f3, f2, f1, f0, payload]) = relay.peek() else {
        return Ok(None);
    };
    if payload > FENCE_MAX_PAYLOAD {
        return Err(Violation::FenceLength { side, bytes: payload });
    }
    Ok(Some((u32::from_be_bytes([f3, f2, f1, f0]), 9 + usize::from(payload))))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use crate::Violation;
    use crate::test_session::*;

    #[test]
    fn only_known_messages_pass() {
        let (mut server, _client) = session(false);
        passes(&[2, 2, 2], from_server(&mut server, &[2, 2, 2]));
        for kind in (0..=255).filter(|kind| ![0, 2, 3, 248].contains(kind)) {
            let (mut server, _client) = session(false);
            let violation = from_server(&mut server, &[kind]).unwrap_err();
            let expected = match kind {
                1 => Violation::ColourMap,
                150 => Violation::NotOffered("continuous updates"),
                other => Violation::ServerMessage(other),
            };
            assert_eq!(violation, expected);
        }
    }

    #[test]
    fn what_came_before_a_violation_was_judged() {
        let (mut server, _client) = session(false);
        let (mut input, mut out) = (bytes::BytesMut::from(&[2, 2, 99][..]), bytes::BytesMut::new());
        assert_eq!(server.inspect(&mut input, &mut out).unwrap_err(), Violation::ServerMessage(99));
        assert_eq!(&out[..], [2, 2]);
    }

    #[test]
    fn fences_are_offered_short_and_asked_for() {
        let request = [248, 0, 0, 0, 0x80, 0, 0, 0, 2, 7, 7];
        let response = [248, 0, 0, 0, 0, 0, 0, 0, 2, 7, 7];
        let (mut server, mut client) = session(false);
        assert_eq!(from_server(&mut server, &request).unwrap_err(), Violation::NotOffered("fences"));
        assert_eq!(from_client(&mut client, &response).unwrap_err(), Violation::NotAnnounced("fences"));

        let (mut server, mut client) = offering(false, &[-312]);
        passes(&request, from_server(&mut server, &request));
        passes(&response, from_client(&mut client, &response));
        assert_eq!(
            from_client(&mut client, &response).unwrap_err(),
            Violation::FenceResponse("client"),
            "answered twice"
        );
        assert_eq!(from_server(&mut server, &response).unwrap_err(), Violation::FenceResponse("server"));

        let (mut server, mut client) = offering(false, &[-312]);
        passes(&request, from_server(&mut server, &request));
        passes(&request, from_client(&mut client, &request));
        passes(&response, from_server(&mut server, &response));
        let long = [248, 0, 0, 0, 0x80, 0, 0, 0, 65];
        assert_eq!(
            from_server(&mut server, &long).unwrap_err(),
            Violation::FenceLength { side: "server", bytes: 65 }
        );
    }
}
