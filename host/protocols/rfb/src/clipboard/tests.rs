//! Both forms in both directions, through the inspectors.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
use bytes::BytesMut;

use super::extended::{provide, provide_with_crlf};
use crate::test_session::*;
use crate::{ClientInspector, ClipboardOffer, Decision, Direction, ServerInspector, Step, Violation};

/// Both sides use the extended clipboard.
fn extended() -> (ServerInspector, ClientInspector) {
    let (mut server, client) = offering(false, &[EXTENDED_CLIPBOARD]);
    let caps = cut_text(3, true, &[0x1F, 0, 0, 1, 0, 0, 0, 0]);
    passes(&caps, from_server(&mut server, &caps));
    (server, client)
}

fn text(outcome: Outcome) -> String {
    match outcome.unwrap().2 {
        Step::Clipboard(offer) => offer.text().unwrap().to_owned(),
        other => panic!("{other:?}"),
    }
}

fn to_browser(server: &mut ServerInspector, decision: Decision) -> Vec<u8> {
    let mut out = BytesMut::new();
    assert!(server.resume(decision, &mut out));
    assert!(!server.resume(Decision::Deny, &mut BytesMut::new()), "only once");
    out.to_vec()
}

fn to_target(client: &mut ClientInspector, decision: Decision) -> Vec<u8> {
    let mut out = BytesMut::new();
    assert!(client.resume(decision, &mut out));
    out.to_vec()
}

#[test]
fn classic_text_out() {
    let message = cut_text(3, false, b"caf\xE9\r\n\0x");
    for (decision, expected) in [
        (Decision::Allow, message.clone()),
        (Decision::Replace("€ é\r\n".to_owned()), cut_text(3, false, b"? \xE9\n")),
        (Decision::Deny, vec![]),
    ] {
        let (mut server, _client) = session(false);
        assert_eq!(text(from_server(&mut server, &message)), "café\n\0x");
        assert_eq!(to_browser(&mut server, decision), expected);
    }
}

#[test]
fn classic_text_in() {
    let message = cut_text(6, false, b"secret");
    for (decision, expected) in [(Decision::Allow, message.clone()), (Decision::Deny, cut_text(6, false, b""))] {
        let (_server, mut client) = session(false);
        assert_eq!(text(from_client(&mut client, &message)), "secret");
        assert_eq!(to_target(&mut client, decision), expected);
    }
}

#[test]
fn extended_text_out_and_in() {
    let wire = provide("a\r\nb\n😀 \u{202B}rtl").unwrap();
    let surfaced = "a\nb\n😀 \u{202B}rtl";
    for (decision, expected) in [
        (Decision::Allow, Some("a\r\nb\n😀 \u{202B}rtl")),
        (Decision::Replace("x\ny".to_owned()), Some("x\r\ny")),
        (Decision::Deny, None),
    ] {
        let message = |kind, text| cut_text(kind, true, &provide(text).unwrap());
        let (mut server, mut client) = extended();
        assert_eq!(text(from_server(&mut server, &cut_text(3, true, &wire))), surfaced);
        assert_eq!(
            to_browser(&mut server, decision.clone()),
            expected.map(|text| message(3, text)).unwrap_or_default()
        );
        assert_eq!(text(from_client(&mut client, &cut_text(6, true, &wire))), surfaced);
        assert_eq!(to_target(&mut client, decision), message(6, expected.unwrap_or_default()));
    }
}

#[test]
fn a_direction_waits_and_the_other_goes_on() {
    let (mut server, mut client) = session(false);
    let (mut input, mut out) = (BytesMut::from(&cut_text(6, false, b"x")[..]), BytesMut::new());
    let key = [4, 1, 0, 0, 0, 0, 0, 97];
    input.extend_from_slice(&key);
    let Step::Clipboard(offer) = client.inspect(&mut input, &mut out).unwrap() else {
        panic!("no offer")
    };
    assert_eq!((offer.direction(), offer.bytes()), (Direction::ToTarget, 1));
    assert!(matches!(client.inspect(&mut input, &mut out), Ok(Step::AwaitingDecision)));
    assert_eq!((&input[..], &out[..]), (&key[..], &[][..]), "the key is behind the text");
    passes(&[2], from_server(&mut server, &[2]));
    assert!(client.resume(Decision::Deny, &mut out));
    assert!(matches!(client.inspect(&mut input, &mut out), Ok(Step::NeedMore)));
    assert_eq!(out.to_vec(), [cut_text(6, false, b""), key.to_vec()].concat());
}

