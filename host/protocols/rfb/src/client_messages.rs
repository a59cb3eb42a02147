//! From the browser to the target (RFC 6143 7.5).

use std::sync::Arc;

use bytes::BytesMut;

use crate::clipboard::{CutTextTurn, Decision, Direction};
use crate::relay::{Framed, Relay};
use crate::server_messages::{FENCE_REQUEST, fence_header};
use crate::shared::{Config, Extension, Shared};
use crate::{Encoding, PixelFormat, Size, Step, Violation};

const SET_PIXEL_FORMAT: u8 = 0;
const SET_ENCODINGS: u8 = 2;
const FRAMEBUFFER_UPDATE_REQUEST: u8 = 3;
const KEY_EVENT: u8 = 4;
const POINTER_EVENT: u8 = 5;
const CLIENT_CUT_TEXT: u8 = 6;
const ENABLE_CONTINUOUS_UPDATES: u8 = 150;
const CLIENT_FENCE: u8 = 248;
const SET_DESKTOP_SIZE: u8 = 251;
const QEMU: u8 = 255;

/// noVNC lists 24; TigerVNC's viewer about 40.
const MAX_ENCODINGS: u16 = 256;

/// Inspects what the browser sends.
#[derive(Debug)]
pub struct ClientInspector {
    config: Arc<Config>,
    shared: Arc<Shared>,
    cut_text: CutTextTurn,
    inputs: u64,
}

/// What becomes of input events.
enum Input {
    Pass,
    Drop,
}

impl ClientInspector {
    pub(crate) fn new(config: Arc<Config>, shared: Arc<Shared>) -> Self {
        Self {
            config,
            shared,
            cut_text: CutTextTurn::None,
            inputs: 0,
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
            if self.message(&mut relay)? == Framed::NeedMore {
                return Ok(Step::NeedMore);
            }
        }
    }

    /// Goes on after [`Step::Clipboard`]: writes what the decision lets through. False, and nothing happens, when no decision
    /// was awaited.
    pub fn resume(&mut self, decision: Decision, out: &mut BytesMut) -> bool {
        self.cut_text.resume(decision, out)
    }

    /// Messages so far by which a person did something: keys, the pointer, cut text. Those that a viewer sends by itself do
    /// not count, nor does the half of one.
    #[must_use]
    pub fn inputs(&self) -> u64 {
        self.inputs
    }

    fn message(&mut self, relay: &mut Relay<'_>) -> Result<Framed, Violation> {
        let Some([kind]) = relay.peek() else { return Ok(Framed::NeedMore) };
        let framed = self.message_of(kind, relay)?;
        if framed == Framed::Done && matches!(kind, KEY_EVENT | POINTER_EVENT | CLIENT_CUT_TEXT | QEMU) {
            self.inputs += 1;
        }
        Ok(framed)
    }

    fn message_of(&mut self, kind: u8, relay: &mut Relay<'_>) -> Result<Framed, Violation> {
        match kind {
            SET_PIXEL_FORMAT => set_pixel_format(relay),
            SET_ENCODINGS => self.set_encodings(relay),
            FRAMEBUFFER_UPDATE_REQUEST => Ok(fixed(relay, 10, Input::Pass)),
            KEY_EVENT => Ok(fixed(relay, 8, self.input())),
            POINTER_EVENT => Ok(fixed(relay, 6, self.input())),
            CLIENT_CUT_TEXT => self.cut_text.start(relay, Direction::ToTarget, &self.config, &self.shared),
            ENABLE_CONTINUOUS_UPDATES => {
                self.shared.require_announced(Extension::ContinuousUpdates)?;
                Ok(fixed(relay, 10, Input::Pass))
            }
            CLIENT_FENCE => self.fence(relay),
            SET_DESKTOP_SIZE => self.set_desktop_size(relay),
            QEMU => self.qemu(relay),
            other => Err(Violation::ClientMessage(other)),
        }
    }

    fn input(&self) -> Input {
        if self.config.view_only { Input::Drop } else { Input::Pass }
    }

