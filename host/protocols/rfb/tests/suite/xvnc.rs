//! Scenarios with a real Xvnc.

use std::io::Read as _;
use std::time::{Duration, Instant};

use gatewright_rfb::{BrowserHandshake, Decision, HandshakeError, Progress, TargetHandshake, VncPassword};

use crate::desktop::Desktop;
use crate::pixels::Zlib;
use crate::viewer::{EXTENDED_CLIPBOARD, Message, Viewer};

const RAW: i32 = 0;
const COPY_RECT: i32 = 1;
const TIGHT: i32 = 7;
const ZRLE: i32 = 16;
const QUALITY_6: i32 = -26;

/// Lines of text in two and in many colours, and blocks of true colour, as long as the flag is there. Scrolled slowly, a server
/// finds areas to copy.
const ACTIVITY: &str = r#"
i=0
while [ -e "$FLAG" ]; do
    i=$((i + 1))
    [ -e "$FLAG.slow" ] && sleep 0.02
    printf '\033[%dmline %d of many, and some more words\033[0m\n' $((30 + i % 8)) $i
    if [ $((i % 10)) = 0 ]; then
        for x in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36; do
            printf '\033[48;2;%d;%d;%dm\033[38;2;%d;%d;%dm##' \
                $((x * 7)) $((i % 250)) $((x * i % 250)) $((255 - x * 7)) $((x * 3 * i % 250)) $((i * 5 % 250))
        done
        printf '\033[0m\n'
    fi
done
exec sleep 1000"#;

#[test]
fn several_hundred_updates_in_every_encoding_show_the_same_picture() {
    let mut desktop = Desktop::start();
    std::fs::write(desktop.flag(), "").unwrap();
    desktop.terminal(ACTIVITY);
    let mut viewer = Viewer::connect(desktop.connect());
    viewer.set_pixel_format();
    let pseudo = [-223, -224, -239, 0x574d_5664, -258, -261, -307, -308];
    for (encodings, updates, slow) in [
        (&[COPY_RECT, RAW][..], 100, true),
        (&[TIGHT, QUALITY_6, -255], 150, false),
        (&[COPY_RECT, TIGHT, -254], 200, true),
        (&[ZRLE, COPY_RECT], 100, false),
        // What is not on the list never reaches the server.
        (&[-260, 50, 21, 5, 2, 6, TIGHT], 50, false),
    ] {
        let slowly = desktop.flag().with_extension("slow");
        if slow {
            std::fs::write(slowly, "").unwrap();
        } else {
            let _ = std::fs::remove_file(slowly);
        }
        viewer.set_encodings(&[encodings, &pseudo].concat());
        viewer.request(false);
        let before = viewer.updates();
        while viewer.updates() < before + updates {
            if viewer.message() == Message::Update {
                viewer.request(true);
            }
        }
    }
    println!(
        "{} updates, {} bytes, {:?}, {:?}",
        viewer.updates(),
        viewer.received,
        viewer.rects,
        viewer.tight_forms
    );
    assert_eq!(viewer.received, viewer.handed_on, "nothing is rewritten, nothing held back");
    for encoding in [RAW, COPY_RECT, TIGHT, ZRLE] {
        assert!(
            viewer.rects.get(&encoding).is_some_and(|&count| count > 20),
            "{encoding}: {:?}",
            viewer.rects
        );
    }
    for form in ["fill", "copy", "palette", "two colours", "jpeg"] {
        assert!(viewer.tight_forms.contains_key(form), "{form}: {:?}", viewer.tight_forms);
    }
    assert!(viewer.rects.contains_key(&0x574d_5664), "a cursor with alpha");

    // Once nothing moves, every encoding has to give what Raw gives.
    std::fs::remove_file(desktop.flag()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let [raw, tight, zrle, again] = [&[RAW][..], &[TIGHT], &[ZRLE], &[RAW]].map(|encodings| full_picture(&mut viewer, encodings));
        if raw == again {
            assert!(raw == tight, "Tight differs from Raw");
            assert!(raw == zrle, "ZRLE differs from Raw");
            let mut colours = raw.clone();
            colours.sort_unstable();
            colours.dedup();
            assert!(colours.len() > 50, "a picture of {} colours", colours.len());
            break;
        }
        assert!(Instant::now() < deadline, "the picture never came to rest");
    }
}