#[test]
fn only_text_is_negotiated() {
    let (mut server, _client) = offering(false, &[EXTENDED_CLIPBOARD]);
    let check = |server: &mut ServerInspector, payload: &[u8], expected: &[u8]| {
        let (out, _, _) = from_server(server, &cut_text(3, true, payload)).unwrap();
        let expected = if expected.is_empty() { vec![] } else { cut_text(3, true, expected) };
        assert_eq!(out, expected, "{payload:?}");
    };
    // Caps of text, RTF and HTML with unknown actions; sizes beyond our cap are lowered.
    let sizes = [0, 16, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3];
    check(
        &mut server,
        &[&[0xFF, 0, 0, 0x07], &sizes[..]].concat(),
        &[0x1F, 0, 0, 1, 0, 0, 3, 0xE8],
    );
    check(&mut server, &[0x1F, 0, 0, 0x02, 0, 0, 0, 9], &[0x1F, 0, 0, 0]);
    check(&mut server, &[0x08, 0, 0, 0x1F], &[0x08, 0, 0, 1]);
    check(&mut server, &[0x08, 0, 0, 0x1E], &[0x08, 0, 0, 0]);
    check(&mut server, &[0x02, 0, 0, 0x07], &[0x02, 0, 0, 1]);
    check(&mut server, &[0x02, 0, 0, 0x06], &[]);
    check(&mut server, &[0x04, 0, 0, 0], &[0x04, 0, 0, 0]);
    // Files only: nobody is asked and nobody gets them.
    check(&mut server, &[0x10, 0, 0, 0x10, 1, 2, 3], &[]);
}

#[test]
fn other_formats_are_stripped_from_data() {
    let mut wire = provide("text").unwrap();
    if let Some(formats) = wire.get_mut(3) {
        *formats = 0x1F;
    }
    let (mut server, _client) = extended();
    assert_eq!(text(from_server(&mut server, &cut_text(3, true, &wire))), "text");
    assert_eq!(
        to_browser(&mut server, Decision::Allow),
        cut_text(3, true, &provide("text").unwrap())
    );
}

#[test]
fn too_large_is_surfaced_and_never_allowed() {
    let (_server, mut client) = extended();
    let classic = cut_text(6, false, &[b'x'; 1001]);
    let Step::Clipboard(offer) = from_client(&mut client, &classic).unwrap().2 else {
        panic!("no offer")
    };
    assert_eq!(
        offer,
        ClipboardOffer::TooLarge {
            direction: Direction::ToTarget,
            bytes: 1001
        }
    );
    assert_eq!(to_target(&mut client, Decision::Allow), cut_text(6, false, b""));

    let bomb = cut_text(6, true, &provide(&"x".repeat(5_000_000)).unwrap());
    let Step::Clipboard(offer) = from_client(&mut client, &bomb).unwrap().2 else {
        panic!("no offer")
    };
    assert_eq!(
        offer,
        ClipboardOffer::TooLarge {
            direction: Direction::ToTarget,
            bytes: 5_000_001
        }
    );
    assert_eq!(to_target(&mut client, Decision::Allow), cut_text(6, true, &provide("").unwrap()));

    let beyond = [6, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF];
    let violation = Violation::ClipboardLength {
        side: "client",
        bytes: 0x7FFF_FFFF,
    };
    assert_eq!(from_client(&mut client, &beyond).unwrap_err(), violation);
}

#[test]
fn what_is_malformed_or_out_of_state() {
    let refused = |payload: &[u8]| {
        let (mut server, _client) = extended();
        from_server(&mut server, &cut_text(3, true, payload)).unwrap_err().code()
    };
    assert_eq!(refused(&[1, 2, 3]), "rfb-clipboard-shape", "no room for flags");
    assert_eq!(refused(&[0x08, 0, 0, 1, 0]), "rfb-clipboard-shape", "more than flags");
    assert_eq!(refused(&[0x1F, 0, 0, 1]), "rfb-clipboard-shape", "caps without sizes");
    assert_eq!(refused(&[0x06, 0, 0, 1]), "rfb-clipboard-action", "two actions");
    assert_eq!(refused(&[0, 0, 0, 1]), "rfb-clipboard-action", "no action");
    assert_eq!(refused(&[0x10, 0, 0, 1, 0xFF, 0xFF]), "rfb-clipboard-data");
    let cut_off = provide_with_crlf("cut off").unwrap();
    assert_eq!(refused(cut_off.get(..10).unwrap()), "rfb-clipboard-data");

    let notify = [0x08, 0, 0, 1];
    let (mut server, mut client) = session(false);
    let violation = from_server(&mut server, &cut_text(3, true, &notify)).unwrap_err();
    assert_eq!(violation, Violation::NotOffered("the extended clipboard"));
    let violation = from_client(&mut client, &cut_text(6, true, &notify)).unwrap_err();
    assert_eq!(violation, Violation::NotAnnounced("the extended clipboard"));
}

#[test]
fn content_is_not_in_debug_output() {
    let (_server, mut client) = session(false);
    let (_, _, step) = from_client(&mut client, &cut_text(6, false, b"hunter2")).unwrap();
    let shown = format!("{step:?} {client:?} {:?}", Decision::Replace("hunter2".to_owned()));
    assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    let (_server, mut client) = session(false);
    is_dropped(from_client(&mut client, b"\x06\0\0\0\0\0\0\x09hunter2"));
    assert!(!format!("{client:?}").contains("104, 117"), "{client:?}");
}
