//! Properties: how bytes are split makes no difference, and no bytes make it panic.

use bytes::BytesMut;
use gatewright_rfb::{ClientInspector, Config, Decision, Limits, PixelFormat, ServerInit, ServerInspector, Size, Step, Violation, inspect};
use proptest::prelude::*;

const ENCODINGS: [i32; 16] = [
    0,
    1,
    7,
    16,
    -239,
    -240,
    0x574d_5664,
    -223,
    -308,
    -224,
    -307,
    -258,
    -261,
    -312,
    -313,
    crate::viewer::EXTENDED_CLIPBOARD,
];

/// Both halves, with everything offered and everything announced.
fn session() -> (ServerInspector, ClientInspector) {
    let size = Size { width: 80, height: 60 };
    let init = ServerInit {
        size,
        pixel_format: PixelFormat::FIXED,
        name: String::new(),
    };
    let limits = Limits {
        max_clipboard_bytes: 300,
        ..Limits::default()
    };
    let (mut server, mut client) = inspect(
        Config {
            limits,
            view_only: false,
            desktop_name: "ours".to_owned(),
        },
        &init,
    )
    .unwrap();
    let mut offer = BytesMut::from(&[2, 0, 0, ENCODINGS.len() as u8][..]);
    ENCODINGS
        .iter()
        .for_each(|encoding| offer.extend_from_slice(&encoding.to_be_bytes()));
    assert!(matches!(client.inspect(&mut offer, &mut BytesMut::new()), Ok(Step::NeedMore)));
    let mut announce = BytesMut::from(&[150, 248, 0, 0, 0, 0x80, 0, 0, 0, 0][..]);
    announce.extend_from_slice(&[update(1), rect([0; 4], -258, &[])].concat());
    announce.extend_from_slice(&[update(1), rect([0, 0, 80, 60], -308, &[0; 4])].concat());
    announce.extend_from_slice(&[3, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xF8, 0x1F, 0, 0, 1, 0, 0, 0, 0]);
    assert!(matches!(server.inspect(&mut announce, &mut BytesMut::new()), Ok(Step::NeedMore)));
    (server, client)
}

type Outcome = (Vec<u8>, Vec<String>, Option<Violation>);

/// Hands `bytes` on in pieces of the sizes given, over and over, with a decision for each offer.
fn run(
    mut inspect: impl FnMut(&mut BytesMut, &mut BytesMut, Option<Decision>) -> Result<Step, Violation>,
    bytes: &[u8],
    sizes: &[usize],
) -> Outcome {
    let (mut input, mut out, mut offers) = (BytesMut::new(), BytesMut::new(), Vec::new());
    let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, left) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        rest = left;
        input.extend_from_slice(piece);
        let mut decision = None;
        loop {
            match inspect(&mut input, &mut out, decision.take()) {
                Ok(Step::NeedMore) => break,
                Ok(Step::Clipboard(offer)) => {
                    offers.push(format!("{offer:?} {:?}", offer.text()));
                    decision = Some(match offers.len() % 3 {
                        0 => Decision::Allow,
                        1 => Decision::Replace("instead\n".to_owned()),
                        _ => Decision::Deny,
                    });
                }
                Ok(Step::AwaitingDecision) => panic!("it was decided"),
                Err(violation) => return (out.to_vec(), offers, Some(violation)),
            }
        }
    }
    (out.to_vec(), offers, None)
}

fn server_run(bytes: &[u8], sizes: &[usize]) -> Outcome {
    let (mut server, _client) = session();
    run(
        |input, out, decision| {
            if let Some(decision) = decision {
                assert!(server.resume(decision, out));
            }
            server.inspect(input, out)
        },
        bytes,
        sizes,
    )
}

fn client_run(bytes: &[u8], sizes: &[usize]) -> Outcome {
    let (_server, mut client) = session();
    run(
        |input, out, decision| {
            if let Some(decision) = decision {
                assert!(client.resume(decision, out));
            }
            client.inspect(input, out)
        },
        bytes,
        sizes,
    )
}

fn update(rects: u16) -> Vec<u8> {
    [&[0, 0][..], &rects.to_be_bytes()].concat()
}

fn rect(place: [u16; 4], encoding: i32, payload: &[u8]) -> Vec<u8> {
    [place.map(u16::to_be_bytes).as_flattened(), &encoding.to_be_bytes(), payload].concat()
}

fn cut_text(kind: u8, extended: bool, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as i32;
    [
        &[kind, 0, 0, 0][..],
        &(if extended { -length } else { length }).to_be_bytes(),
        payload,
    ]
    .concat()
}

fn provide(text: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(&(text.len() as u32).to_be_bytes()).unwrap();
    zlib.write_all(text).unwrap();
    [&[0x10, 0, 0, 1][..], &zlib.finish().unwrap()].concat()
}