/// What noVNC 1.7 offers.
pub const NOVNC: [i32; 24] = [
    1,
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
];

/// With `UPDATE_FIXTURES=1` this makes anew what `recorded.rs` reads.
#[test]
fn a_session_as_novnc_has_it() {
    let mut desktop = Desktop::start();
    std::fs::write(desktop.flag(), "").unwrap();
    std::fs::write(desktop.flag().with_extension("slow"), "").unwrap();
    desktop.terminal(ACTIVITY);
    let mut viewer = Viewer::connect(desktop.connect());
    viewer.recording = Some(Vec::new());
    viewer.set_pixel_format();
    viewer.set_encodings(&NOVNC);
    viewer.request(false);
    while viewer.updates() < 60 {
        match viewer.message() {
            Message::Update => viewer.request(true),
            Message::Extended(flags, _) if flags & 0x0100_0000 != 0 => viewer.send_extended(0x1F00_0001, &[0; 4]),
            _ => {}
        }
    }
    for encoding in [COPY_RECT, TIGHT, -258, -308, 0x574d_5664] {
        assert!(viewer.rects.contains_key(&encoding), "{encoding}: {:?}", viewer.rects);
    }
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(crate::recorded::FIXTURE, viewer.recording.unwrap()).unwrap();
    }
}

/// All pixels, drawn anew.
fn full_picture(viewer: &mut Viewer, encodings: &[i32]) -> Vec<[u8; 3]> {
    // What was asked for before is answered first.
    while viewer.message_until(Instant::now() + Duration::from_millis(300)).is_some() {}
    viewer.set_encodings(encodings);
    viewer.picture.fill([1, 2, 3]);
    viewer.request(false);
    while viewer.message() != Message::Update {}
    viewer.picture.clone()
}

