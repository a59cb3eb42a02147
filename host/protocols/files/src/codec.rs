//! Frames as bytes.

use bytes::{Buf as _, BufMut as _, BytesMut};
use serde::{Deserialize, Serialize};

use crate::frame::{Entry, Failure, Frame};

/// Bytes before a payload.
pub const HEADER_BYTES: usize = 5;
/// The largest payload of `Data`.
pub const MAX_DATA_BYTES: usize = 1 << 20;
/// The largest payload of anything else.
pub const MAX_CONTROL_BYTES: usize = 4 << 20;

/// The bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// No frame has this number.
    #[error("unknown frame {0}")]
    Unknown(u8),
    /// A payload over its limit.
    #[error("frame of {0} bytes is too large")]
    TooLarge(usize),
    /// A payload that is not what its frame has.
    #[error("payload of frame {0} can't be read")]
    Payload(u8),
}

const LIST: u8 = 1;
const PUT: u8 = 2;
const GET: u8 = 3;
const DATA: u8 = 4;
const COMMIT: u8 = 5;
const ENTRIES: u8 = 16;
const READY: u8 = 17;
const FOUND: u8 = 18;
const DONE: u8 = 19;
const FAILED: u8 = 20;

#[derive(Serialize, Deserialize)]
struct Put {
    name: String,
    size: u64,
}

