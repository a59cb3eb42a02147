//! An inspected session in which every extension is in use, for the fuzz targets.
use bytes::{BufMut as _, BytesMut};
use gatewright_rfb::{
    ClientInspector, ClipboardOffer, Config, Decision, Direction, Limits, PixelFormat, ServerInit, ServerInspector, Size, Step, Violation,
    inspect,
};

/// Clipboard cap of a session under test, in bytes.
pub const CLIPBOARD_CAP: u32 = 4096;

const ENCODINGS: [i32; 17] = [
    0, 1, 7, 16, -239, -240, 0x574d_5664, -223, -308, -224, -307, -258, -261, -313, -312, 0xC0A1_E5CE_u32.cast_signed(), -26,
];

/// Both halves, after the client offered everything and the server announced everything.
pub fn session(view_only: bool, clipboard_cap: u32) -> (ServerInspector, ClientInspector) {
    let limits = Limits { max_clipboard_bytes: clipboard_cap, max_clipboard_message_bytes: 65_536, ..Limits::default() };
    let config = Config { limits, view_only, desktop_name: "desktop".to_owned() };
    let init = ServerInit { size: Size { width: 64, height: 48 }, pixel_format: PixelFormat::FIXED, name: String::new() };
    let (mut server, mut client) = inspect(config, &init).expect("a small desktop");

    let mut offer = BytesMut::new();
    offer.put_slice(&[2, 0]);
    offer.put_u16(ENCODINGS.len() as u16);
    ENCODINGS.iter().for_each(|&encoding| offer.put_i32(encoding));
    assert!(matches!(client.inspect(&mut offer, &mut BytesMut::new()), Ok(Step::NeedMore)));

    let mut announce = BytesMut::new();
    announce.put_slice(&[150]);
    for _ in 0..3 {
        announce.put_slice(&[248, 0, 0, 0, 0x80, 0, 0, 0, 1, 0]);
    }
    announce.put_slice(&[0, 0, 0, 2]);
    announce.put_slice(&[0; 8]);
    announce.put_i32(-258);
    announce.put_slice(&[0, 0, 0, 0, 0, 64, 0, 48]);
    announce.put_i32(-308);
    announce.put_slice(&[0, 0, 0, 0]);
    announce.put_slice(&[3, 0, 0, 0]);
    announce.put_i32(-8);
    announce.put_slice(&[0x1F, 0, 0, 1, 0, 0, 0, 0]);
    assert!(matches!(server.inspect(&mut announce, &mut BytesMut::new()), Ok(Step::NeedMore)));
    assert!(announce.is_empty());
    (server, client)
}

/// Either half.
pub trait Half {
    /// See the inspectors.
    fn inspect(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<Step, Violation>;
    /// See the inspectors.
    fn resume(&mut self, decision: Decision, out: &mut BytesMut) -> bool;
}

impl Half for ServerInspector {
    fn inspect(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<Step, Violation> {
        Self::inspect(self, input, out)
    }
    fn resume(&mut self, decision: Decision, out: &mut BytesMut) -> bool {
        Self::resume(self, decision, out)
    }
}

impl Half for ClientInspector {
    fn inspect(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<Step, Violation> {
        Self::inspect(self, input, out)
    }
    fn resume(&mut self, decision: Decision, out: &mut BytesMut) -> bool {
        Self::resume(self, decision, out)
    }
}

/// What a half made of its input.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub out: Vec<u8>,
    pub offers: Vec<ClipboardOffer>,
    pub end: Option<Violation>,
}

/// Feeds `bytes` in chunks and allows every clipboard.
pub fn run(half: &mut impl Half, bytes: &[u8], chunk: usize) -> Outcome {
    let (mut input, mut out, mut offers) = (BytesMut::new(), BytesMut::new(), Vec::new());
    for chunk in bytes.chunks(chunk.max(1)) {
        input.extend_from_slice(chunk);
        loop {
            match half.inspect(&mut input, &mut out) {
                Ok(Step::NeedMore) => break,
                Ok(Step::Clipboard(offer)) => {
                    assert!(matches!(half.inspect(&mut input, &mut out), Ok(Step::AwaitingDecision)));
                    if let Some(text) = offer.text() {
                        // U+FFFD and Latin-1 in UTF-8 can make the text longer than it was sent.
                        assert!(text.len() <= 12 * CLIPBOARD_CAP as usize);
                    }
                    offers.push(offer);
                    assert!(half.resume(Decision::Allow, &mut out));
                }
                Ok(Step::AwaitingDecision) => unreachable!("resumed"),
                Err(violation) => return Outcome { out: out.to_vec(), offers, end: Some(violation) },
            }
        }
        assert!(input.len() < gatewright_rfb::MIN_READ_BUFFER, "{} bytes held back", input.len());
    }
    Outcome { out: out.to_vec(), offers, end: None }
}

/// How the bytes are split makes no difference, and what went out is accepted again, unchanged.
pub fn check<H: Half>(make: impl Fn(u32) -> H, bytes: &[u8], chunk: usize) {
    let whole = run(&mut make(CLIPBOARD_CAP), bytes, usize::MAX);
    let split = run(&mut make(CLIPBOARD_CAP), bytes, chunk);
    assert_eq!(whole, split);
    // Mended text may be longer than it was, up to three times.
    let again = run(&mut make(4 * CLIPBOARD_CAP), &whole.out, usize::MAX);
    assert_eq!(again.end, None);
    assert_eq!(again.out, whole.out);
}

/// The direction in which a first byte picks one.
pub fn direction(byte: u8) -> Direction {
    if byte & 1 == 0 { Direction::ToBrowser } else { Direction::ToTarget }
}
