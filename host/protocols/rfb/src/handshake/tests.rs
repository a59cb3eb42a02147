//! Both handshakes, byte by byte and against each other.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use bytes::{BufMut as _, BytesMut};

use super::*;
use crate::{PixelFormat, Size};

const SIZE: Size = Size { width: 640, height: 480 };

/// Feeds `bytes` one by one; gives the output and the end.
fn feed<T>(
    bytes: &[u8],
    mut advance: impl FnMut(&mut BytesMut, &mut BytesMut) -> Result<Progress<T>, HandshakeError>,
) -> (Vec<u8>, Result<Option<T>, HandshakeError>) {
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    for &byte in bytes {
        input.put_u8(byte);
        match advance(&mut input, &mut out) {
            Ok(Progress::NeedMore) => {}
            Ok(Progress::Done(done)) => return (out.to_vec(), Ok(Some(done))),
            Err(error) => return (out.to_vec(), Err(error)),
        }
    }
    (out.to_vec(), Ok(None))
}

fn target(password: Option<&[u8]>, allow_none: bool, bytes: &[u8]) -> (Vec<u8>, Result<Option<ServerInit>, HandshakeError>) {
    let mut handshake = TargetHandshake::new(password.map(VncPassword::new), allow_none, true);
    feed(bytes, |input, out| handshake.advance(input, out))
}

fn browser(bytes: &[u8]) -> (Vec<u8>, Result<Option<ClientInit>, HandshakeError>) {
    let mut out = BytesMut::new();
    let mut handshake = BrowserHandshake::start(&mut out);
    assert_eq!(&out[..], VERSION_3_8);
    feed(bytes, |input, out| handshake.advance(input, out))
}

fn server_init(name: &str) -> BytesMut {
    let mut out = BytesMut::new();
    write_server_init(SIZE, name, &mut out);
    out
}

#[test]
fn a_target_with_a_password() {
    let challenge = *b"0123456789abcdef";
    let bytes = [&b"RFB 003.008\n\x03\x10\x02\x13"[..], &challenge, &[0; 4], &server_init("name\n")].concat();
    let (out, end) = target(Some(b"password"), false, &bytes);
    let response = VncPassword::new(b"password").respond(challenge);
    assert_eq!(
        out,
        [&b"RFB 003.008\n\x02"[..], &response, &[1], &PixelFormat::FIXED.set_message()].concat()
    );
    let init = end.unwrap().unwrap();
    assert_eq!(
        init,
        ServerInit {
            size: SIZE,
            pixel_format: PixelFormat::FIXED,
            name: "name\u{FFFD}".to_owned()
        }
    );
}

#[test]
fn a_target_without_one_where_that_is_allowed() {
    let bytes = [&b"RFB 003.008\n\x01\x01"[..], &[0; 4], &server_init("")].concat();
    assert!(target(None, true, &bytes).1.unwrap().is_some());
    assert!(target(Some(b"unused"), true, &bytes).1.unwrap().is_some());
    assert_eq!(
        target(Some(b"password"), false, &bytes).1,
        Err(HandshakeError::NoUsableSecurity(vec![1]))
    );
    // Where both are offered, None is a downgrade.
    let both = [&b"RFB 003.008\n\x02\x01\x02"[..], &[0; 4], &server_init("")].concat();
    assert_eq!(target(None, true, &both).1, Err(HandshakeError::NoPassword));
}

#[test]
fn what_a_target_may_answer_instead() {
    let check = |bytes: &[u8], expected| assert_eq!(target(Some(b"password"), false, bytes).1, Err(expected));
    check(b"HTTP/1.1 400", HandshakeError::NotRfb);
    check(b"RFB 003.0x8\n", HandshakeError::NotRfb);
    check(b"RFB 003.003\n", HandshakeError::Version { major: 3, minor: 3 });
    check(b"RFB 003.008\n\0\0\0\0\x04busy", HandshakeError::Refused("busy".to_owned()));
    check(b"RFB 003.008\n\0\0\0\x20\0", HandshakeError::TextLength(8192));
    check(b"RFB 003.008\n\x01\x13", HandshakeError::NoUsableSecurity(vec![19]));
    let failed = b"RFB 003.008\n\x01\x02________________\0\0\0\x01\0\0\0\x05no\x1b[m";
    check(failed, HandshakeError::Authentication("no\u{FFFD}[m".to_owned()));
}

#[test]
fn browsers_of_three_versions() {
    let (out, end) = browser(b"RFB 003.008\n\x01\x01");
    assert_eq!((out, end), (b"\x01\x01\0\0\0\0".to_vec(), Ok(Some(ClientInit { shared: true }))));
    let (out, end) = browser(b"RFB 003.007\n\x01\0");
    assert_eq!((out, end), (b"\x01\x01".to_vec(), Ok(Some(ClientInit { shared: false }))));
    let (out, end) = browser(b"RFB 003.003\n\x01");
    assert_eq!((out, end), (b"\0\0\0\x01".to_vec(), Ok(Some(ClientInit { shared: true }))));
}

#[test]
fn browsers_are_refused_with_a_reason() {
    let (out, end) = browser(b"RFB 004.001\n");
    assert_eq!(end, Err(HandshakeError::Version { major: 4, minor: 1 }));
    assert!(out.starts_with(b"\0\0\0\0\x29") && out.ends_with(b"3.8 is"), "{out:?}");
    assert_eq!(browser(b"RFB 003.008\n\x02").1, Err(HandshakeError::SecurityChoice(2)));

    let mut out = BytesMut::new();
    let mut handshake = BrowserHandshake::start_refusing("no desktop", &mut out);
    let end = handshake.advance(&mut BytesMut::from(&VERSION_3_8[..]), &mut out);
    assert!(matches!(end, Err(HandshakeError::BrowserRefused)));
    assert_eq!(&out[..], b"RFB 003.008\n\0\0\0\0\x0Ano desktop");
    assert!(matches!(
        handshake.advance(&mut BytesMut::new(), &mut out),
        Err(HandshakeError::Over)
    ));
}

#[test]
fn our_two_ends_understand_each_other() {
    let (mut to_browser, mut to_target) = (BytesMut::new(), BytesMut::new());
    let mut browser = BrowserHandshake::start(&mut to_browser);
    let mut target = TargetHandshake::new(None, true, false);
    for _ in 0..8 {
        let _ = target.advance(&mut to_browser, &mut to_target).unwrap();
        if let Progress::Done(init) = browser.advance(&mut to_target, &mut to_browser).unwrap() {
            assert!(!init.shared);
            write_server_init(SIZE, "ours", &mut to_browser);
            let Progress::Done(init) = target.advance(&mut to_browser, &mut to_target).unwrap() else {
                panic!("not done")
            };
            assert_eq!((init.size, init.name.as_str()), (SIZE, "ours"));
            assert_eq!(&to_target[..], PixelFormat::FIXED.set_message());
            return;
        }
    }
    panic!("the handshakes wait for each other");
}

#[test]
fn long_names_are_cut_at_a_character() {
    assert_eq!(name_for_wire(&"é".repeat(40_000)).len(), 65_534);
    assert_eq!(name_for_wire("short"), "short");
}