#[test]
fn continuous_updates_fences_and_resizing() {
    let mut desktop = Desktop::start();
    std::fs::write(desktop.flag(), "").unwrap();
    desktop.terminal(ACTIVITY);
    let mut viewer = Viewer::connect(desktop.connect());
    viewer.set_encodings(&[TIGHT, COPY_RECT, -224, -258, -308, -312, -313, -307]);
    viewer.request(false);
    while viewer.updates() < 3 {
        if viewer.message() == Message::Update {
            viewer.request(true);
        }
    }
    viewer.send(&[150, 1, 0, 0, 0, 0, 3, 32, 2, 88]);
    let before = viewer.updates();
    while viewer.updates() < before + 200 {
        viewer.message();
    }
    viewer.send(&[251, 0, 3, 32, 2, 88, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 32, 2, 88, 0, 0, 0, 0]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while (viewer.width, viewer.height) != (800, 600) {
        assert!(Instant::now() < deadline, "not resized");
        viewer.message();
    }
    let before = viewer.updates();
    while viewer.updates() < before + 20 {
        viewer.message();
    }
    // Keys arrive: by QEMU's message and by the plain one.
    viewer.send(&[255, 0, 0, 1, 0, 0, 0, 97, 0, 0, 0, 30]);
    viewer.send(&[4, 0, 0, 0, 0, 0, 0, 97]);
    viewer.send(&[5, 1, 0, 100, 0, 100, 5, 0, 0, 100, 0, 100]);
    let before = viewer.updates();
    while viewer.updates() < before + 20 {
        viewer.message();
    }
    assert!(viewer.names.iter().all(|name| name == "ours"), "{:?}", viewer.names);
}

/// Text by extended clipboard, as a policy and as the wire sees it.
const TEXTS: [(&str, &str); 4] = [
    ("plain", "plain"),
    ("two\nlines\n", "two\r\nlines\r\n"),
    ("😀 é עברית", "😀 é עברית"),
    ("<b>&amp;\t\u{FEFF}</b>", "<b>&amp;\t\u{FEFF}</b>"),
];

#[test]
fn text_is_copied_out_through_the_extended_clipboard() {
    let mut desktop = Desktop::start();
    let mut viewer = Viewer::connect(desktop.connect());
    extended(&mut viewer);
    let long = "0123456789abcdef".repeat(62_500);
    for (text, wire) in TEXTS.into_iter().chain([(long.as_str(), long.as_str())]) {
        desktop.copy(text);
        assert_eq!(copied(&mut viewer), format!("{wire}\0"));
        assert!(viewer.offers.pop().unwrap() == text, "offered once, as {wire:.20}");
        assert_eq!(viewer.offers.len(), 0);
    }
    // CRLF inside is LF to Xvnc.
    desktop.copy("a\r\nb");
    assert_eq!(copied(&mut viewer), "a\r\nb\0");
    assert_eq!(viewer.offers.pop().unwrap(), "a\nb");

    viewer.decisions.push_back(Decision::Replace("[redacted]\n€".to_owned()));
    desktop.copy("4111 1111 1111 1111");
    assert_eq!(copied(&mut viewer), "[redacted]\r\n€\0");

    viewer.offers.clear();
    viewer.decisions.push_back(Decision::Deny);
    desktop.copy("secret");
    announced(&mut viewer);
    viewer.send_extended(0x0200_0001, &[]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while viewer.offers.is_empty() {
        assert!(Instant::now() < deadline, "not offered");
        let message = viewer.message_until(Instant::now() + Duration::from_millis(200));
        assert!(!matches!(message, Some(Message::Extended(0x1000_0001, _))), "let through");
    }
    assert_eq!(viewer.offers, ["secret"]);
    assert_eq!(
        viewer.message_until(Instant::now() + Duration::from_millis(300)),
        None,
        "nothing comes after it"
    );
}

#[test]
fn text_is_pasted_in_through_the_extended_clipboard() {
    let desktop = Desktop::start();
    let mut viewer = Viewer::connect(desktop.connect());
    extended(&mut viewer);
    let mebibyte = "0123456789abcde\n".repeat(65_536);
    let mebibyte_wire = mebibyte.replace('\n', "\r\n");
    for (text, wire) in TEXTS.into_iter().chain([(mebibyte.as_str(), mebibyte_wire.as_str())]) {
        assert!(pasted(&desktop, &mut viewer, wire) == text, "{text:.20}");
        assert!(viewer.offers.pop().unwrap() == text, "offered once, as {text:.20}");
        assert_eq!(viewer.offers.len(), 0);
    }
    viewer.decisions.push_back(Decision::Replace("[redacted]\n€".to_owned()));
    assert_eq!(pasted(&desktop, &mut viewer, "4111 1111 1111 1111"), "[redacted]\n€");
    viewer.decisions.push_back(Decision::Deny);
    assert_eq!(
        pasted(&desktop, &mut viewer, "secret"),
        "",
        "empty, neither the secret nor what was there before"
    );
    assert_eq!(viewer.offers, ["4111 1111 1111 1111", "secret"]);
    assert_eq!(pasted(&desktop, &mut viewer, "after"), "after");
    assert_eq!(pasted(&desktop, &mut viewer, &"x".repeat(5 << 20)), "", "too large is denied");
    assert_eq!(viewer.offers.last().unwrap(), "too large");
}

#[test]
fn classic_text_goes_both_ways() {
    let mut desktop = Desktop::start();
    let mut viewer = Viewer::connect(desktop.connect());
    viewer.set_encodings(&[RAW]);
    desktop.copy("café €");
    assert_eq!(cut_text(&mut viewer), b"caf\xE9 ?", "Xvnc knows Latin-1 only here");
    assert_eq!(viewer.offers.pop().unwrap(), "café ?");
    viewer.decisions.push_back(Decision::Replace("é€\n".to_owned()));
    desktop.copy("redact me");
    assert_eq!(cut_text(&mut viewer), b"\xE9?\n");

    let paste = |viewer: &mut Viewer, text: &[u8]| {
        viewer.send(&[&[6, 0, 0, 0][..], &(text.len() as u32).to_be_bytes(), text].concat());
        settle(viewer);
        output(desktop.paste())
    };
    assert_eq!(paste(&mut viewer, b"caf\xE9\nx"), "café\nx");
    viewer.decisions.push_back(Decision::Deny);
    assert_eq!(paste(&mut viewer, b"secret"), "");
}

#[test]
fn a_wrong_password_is_told_from_a_right_one() {
    let desktop = Desktop::start();
    let mut stream = desktop.connect();
    let mut handshake = TargetHandshake::new(Some(VncPassword::new(b"guess")), true, true);
    let (mut input, mut out) = (bytes::BytesMut::new(), bytes::BytesMut::new());
    let error = loop {
        match handshake.advance(&mut input, &mut out) {
            Ok(Progress::NeedMore) => {}
            Ok(Progress::Done(init)) => panic!("{init:?}"),
            Err(error) => break error,
        }
        std::io::Write::write_all(&mut stream, &out.split()).unwrap();
        let mut buffer = [0; 64];
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0);
        input.extend_from_slice(&buffer[..count]);
    };
    assert_eq!(error, HandshakeError::Authentication("Authentication failure".to_owned()));
    assert_eq!(error.to_string(), "the target refused the password: Authentication failure");
    // The browser's end of the same relay would say so.
    let mut out = bytes::BytesMut::new();
    let _ = BrowserHandshake::start_refusing(&error.to_string(), &mut out);
}

/// Offers the extended clipboard and answers the server's capabilities, as noVNC does.
fn extended(viewer: &mut Viewer) {
    viewer.set_encodings(&[RAW, EXTENDED_CLIPBOARD]);
    loop {
        if let Message::Extended(flags, sizes) = viewer.message() {
            assert_eq!((flags, sizes.as_slice()), (0x1F00_0001, &[0; 4][..]));
            break;
        }
    }
    viewer.send_extended(0x1F00_0001, &[0; 4]);
    settle(viewer);
}

/// Waits until the server has worked off what it was sent: it answers in order.
fn settle(viewer: &mut Viewer) {
    viewer.request(false);
    while viewer.message() != Message::Update {}
}

/// Waits for the server to say that there is text.
fn announced(viewer: &mut Viewer) {
    loop {
        if let Message::Extended(flags, _) = viewer.message()
            && flags == 0x0800_0001
        {
            return;
        }
    }
}

/// Asks for announced text; gives it as the browser gets it.
fn copied(viewer: &mut Viewer) -> String {
    announced(viewer);
    viewer.send_extended(0x0200_0001, &[]);
    loop {
        if let Message::Extended(0x1000_0001, data) = viewer.message() {
            let data = Zlib::default().inflate(&data);
            let (size, text) = data.split_first_chunk().unwrap();
            assert_eq!(u32::from_be_bytes(*size) as usize, text.len());
            return String::from_utf8(text.to_vec()).unwrap();
        }
    }
}

/// Announces text, and provides it when a program inside asks for it.
fn pasted(desktop: &Desktop, viewer: &mut Viewer, wire: &str) -> String {
    viewer.send_extended(0x0800_0001, &[]);
    settle(viewer);
    let program = desktop.paste();
    loop {
        if let Message::Extended(0x0200_0001, _) = viewer.message() {
            break;
        }
    }
    viewer.provide(format!("{wire}\0").as_bytes());
    output(program)
}

fn output(program: std::process::Child) -> String {
    let output = program.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn cut_text(viewer: &mut Viewer) -> Vec<u8> {
    loop {
        if let Message::CutText(text) = viewer.message() {
            return text;
        }
    }
}
