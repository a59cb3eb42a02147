//! Sessions and messages for unit tests.
#![expect(clippy::unwrap_used, reason = "tests")]

use bytes::{BufMut as _, BytesMut};

use crate::{ClientInspector, Config, Limits, PixelFormat, ServerInit, ServerInspector, Size, Step, Violation, inspect};

pub(crate) const EXTENDED_CLIPBOARD: i32 = 0xC0A1_E5CE_u32.cast_signed();

/// A session on a desktop of 100 x 50 with a clipboard of 1,000 bytes.
pub(crate) fn session(view_only: bool) -> (ServerInspector, ClientInspector) {
    let limits = Limits {
        max_clipboard_bytes: 1000,
        max_clipboard_message_bytes: 100_000,
        ..Limits::default()
    };
    let config = Config {
        limits,
        view_only,
        desktop_name: "ours".to_owned(),
    };
    let size = Size { width: 100, height: 50 };
    let init = ServerInit {
        size,
        pixel_format: PixelFormat::FIXED,
        name: "theirs".to_owned(),
    };
    inspect(config, &init).unwrap()
}

/// A session in which `encodings` were offered.
pub(crate) fn offering(view_only: bool, encodings: &[i32]) -> (ServerInspector, ClientInspector) {
    let (server, mut client) = session(view_only);
    assert!(from_client(&mut client, &set_encodings(encodings)).is_ok());
    (server, client)
}

pub(crate) fn set_encodings(encodings: &[i32]) -> Vec<u8> {
    let mut message = vec![2, 0];
    message.put_u16(encodings.len() as u16);
    encodings.iter().for_each(|&encoding| message.put_i32(encoding));
    message
}

/// Output, what is left of the input, and the last step.
pub(crate) type Outcome = Result<(Vec<u8>, Vec<u8>, Step), Violation>;

pub(crate) fn from_server(server: &mut ServerInspector, bytes: &[u8]) -> Outcome {
    let (mut input, mut out) = (BytesMut::from(bytes), BytesMut::new());
    let step = server.inspect(&mut input, &mut out)?;
    Ok((out.to_vec(), input.to_vec(), step))
}

pub(crate) fn from_client(client: &mut ClientInspector, bytes: &[u8]) -> Outcome {
    let (mut input, mut out) = (BytesMut::from(bytes), BytesMut::new());
    let step = client.inspect(&mut input, &mut out)?;
    Ok((out.to_vec(), input.to_vec(), step))
}

/// The bytes pass whole and unchanged.
pub(crate) fn passes(bytes: &[u8], outcome: Outcome) {
    let (out, rest, step) = outcome.unwrap();
    assert!(matches!(step, Step::NeedMore), "{step:?}");
    assert_eq!((out.as_slice(), rest.as_slice()), (bytes, &[][..]));
}

/// The bytes are taken in and nothing goes out.
pub(crate) fn is_dropped(outcome: Outcome) {
    passes(&[], outcome);
}

pub(crate) fn update(rects: u16) -> Vec<u8> {
    let mut message = vec![0, 0];
    message.put_u16(rects);
    message
}

pub(crate) fn rect([x, y, width, height]: [u16; 4], encoding: i32, payload: &[u8]) -> Vec<u8> {
    let mut rect = Vec::new();
    [x, y, width, height].iter().for_each(|&number| rect.put_u16(number));
    rect.put_i32(encoding);
    rect.put_slice(payload);
    rect
}

/// Cut text of either direction; a negative length when `extended`.
pub(crate) fn cut_text(kind: u8, extended: bool, payload: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0];
    let length = payload.len() as i32;
    message.put_i32(if extended { -length } else { length });
    message.put_slice(payload);
    message
}