#[derive(Serialize, Deserialize)]
struct Named {
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Sized {
    size: u64,
}

/// What stands before `length` bytes of `Data`, so that they need not be copied.
#[must_use]
pub fn data_header(length: u32) -> [u8; HEADER_BYTES] {
    let [a, b, c, d] = length.to_be_bytes();
    [DATA, a, b, c, d]
}

/// Appends a frame. Payloads over their limits are the caller's mistake; the other side refuses them.
pub fn encode(frame: &Frame, out: &mut BytesMut) {
    match frame {
        Frame::List => put(out, LIST, &[]),
        Frame::Put { name, size } => json(
            out,
            PUT,
            &Put {
                name: name.clone(),
                size: *size,
            },
        ),
        Frame::Get { name } => json(out, GET, &Named { name: name.clone() }),
        Frame::Data(bytes) => put(out, DATA, bytes),
        Frame::Commit => put(out, COMMIT, &[]),
        Frame::Entries(entries) => json(out, ENTRIES, entries),
        Frame::Ready => put(out, READY, &[]),
        Frame::Found { size } => json(out, FOUND, &Sized { size: *size }),
        Frame::Done { name } => json(out, DONE, &Named { name: name.clone() }),
        Frame::Failed(failure) => json(out, FAILED, failure),
    }
}

fn put(out: &mut BytesMut, kind: u8, payload: &[u8]) {
    out.reserve(HEADER_BYTES + payload.len());
    out.put_u8(kind);
    out.put_u32(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    out.put_slice(payload);
}

fn json(out: &mut BytesMut, kind: u8, payload: &impl Serialize) {
    // These types always become JSON; if not, the empty payload is refused by the other side.
    put(out, kind, &serde_json::to_vec(payload).unwrap_or_default());
}

/// Takes the next frame off `input`. None: there is more to come.
///
/// # Errors
/// [`ProtocolError`]: the stream is of no use any more.
pub fn decode(input: &mut BytesMut) -> Result<Option<Frame>, ProtocolError> {
    let Some(&[kind, a, b, c, d]) = input.first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    let limit = match kind {
        DATA => MAX_DATA_BYTES,
        LIST | COMMIT | READY => 0,
        PUT | GET | ENTRIES | FOUND | DONE | FAILED => MAX_CONTROL_BYTES,
        other => return Err(ProtocolError::Unknown(other)),
    };
    if length > limit {
        return Err(ProtocolError::TooLarge(length));
    }
    if input.len() < HEADER_BYTES + length {
        input.reserve(HEADER_BYTES + length - input.len());
        return Ok(None);
    }
    input.advance(HEADER_BYTES);
    let payload = input.split_to(length).freeze();
    let wrong = |_| ProtocolError::Payload(kind);
    Ok(Some(match kind {
        LIST => Frame::List,
        COMMIT => Frame::Commit,
        READY => Frame::Ready,
        DATA => Frame::Data(payload),
        PUT => {
            let Put { name, size } = serde_json::from_slice(&payload).map_err(wrong)?;
            Frame::Put { name, size }
        }
        GET => Frame::Get {
            name: serde_json::from_slice::<Named>(&payload).map_err(wrong)?.name,
        },
        ENTRIES => Frame::Entries(serde_json::from_slice::<Vec<Entry>>(&payload).map_err(wrong)?),
        FOUND => Frame::Found {
            size: serde_json::from_slice::<Sized>(&payload).map_err(wrong)?.size,
        },
        DONE => Frame::Done {
            name: serde_json::from_slice::<Named>(&payload).map_err(wrong)?.name,
        },
        _ => Frame::Failed(serde_json::from_slice::<Failure>(&payload).map_err(wrong)?),
    }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn frames() -> impl Strategy<Value = Frame> {
        let failure = prop_oneof![
            Just(Failure::NotFound),
            Just(Failure::Link),
            Just(Failure::NoRoom),
            Just(Failure::Other)
        ];
        let entry = (any::<String>(), any::<u64>(), any::<i64>(), proptest::option::of(failure.clone())).prop_map(
            |(name, size, modified, refused)| Entry {
                name,
                size,
                modified,
                refused,
            },
        );
        prop_oneof![
            Just(Frame::List),
            Just(Frame::Commit),
            Just(Frame::Ready),
            (any::<String>(), any::<u64>()).prop_map(|(name, size)| Frame::Put { name, size }),
            any::<String>().prop_map(|name| Frame::Get { name }),
            proptest::collection::vec(any::<u8>(), 0..2000).prop_map(|bytes| Frame::Data(bytes.into())),
            proptest::collection::vec(entry, 0..5).prop_map(Frame::Entries),
            any::<u64>().prop_map(|size| Frame::Found { size }),
            any::<String>().prop_map(|name| Frame::Done { name }),
            failure.prop_map(Frame::Failed),
        ]
    }

    proptest! {
        #[test]
        fn frames_survive_any_cut(frames in proptest::collection::vec(frames(), 1..6), step in 1_usize..50) {
            let mut bytes = BytesMut::new();
            for frame in &frames {
                encode(frame, &mut bytes);
            }
            let (mut input, mut got) = (BytesMut::new(), Vec::new());
            for piece in bytes.chunks(step) {
                input.extend_from_slice(piece);
                while let Some(frame) = decode(&mut input).unwrap() {
                    got.push(frame);
                }
            }
            prop_assert!(input.is_empty());
            prop_assert_eq!(got, frames);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut input = BytesMut::from(bytes.as_slice());
            while let Ok(Some(_)) = decode(&mut input) {}
        }
    }

    #[test]
    fn lengths_are_bounded_before_memory_is_taken() {
        for (kind, length) in [(DATA, MAX_DATA_BYTES + 1), (PUT, MAX_CONTROL_BYTES + 1), (COMMIT, 1)] {
            let mut input = BytesMut::new();
            input.put_u8(kind);
            input.put_u32(u32::try_from(length).unwrap());
            assert_eq!(decode(&mut input), Err(ProtocolError::TooLarge(length)));
        }
        let mut input = BytesMut::from(&[99, 0, 0, 0, 0][..]);
        assert_eq!(decode(&mut input), Err(ProtocolError::Unknown(99)));
        let mut input = BytesMut::from(&data_header(3)[..]);
        input.extend_from_slice(b"abc");
        assert_eq!(decode(&mut input), Ok(Some(Frame::Data(Bytes::from_static(b"abc")))));
    }
}