fn any_rect() -> impl Strategy<Value = Vec<u8>> {
    let side = || 1..20_u16;
    prop_oneof![
        (side(), side()).prop_map(|(w, h)| rect([1, 2, w, h], 0, &vec![9; usize::from(w) * usize::from(h) * 4])),
        (side(), side()).prop_map(|(w, h)| rect([1, 2, w, h], 1, &[0, 3, 0, 4])),
        (side(), prop::collection::vec(any::<u8>(), 1..100)).prop_map(|(w, data)| {
            let length = [data.len() as u8];
            rect([1, 2, w, 8], 7, &[&[0x00][..], &length, &data].concat())
        }),
        Just(rect([1, 2, 3, 4], 7, &[0x8A, 1, 2, 3])),
        (prop::collection::vec(any::<u8>(), 128..400)).prop_map(|data| {
            let length = [data.len() as u8 | 0x80, (data.len() >> 7) as u8];
            rect([1, 2, 30, 30], 7, &[&[0x90][..], &length, &data].concat())
        }),
        (prop::collection::vec(any::<u8>(), 0..100)).prop_map(|data| rect(
            [0, 0, 9, 9],
            16,
            &[&(data.len() as u32).to_be_bytes()[..], &data].concat()
        )),
        (side(), side()).prop_map(|(w, h)| {
            let length = usize::from(w) * usize::from(h) * 4 + usize::from(w).div_ceil(8) * usize::from(h);
            rect([0, 0, w, h], -239, &vec![7; length])
        }),
        "[a-z]{0,20}".prop_map(|name| rect([0; 4], -307, &[&(name.len() as u32).to_be_bytes()[..], name.as_bytes()].concat())),
        Just(rect([0, 0, 80, 60], -308, &[&[1, 0, 0, 0][..], &[0; 16]].concat())),
        Just(rect([0; 4], -261, &[5])),
    ]
}

fn any_text(kind: u8) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400).prop_map(move |text| cut_text(kind, false, &text)),
        prop::collection::vec(any::<u8>(), 0..400).prop_map(move |text| cut_text(kind, true, &provide(&text))),
        "[é\r\na\0]{0,20}".prop_map(move |text| cut_text(kind, true, &provide(text.as_bytes()))),
        (1..4_u32, any::<u16>())
            .prop_map(move |(action, formats)| { cut_text(kind, true, &(1 << (24 + action) | u32::from(formats)).to_be_bytes()) }),
    ]
}

fn server_bytes() -> impl Strategy<Value = Vec<u8>> {
    let message = prop_oneof![
        4 => prop::collection::vec(any_rect(), 0..5).prop_map(|rects| [update(rects.len() as u16), rects.concat()].concat()),
        1 => Just(vec![2]),
        1 => Just(vec![150]),
        1 => Just(vec![248, 0, 0, 0, 0x80, 0, 0, 3, 2, 8, 9]),
        2 => any_text(3),
    ];
    prop::collection::vec(message, 0..12).prop_map(|messages| messages.concat())
}

fn client_bytes() -> impl Strategy<Value = Vec<u8>> {
    let message = prop_oneof![
        Just(set_pixel_format()),
        prop::collection::vec(prop_oneof![prop::sample::select(ENCODINGS.to_vec()), any::<i32>()], 0..20).prop_map(|list| [
            &[2, 0, 0, list.len() as u8][..],
            list.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<_>>().as_slice()
        ]
        .concat()),
        Just(vec![3, 1, 0, 0, 0, 0, 0, 80, 0, 60]),
        Just(vec![4, 1, 0, 0, 0, 0, 0, 97]),
        Just(vec![5, 1, 0, 9, 0, 9]),
        Just(vec![150, 1, 0, 0, 0, 0, 0, 80, 0, 60]),
        Just(vec![248, 0, 0, 0, 0x80, 0, 0, 0, 3, 1, 2, 3]),
        Just(vec![255, 0, 0, 1, 0, 0, 0, 97, 0, 0, 0, 30]),
        any_text(6),
    ];
    prop::collection::vec(message, 0..20).prop_map(|messages| messages.concat())
}

fn set_pixel_format() -> Vec<u8> {
    vec![0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0]
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1..5_usize, 1..200_usize], 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_good_server_stream_is_framed_however_it_is_split(bytes in server_bytes(), sizes in sizes()) {
        let whole = server_run(&bytes, &[usize::MAX]);
        prop_assert_eq!(&whole.2, &None);
        prop_assert_eq!(whole, server_run(&bytes, &sizes));
    }

    #[test]
    fn a_good_client_stream_is_framed_however_it_is_split(bytes in client_bytes(), sizes in sizes()) {
        let whole = client_run(&bytes, &[usize::MAX]);
        prop_assert_eq!(&whole.2, &None);
        prop_assert_eq!(whole, client_run(&bytes, &sizes));
    }

    #[test]
    fn a_damaged_stream_ends_the_same_however_it_is_split(
        server in server_bytes(), client in client_bytes(), at in any::<prop::sample::Index>(), value: u8, sizes in sizes(),
    ) {
        for (mut bytes, run) in [(server, server_run as fn(&[u8], &[usize]) -> Outcome), (client, client_run)] {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            prop_assert_eq!(run(&bytes, &[usize::MAX]), run(&bytes, &sizes));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000), sizes in sizes()) {
        prop_assert_eq!(server_run(&bytes, &[usize::MAX]), server_run(&bytes, &sizes));
        prop_assert_eq!(client_run(&bytes, &[usize::MAX]), client_run(&bytes, &sizes));
    }
}