    /// Rewrites the list: known encodings in the client's order, each once (RFC 6143 7.5.2).
    fn set_encodings(&mut self, relay: &mut Relay<'_>) -> Result<Framed, Violation> {
        let Some([_, _, count1, count0]) = relay.peek() else {
            return Ok(Framed::NeedMore);
        };
        let count = u16::from_be_bytes([count1, count0]);
        if count > MAX_ENCODINGS {
            return Err(Violation::EncodingCount(count));
        }
        let length = 4 + 4 * usize::from(count);
        let Some(list) = relay.rest().get(4..length) else {
            return Ok(Framed::NeedMore);
        };
        let mut kept: Vec<Encoding> = Vec::new();
        for number in list.as_chunks().0.iter().copied().map(i32::from_be_bytes) {
            if let Some(encoding) = Encoding::from_wire(number).filter(|encoding| !kept.contains(encoding)) {
                kept.push(encoding);
            }
        }
        relay.skip(length);
        relay.write(&[SET_ENCODINGS, 0]);
        relay.write(&(kept.len() as u16).to_be_bytes());
        for encoding in kept {
            self.shared.offer(encoding);
            relay.write(&encoding.to_wire().to_be_bytes());
        }
        Ok(Framed::Done)
    }

    fn fence(&mut self, relay: &mut Relay<'_>) -> Result<Framed, Violation> {
        self.shared.require_announced(Extension::Fence)?;
        let Some((flags, length)) = fence_header(relay, "client")? else {
            return Ok(Framed::NeedMore);
        };
        if relay.rest().len() < length {
            return Ok(Framed::NeedMore);
        }
        if flags & FENCE_REQUEST != 0 {
            self.shared.client_fences.request();
        } else if !self.shared.server_fences.answer() {
            return Err(Violation::FenceResponse("client"));
        }
        relay.pass(length);
        Ok(Framed::Done)
    }

    /// Writes the message anew: one screen of the whole size, with the id and flags that the target gave it. Nothing else of
    /// it goes on, since TigerVNC before 1.13 reads what follows the type as further messages when it comes in two pieces.
    fn set_desktop_size(&mut self, relay: &mut Relay<'_>) -> Result<Framed, Violation> {
        self.shared.require_announced(Extension::SetDesktopSize)?;
        let Some([_, _, w1, w0, h1, h0, screens, _]) = relay.peek() else {
            return Ok(Framed::NeedMore);
        };
        if screens != 1 {
            return Err(Violation::ScreenCount(screens));
        }
        let size = Size {
            width: u16::from_be_bytes([w1, w0]),
            height: u16::from_be_bytes([h1, h0]),
        };
        size.check(&self.config.limits)?;
        if relay.rest().len() < 24 {
            return Ok(Framed::NeedMore);
        }
        relay.skip(24);
        if !self.config.view_only {
            let [i3, i2, i1, i0, f3, f2, f1, f0] = self.shared.screen();
            relay.write(&[SET_DESKTOP_SIZE, 0, w1, w0, h1, h0, 1, 0]);
            relay.write(&[i3, i2, i1, i0, 0, 0, 0, 0, w1, w0, h1, h0, f3, f2, f1, f0]);
        }
        Ok(Framed::Done)
    }

    fn qemu(&mut self, relay: &mut Relay<'_>) -> Result<Framed, Violation> {
        let Some([_, kind]) = relay.peek() else {
            return Ok(Framed::NeedMore);
        };
        if kind != 0 {
            return Err(Violation::QemuMessage(kind));
        }
        self.shared.require_announced(Extension::QemuExtendedKey)?;
        Ok(fixed(relay, 12, self.input()))
    }
}

/// A message of known length, as a whole.
fn fixed(relay: &mut Relay<'_>, length: usize, input: Input) -> Framed {
    if relay.rest().len() < length {
        return Framed::NeedMore;
    }
    match input {
        Input::Pass => relay.pass(length),
        Input::Drop => relay.skip(length),
    }
    Framed::Done
}

