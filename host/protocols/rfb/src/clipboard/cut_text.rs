//! Reading ServerCutText and ClientCutText, which differ in nothing but their type.

use super::extended::{
    ACTION_CAPS, ACTION_NOTIFY, ACTION_PEEK, ACTION_PROVIDE, ACTION_REQUEST, ACTIONS, FORMAT_TEXT, FORMATS, KNOWN_ACTIONS, message,
};
use super::inflate::{Inflated, Malformed, TextInflater};
use super::pending::Form;
use super::{ClipboardOffer, Direction, Pending};
use crate::relay::Relay;
use crate::shared::{Extension, Shared};
use crate::{Encoding, Limits, Violation};

/// A cut text message of which the header has been read. Nothing of it is ever handed on as it came.
pub(crate) struct CutText {
    direction: Direction,
    /// View-only: text and its announcement are dropped. noVNC in its view-only mode does not even read the data of a "provide"
    /// and would take it for messages.
    discard: bool,
    state: State,
}

enum State {
    Classic {
        left: usize,
        bytes: Vec<u8>,
    },
    Flags {
        length: u32,
    },
    Caps {
        flags: u32,
    },
    Provide {
        left: usize,
        inflater: Box<TextInflater>,
    },
    /// Nobody gets these bytes; behind them waits what is to be surfaced.
    Skip {
        left: usize,
        then: Option<(ClipboardOffer, Pending)>,
    },
}

#[derive(Debug)]
pub(crate) enum CutTextStep {
    NeedMore,
    /// The message is over, and what may go on of it was written.
    Done,
    Offer(ClipboardOffer, Pending),
}

/// Shows no content.
impl std::fmt::Debug for CutText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CutText")
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}

impl CutText {
    /// Reads the header, and checks that the direction may use the form. None when it has not all come.
    pub(crate) fn start(
        relay: &mut Relay<'_>,
        direction: Direction,
        discard: bool,
        limits: &Limits,
        shared: &Shared,
    ) -> Result<Option<Self>, Violation> {
        let Some([_, _, _, _, l3, l2, l1, l0]) = relay.peek() else {
            return Ok(None);
        };
        let length = i32::from_be_bytes([l3, l2, l1, l0]);
        let bytes = length.unsigned_abs();
        if bytes > limits.max_clipboard_message_bytes {
            return Err(Violation::ClipboardLength {
                side: direction.sender(),
                bytes,
            });
        }
        let state = if length < 0 {
            match direction {
                Direction::ToTarget => shared.require_announced(Extension::ExtendedClipboard)?,
                Direction::ToBrowser => shared.require_offered(Encoding::ExtendedClipboard, "the extended clipboard")?,
            }
            State::Flags { length: bytes }
        } else if discard {
            State::Skip {
                left: bytes as usize,
                then: None,
            }
        } else if bytes > limits.max_clipboard_bytes {
            let offer = Pending::too_large(direction, Form::Classic, u64::from(bytes));
            State::Skip {
                left: bytes as usize,
                then: Some(offer),
            }
        } else {
            State::Classic {
                left: bytes as usize,
                bytes: Vec::new(),
            }
        };
        relay.skip(8);
        Ok(Some(Self { direction, discard, state }))
    }

