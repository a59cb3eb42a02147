//! A small RFB viewer behind the inspector, which reads what a browser would get.

use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use gatewright_rfb::{
    ClientInspector, Config, Decision, Limits, PixelFormat, Progress, ServerInspector, Step, TargetHandshake, VncPassword, inspect,
};

use crate::desktop::PASSWORD;
use crate::pixels::{Pixels, Zlib, colours, tight_gradient, tight_palette, zrle};

pub const EXTENDED_CLIPBOARD: i32 = 0xC0A1_E5CE_u32.cast_signed();

const PATIENCE: Duration = Duration::from_secs(30);

/// What the server said, when a caller has to know.
#[derive(Debug, PartialEq)]
pub enum Message {
    Update,
    Other,
    CutText(Vec<u8>),
    /// Flags and what follows them.
    Extended(u32, Vec<u8>),
}

pub struct Viewer {
    stream: UnixStream,
    server: ServerInspector,
    client: ClientInspector,
    input: BytesMut,
    /// Handed on and not read yet.
    shown: VecDeque<u8>,
    /// Bytes that came from the server and bytes that were handed on.
    pub received: u64,
    pub handed_on: u64,
    /// What the server sent after the handshake, where somebody wants it.
    pub recording: Option<Vec<u8>>,
    /// Texts that were offered, both ways.
    pub offers: Vec<String>,
    /// What is decided about the next ones; Allow when empty.
    pub decisions: VecDeque<Decision>,
    pub width: usize,
    pub height: usize,
    pub picture: Pixels,
    /// Rectangles seen of each encoding.
    pub rects: BTreeMap<i32, u64>,
    /// Tight rectangles of each control form.
    pub tight_forms: BTreeMap<&'static str, u64>,
    pub names: Vec<String>,
    tight: [Zlib; 4],
    zrle: Zlib,
}

impl Viewer {
    pub fn connect(mut stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut handshake = TargetHandshake::new(Some(VncPassword::new(PASSWORD)), false, true);
        let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
        let init = loop {
            let progress = handshake.advance(&mut input, &mut out).unwrap();
            stream.write_all(&out.split()).unwrap();
            match progress {
                Progress::Done(init) => break init,
                Progress::NeedMore => assert!(read_some(&mut stream, &mut input, Instant::now() + PATIENCE) > 0),
            }
        };
        assert_eq!(init.name, "theirs");
        let config = Config {
            limits: Limits::default(),
            view_only: false,
            desktop_name: "ours".to_owned(),
        };
        let (server, client) = inspect(config, &init).unwrap();
        let (width, height) = (usize::from(init.size.width), usize::from(init.size.height));
        Self {
            stream,
            server,
            client,
            input,
            shown: VecDeque::new(),
            received: 0,
            handed_on: 0,
            recording: None,
            offers: Vec::new(),
            decisions: VecDeque::new(),
            width,
            height,
            picture: vec![[0; 3]; width * height],
            rects: BTreeMap::new(),
            tight_forms: BTreeMap::new(),
            names: Vec::new(),
            tight: Default::default(),
            zrle: Zlib::default(),
        }
    }

    pub fn updates(&self) -> u64 {
        self.server.updates()
    }

    /// Sends through the inspector.
    pub fn send(&mut self, bytes: &[u8]) {
        let (mut input, mut out) = (BytesMut::from(bytes), BytesMut::new());
        while let Step::Clipboard(offer) = self.client.inspect(&mut input, &mut out).unwrap() {
            self.offers.push(offer.text().unwrap_or("too large").to_owned());
            assert!(self.client.resume(self.decisions.pop_front().unwrap_or(Decision::Allow), &mut out));
        }
        assert!(input.is_empty());
        self.stream.write_all(&out).unwrap();
    }

    pub fn set_encodings(&mut self, encodings: &[i32]) {
        let mut message = vec![2, 0];
        message.extend((encodings.len() as u16).to_be_bytes());
        message.extend(encodings.iter().flat_map(|encoding| encoding.to_be_bytes()));
        self.send(&message);
    }

    pub fn request(&mut self, incremental: bool) {
        let [w, h] = [self.width, self.height].map(|side| (side as u16).to_be_bytes());
        self.send(&[3, u8::from(incremental), 0, 0, 0, 0, w[0], w[1], h[0], h[1]]);
    }