/// The target was given the fixed format already, so the message is dropped; another format would be read wrongly.
fn set_pixel_format(relay: &mut Relay<'_>) -> Result<Framed, Violation> {
    let Some(message) = relay.peek::<20>() else {
        return Ok(Framed::NeedMore);
    };
    let [_, _, _, _, format @ ..] = message;
    if PixelFormat::decode(format) != PixelFormat::FIXED {
        return Err(Violation::PixelFormat);
    }
    relay.skip(message.len());
    Ok(Framed::Done)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use crate::test_session::*;
    use crate::{PixelFormat, Violation};

    const KEY: [u8; 8] = [4, 1, 0, 0, 0, 0, 0, 97];
    const POINTER: [u8; 6] = [5, 1, 0, 9, 0, 9];
    const QEMU_KEY: [u8; 12] = [255, 0, 0, 1, 0, 0, 0, 97, 0, 0, 0, 30];
    const RESIZE: [u8; 24] = [251, 0, 3, 32, 2, 88, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 32, 2, 88, 0, 0, 0, 0];
    const CONTINUOUS: [u8; 10] = [150, 1, 0, 0, 0, 0, 0, 100, 0, 50];
    const REQUEST: [u8; 10] = [3, 1, 0, 0, 0, 0, 0, 100, 0, 50];

    #[test]
    fn only_known_messages_pass() {
        for kind in (0..=255_u8).filter(|kind| ![0, 2, 3, 4, 5, 6, 150, 248, 251, 255].contains(kind)) {
            let (_server, mut client) = session(false);
            assert_eq!(from_client(&mut client, &[kind]).unwrap_err(), Violation::ClientMessage(kind));
        }
        let (_server, mut client) = session(false);
        assert_eq!(
            from_client(&mut client, &[255, 1]).unwrap_err(),
            Violation::QemuMessage(1),
            "QEMU audio"
        );
    }

    #[test]
    fn what_a_person_does_is_counted_and_what_a_viewer_does_is_not() {
        let (_server, mut client) = session(false);
        let messages = [&REQUEST[..], &KEY, &POINTER, &REQUEST, &cut_text(6, false, b"x")].concat();
        let (_, _, step) = from_client(&mut client, &messages).unwrap();
        assert!(matches!(step, crate::Step::Clipboard(_)), "{step:?}");
        assert_eq!(client.inputs(), 3);
        assert!(client.resume(crate::Decision::Allow, &mut bytes::BytesMut::new()));
        drop(from_client(&mut client, &KEY[..4]).unwrap());
        assert_eq!(client.inputs(), 3, "half a key");
    }

    #[test]
    fn encodings_are_filtered_in_order() {
        // What noVNC 1.7 sends, H.264 included.
        let novnc = [
            1,
            50,
            7,
            -260,
            16,
            21,
            5,
            2,
            6,
            0,
            -26,
            -254,
            -223,
            -224,
            -258,
            -261,
            -308,
            -309,
            -312,
            -313,
            -307,
            EXTENDED_CLIPBOARD,
            -316,
            0x574d_5664,
            -239,
            7,
        ];
        let kept = [
            1,
            7,
            16,
            0,
            -26,
            -254,
            -223,
            -224,
            -258,
            -261,
            -308,
            -312,
            -313,
            -307,
            EXTENDED_CLIPBOARD,
            0x574d_5664,
            -239,
        ];
        let (_server, mut client) = session(false);
        let (out, rest, _) = from_client(&mut client, &set_encodings(&novnc)).unwrap();
        assert_eq!((out, rest), (set_encodings(&kept), vec![]));
        assert_eq!(from_client(&mut client, &[2, 0, 1, 1]).unwrap_err(), Violation::EncodingCount(257));
    }

    #[test]
    fn the_pixel_format_is_fixed() {
        let (_server, mut client) = session(false);
        is_dropped(from_client(&mut client, &PixelFormat::FIXED.set_message()));
        let other = PixelFormat {
            shift: [16, 8, 0],
            ..PixelFormat::FIXED
        };
        assert_eq!(from_client(&mut client, &other.set_message()).unwrap_err(), Violation::PixelFormat);
    }

    #[test]
    fn extensions_wait_for_their_announcement() {
        for message in [&QEMU_KEY[..], &RESIZE, &CONTINUOUS] {
            let (_server, mut client) = offering(false, &[-258, -308, -312, -313]);
            assert_eq!(from_client(&mut client, message).unwrap_err().code(), "rfb-not-announced");
        }
        let (mut server, mut client) = offering(false, &[-258, -308, -312, -313]);
        let announced = [
            vec![150],
            update(2),
            rect([0; 4], -258, &[]),
            rect([0, 0, 100, 50], -308, &[[1, 0, 0, 0].as_slice(), &[0; 16]].concat()),
        ]
        .concat();
        passes(&announced, from_server(&mut server, &announced));
        let all = [&QEMU_KEY[..], &RESIZE, &CONTINUOUS, &REQUEST, &KEY, &POINTER].concat();
        passes(&all, from_client(&mut client, &all));
        let huge = [251, 0, 255, 255, 0, 1, 1, 0];
        assert_eq!(from_client(&mut client, &huge).unwrap_err().code(), "rfb-framebuffer-size");
        let (mut server, mut client) = offering(false, &[-258, -308, -312, -313]);
        passes(&announced, from_server(&mut server, &announced));
        assert_eq!(
            from_client(&mut client, &[251, 0, 0, 9, 0, 9, 17, 0]).unwrap_err(),
            Violation::ScreenCount(17)
        );
    }

    #[test]
    fn a_resize_names_the_screen_of_the_target_and_nothing_else() {
        let (mut server, mut client) = offering(false, &[-308]);
        let screen = [7, 7, 7, 7, 0, 0, 0, 0, 0, 100, 0, 50, 8, 8, 8, 8];
        let announced = [update(1), rect([0, 0, 100, 50], -308, &[[1, 0, 0, 0].as_slice(), &screen].concat())].concat();
        passes(&announced, from_server(&mut server, &announced));
        let asked = [251, 66, 3, 32, 2, 88, 1, 66, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6];
        let sent = [251, 0, 3, 32, 2, 88, 1, 0, 7, 7, 7, 7, 0, 0, 0, 0, 3, 32, 2, 88, 8, 8, 8, 8];
        let (out, rest, _) = from_client(&mut client, &asked).unwrap();
        assert_eq!((out, rest), (sent.to_vec(), vec![]));
    }

    #[test]
    fn view_only_drops_input_and_clipboard_and_nothing_else() {
        let (mut server, mut client) = offering(true, &[-258, -308, -312, -313, EXTENDED_CLIPBOARD]);
        let announced = [vec![150], update(2), rect([0; 4], -258, &[]), rect([0, 0, 100, 50], -308, &[0; 4])].concat();
        passes(&announced, from_server(&mut server, &announced));
        let caps = cut_text(3, true, &[0x1F, 0, 0, 1, 0, 0, 0, 0]);
        passes(&caps, from_server(&mut server, &caps));
        let out = [
            cut_text(3, false, b"classic"),
            cut_text(3, true, &[0x08, 0, 0, 1]),
            cut_text(3, true, &[0x10, 0, 0, 1, 1, 2, 3]),
        ];
        is_dropped(from_server(&mut server, &out.concat()));

        let text = cut_text(6, false, b"classic");
        let notify = cut_text(6, true, &[0x08, 0, 0, 1]);
        let provide = cut_text(6, true, &[0x10, 0, 0, 1, 1, 2, 3]);
        is_dropped(from_client(
            &mut client,
            &[&KEY[..], &POINTER, &QEMU_KEY, &RESIZE, &text, &notify, &provide].concat(),
        ));
        let ask = cut_text(6, true, &[0x02, 0, 0, 1]);
        let seen = [&REQUEST[..], &CONTINUOUS, &ask].concat();
        passes(&seen, from_client(&mut client, &seen));
    }
}