    /// Takes in as much of the message as has come.
    pub(crate) fn step(&mut self, relay: &mut Relay<'_>, limits: &Limits, shared: &Shared) -> Result<CutTextStep, Violation> {
        loop {
            match &mut self.state {
                State::Classic { left, bytes } => {
                    let chunk = available(relay, *left);
                    bytes.extend_from_slice(chunk);
                    let count = chunk.len();
                    relay.skip(count);
                    *left -= count;
                    if *left > 0 {
                        return Ok(CutTextStep::NeedMore);
                    }
                    let (offer, pending) = Pending::classic(self.direction, std::mem::take(bytes));
                    return Ok(CutTextStep::Offer(offer, pending));
                }
                State::Flags { length } => {
                    let length = *length;
                    if length < 4 {
                        return Err(self.shape(0, length));
                    }
                    let Some(flags) = relay.peek().map(u32::from_be_bytes) else {
                        return Ok(CutTextStep::NeedMore);
                    };
                    relay.skip(4);
                    match self.flags(flags, length, limits)? {
                        Some(state) => self.state = state,
                        None => {
                            self.write_short(relay, flags);
                            return Ok(CutTextStep::Done);
                        }
                    }
                }
                State::Caps { flags } => {
                    let flags = *flags;
                    let sizes = 4 * (flags & FORMATS).count_ones() as usize;
                    let Some(sizes) = relay.rest().get(..sizes) else {
                        return Ok(CutTextStep::NeedMore);
                    };
                    let text_size = sizes.first_chunk().copied().map(u32::from_be_bytes);
                    let count = sizes.len();
                    relay.skip(count);
                    self.write_caps(relay, flags, text_size, limits);
                    if self.direction == Direction::ToBrowser {
                        shared.announce(Extension::ExtendedClipboard);
                    }
                    return Ok(CutTextStep::Done);
                }
                State::Provide { left, inflater } => {
                    let chunk = available(relay, *left);
                    let count = chunk.len();
                    let side = self.direction.sender();
                    let inflated = inflater.feed(chunk).map_err(|Malformed| Violation::ClipboardData { side })?;
                    relay.skip(count);
                    *left -= count;
                    let left = *left;
                    let offer = match inflated {
                        Inflated::Text(bytes) => Pending::extended(self.direction, bytes),
                        Inflated::TooLarge(bytes) => Pending::too_large(self.direction, Form::Extended, u64::from(bytes)),
                        Inflated::More if left > 0 => return Ok(CutTextStep::NeedMore),
                        Inflated::More => return Err(Violation::ClipboardData { side }),
                    };
                    self.state = State::Skip { left, then: Some(offer) };
                }
                State::Skip { left, then } => {
                    let count = available(relay, *left).len();
                    relay.skip(count);
                    *left -= count;
                    if *left > 0 {
                        return Ok(CutTextStep::NeedMore);
                    }
                    return Ok(match then.take() {
                        Some((offer, pending)) => CutTextStep::Offer(offer, pending),
                        None => CutTextStep::Done,
                    });
                }
            }
        }
    }

    /// Checks flags against the message's length. None for the messages that are over with their flags.
    fn flags(&self, flags: u32, length: u32, limits: &Limits) -> Result<Option<State>, Violation> {
        let rest = length - 4;
        if flags & ACTION_CAPS != 0 {
            if rest != 4 * (flags & FORMATS).count_ones() {
                return Err(self.shape(flags, length));
            }
            return Ok(Some(State::Caps { flags }));
        }
        match flags & ACTIONS {
            ACTION_PROVIDE => {
                let left = rest as usize;
                if self.discard || flags & FORMAT_TEXT == 0 {
                    return Ok(Some(State::Skip { left, then: None }));
                }
                let inflater = Box::new(TextInflater::new(limits.max_clipboard_bytes));
                Ok(Some(State::Provide { left, inflater }))
            }
            ACTION_REQUEST | ACTION_PEEK | ACTION_NOTIFY if rest != 0 => Err(self.shape(flags, length)),
            ACTION_REQUEST | ACTION_PEEK | ACTION_NOTIFY => Ok(None),
            _ => Err(Violation::ClipboardAction {
                side: self.direction.sender(),
                flags,
            }),
        }
    }

    /// Request, peek and notify, for text only.
    fn write_short(&self, relay: &mut Relay<'_>, flags: u32) {
        let kept = flags & (ACTIONS | FORMAT_TEXT);
        let drop = match flags & ACTIONS {
            // Asking for other formats only: nobody may answer.
            ACTION_REQUEST => flags & FORMAT_TEXT == 0,
            // Announcing other formats only means that there is no text, which is worth saying.
            ACTION_NOTIFY => self.discard,
            _ => false,
        };
        if !drop && let Some(message) = message(self.direction, &kept.to_be_bytes()) {
            relay.write(&message);
        }
    }

    fn write_caps(&self, relay: &mut Relay<'_>, flags: u32, text_size: Option<u32>, limits: &Limits) {
        let kept = flags & (KNOWN_ACTIONS | FORMAT_TEXT);
        let mut payload = kept.to_be_bytes().to_vec();
        // Sizes are in the order of the formats, and text is the first.
        if let Some(size) = text_size.filter(|_| flags & FORMAT_TEXT != 0) {
            payload.extend_from_slice(&size.min(limits.max_clipboard_bytes).to_be_bytes());
        }
        if let Some(message) = message(self.direction, &payload) {
            relay.write(&message);
        }
    }

    fn shape(&self, flags: u32, bytes: u32) -> Violation {
        Violation::ClipboardShape {
            side: self.direction.sender(),
            flags,
            bytes,
        }
    }
}

/// Up to `left` bytes, as many as have come.
fn available<'r>(relay: &'r Relay<'_>, left: usize) -> &'r [u8] {
    let rest = relay.rest();
    rest.get(..left).unwrap_or(rest)
}