    pub fn send_extended(&mut self, flags: u32, data: &[u8]) {
        let length = -((data.len() + 4) as i32);
        self.send(&[&[6, 0, 0, 0][..], &length.to_be_bytes(), &flags.to_be_bytes(), data].concat());
    }

    pub fn provide(&mut self, wire: &[u8]) {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&(wire.len() as u32).to_be_bytes()).unwrap();
        zlib.write_all(wire).unwrap();
        self.send_extended(0x1000_0001, &zlib.finish().unwrap());
    }

    /// Reads the next message; answers fences.
    pub fn message(&mut self) -> Message {
        self.message_until(Instant::now() + PATIENCE).expect("the server went silent")
    }

    /// None when nothing starts before `deadline`.
    pub fn message_until(&mut self, deadline: Instant) -> Option<Message> {
        while self.shown.is_empty() {
            if Instant::now() > deadline {
                return None;
            }
            self.pump(deadline);
        }
        Some(match self.take(1)[0] {
            0 => {
                self.update();
                Message::Update
            }
            2 | 150 => Message::Other,
            3 => {
                let header = self.take(7);
                let length = i32::from_be_bytes(header[3..].try_into().unwrap());
                let text = self.take(length.unsigned_abs() as usize);
                if length < 0 {
                    Message::Extended(u32::from_be_bytes(text[..4].try_into().unwrap()), text[4..].to_vec())
                } else {
                    Message::CutText(text)
                }
            }
            248 => {
                let header = self.take(8);
                let payload = self.take(usize::from(header[7]));
                if header[3] & 0x80 != 0 {
                    self.send(&[&[248, 0, 0, 0, 0, 0, 0, header[6] & 3, header[7]][..], &payload].concat());
                }
                Message::Other
            }
            other => panic!("the browser would get message {other}"),
        })
    }

    fn update(&mut self) {
        let header = self.take(3);
        let count = u16::from_be_bytes([header[1], header[2]]);
        for _ in 0..count {
            let header = self.take(12);
            let [x, y, width, height] = [0, 2, 4, 6].map(|at| usize::from(u16::from_be_bytes([header[at], header[at + 1]])));
            let encoding = i32::from_be_bytes(header[8..].try_into().unwrap());
            *self.rects.entry(encoding).or_default() += 1;
            match encoding {
                0 => {
                    let bytes = self.take(width * height * 4);
                    let pixels = bytes.as_chunks::<4>().0.iter().map(|&[r, g, b, _]| [r, g, b]).collect();
                    self.draw(x, y, width, pixels);
                }
                1 => {
                    let source = self.take(4);
                    let [from_x, from_y] = [0, 2].map(|at| usize::from(u16::from_be_bytes([source[at], source[at + 1]])));
                    let rows = (from_y..from_y + height).map(|row| row * self.width + from_x);
                    let pixels = rows.flat_map(|start| self.picture[start..start + width].to_vec()).collect();
                    self.draw(x, y, width, pixels);
                }
                7 => self.tight(x, y, width, height),
                16 => {
                    let length = u32::from_be_bytes(self.take(4).try_into().unwrap());
                    let data = self.take(length as usize);
                    let data = self.zrle.inflate(&data);
                    let mut tiles = Vec::new();
                    zrle(width, height, &data, |tx, ty, columns, pixels| {
                        tiles.push((tx, ty, columns, pixels))
                    });
                    tiles
                        .into_iter()
                        .for_each(|(tx, ty, columns, pixels)| self.draw(x + tx, y + ty, columns, pixels));
                }
                -239 => drop(self.take(width * height * 4 + width.div_ceil(8) * height)),
                0x574d_5664 => {
                    assert_eq!(self.take(2)[0], 1);
                    self.take(width * height * 4);
                }
                -308 => {
                    let screens = self.take(4)[0];
                    self.take(usize::from(screens) * 16);
                    if x != 1 || y == 0 {
                        (self.width, self.height) = (width, height);
                        self.picture = vec![[0; 3]; width * height];
                    }
                }
                -307 => {
                    let length = u32::from_be_bytes(self.take(4).try_into().unwrap());
                    let name = self.take(length as usize);
                    self.names.push(String::from_utf8(name).unwrap());
                }
                -261 => drop(self.take(1)),
                -258 => {}
                -224 => return,
                other => panic!("the browser would get encoding {other}"),
            }
        }
    }

    fn tight(&mut self, x: usize, y: usize, width: usize, height: usize) {
        let control = self.take(1)[0];
        for (stream, zlib) in self.tight.iter_mut().enumerate() {
            if control >> stream & 1 != 0 {
                *zlib = Zlib::default();
            }
        }
        let (form, pixels) = match control >> 4 {
            8 => ("fill", vec![colours(&self.take(3))[0]; width * height]),
            9 => {
                let length = self.compact();
                let picture = self.take(length);
                assert!(
                    picture.starts_with(&[0xFF, 0xD8]) && picture.ends_with(&[0xFF, 0xD9]),
                    "a whole JPEG"
                );
                *self.tight_forms.entry("jpeg").or_default() += 1;
                return;
            }
            control => {
                let filter = if control & 4 != 0 { self.take(1)[0] } else { 0 };
                let stream = usize::from(control & 3);
                match filter {
                    0 => ("copy", colours(&self.tight_data(stream, width * height * 3))),
                    1 => {
                        let count = usize::from(self.take(1)[0]) + 1;
                        let palette = colours(&self.take(count * 3));
                        let row = if count > 2 { width } else { width.div_ceil(8) };
                        let data = self.tight_data(stream, row * height);
                        let form = if count > 2 { "palette" } else { "two colours" };
                        (form, tight_palette(&palette, width, &data))
                    }
                    2 => ("gradient", tight_gradient(width, &self.tight_data(stream, width * height * 3))),
                    other => panic!("no Tight filter {other}"),
                }
            }
        };
        *self.tight_forms.entry(form).or_default() += 1;
        self.draw(x, y, width, pixels);
    }

    fn tight_data(&mut self, stream: usize, length: usize) -> Vec<u8> {
        if length < 12 {
            return self.take(length);
        }
        let compressed = self.compact();
        let data = self.take(compressed);
        let data = self.tight[stream].inflate(&data);
        assert_eq!(data.len(), length);
        data
    }

    fn compact(&mut self) -> usize {
        let mut length = 0;
        for shift in [0, 7, 14] {
            let byte = usize::from(self.take(1)[0]);
            if shift == 14 {
                return length | byte << 14;
            }
            length |= (byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
        }
        length
    }

    fn draw(&mut self, x: usize, y: usize, width: usize, pixels: Pixels) {
        if width == 0 {
            return;
        }
        for (row, pixels) in pixels.chunks(width).enumerate() {
            let start = (y + row) * self.width + x;
            self.picture[start..start + width].copy_from_slice(pixels);
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        while self.shown.len() < count {
            assert!(Instant::now() < deadline, "the server owes {} bytes", count - self.shown.len());
            self.pump(deadline);
        }
        self.shown.drain(..count).collect()
    }

    /// Reads what has come, and hands it through the inspector.
    fn pump(&mut self, deadline: Instant) {
        let count = read_some(&mut self.stream, &mut self.input, deadline);
        self.received += count as u64;
        if let Some(recording) = &mut self.recording {
            recording.extend_from_slice(&self.input[self.input.len() - count..]);
        }
        let mut out = BytesMut::new();
        loop {
            match self.server.inspect(&mut self.input, &mut out).unwrap() {
                Step::NeedMore => break,
                Step::Clipboard(offer) => {
                    self.offers.push(offer.text().unwrap_or("too large").to_owned());
                    assert!(self.server.resume(self.decisions.pop_front().unwrap_or(Decision::Allow), &mut out));
                }
                Step::AwaitingDecision => panic!("it was decided"),
            }
        }
        self.handed_on += out.len() as u64;
        self.shown.extend(out);
    }

    /// The message a browser sends, which the inspector answers for.
    pub fn set_pixel_format(&mut self) {
        assert_eq!(PixelFormat::FIXED.shift, [0, 8, 16]);
        self.send(&[0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0]);
    }
}

/// Odd sizes, so that pieces end anywhere.
fn read_some(stream: &mut UnixStream, input: &mut BytesMut, deadline: Instant) -> usize {
    let mut buffer = [0; 7919];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => panic!("the server hung up"),
            Ok(count) => {
                input.extend_from_slice(&buffer[..count]);
                return count;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if Instant::now() > deadline {
                    return 0;
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
}
