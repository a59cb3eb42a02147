//! How much the inspector costs: `cargo run --release -p gatewright-rfb --example throughput`.
//!
//! Streams are handed through in reads of 64 KiB, beside a plain copy of the same bytes.

use std::hint::black_box;
use std::time::Instant;

use bytes::{BufMut as _, BytesMut};
use gatewright_rfb::{Config, Decision, Limits, PixelFormat, ServerInit, Size, Step, Violation, inspect};

const READ: usize = 64 * 1024;
const VOLUME: usize = 1 << 30;

fn main() -> Result<(), Violation> {
    measure("Tight, 200 bytes a rectangle", &update(500, 200))?;
    measure("Tight, 4 KiB a rectangle", &update(100, 4096))?;
    measure("Tight, 60 KiB a rectangle", &update(20, 60_000))?;
    clipboard(64 * 1024)?;
    clipboard(1024 * 1024)
}

/// An update of JPEG rectangles.
fn update(rects: u16, bytes: usize) -> Vec<u8> {
    let mut update = vec![0, 0];
    update.put_u16(rects);
    for _ in 0..rects {
        [0, 0, 64, 64].iter().for_each(|&number| update.put_u16(number));
        update.put_i32(7);
        update.put_slice(&[0x90, bytes as u8 | 0x80, (bytes >> 7) as u8 | 0x80, (bytes >> 14) as u8]);
        update.resize(update.len() + bytes, 0xA5);
    }
    update
}

fn session() -> Result<(gatewright_rfb::ServerInspector, gatewright_rfb::ClientInspector), Violation> {
    let size = Size { width: 1920, height: 1080 };
    let init = ServerInit {
        size,
        pixel_format: PixelFormat::FIXED,
        name: String::new(),
    };
    let config = Config {
        limits: Limits::default(),
        view_only: false,
        desktop_name: "desktop".to_owned(),
    };
    let (mut server, mut client) = inspect(config, &init)?;
    let offer = [&[2, 0, 0, 2][..], &7_i32.to_be_bytes(), &0xC0A1_E5CE_u32.to_be_bytes()].concat();
    let _ = client.inspect(&mut BytesMut::from(&offer[..]), &mut BytesMut::new())?;
    let caps = [3, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xF8, 0x1F, 0, 0, 1, 0, 0, 0, 0];
    let _ = server.inspect(&mut BytesMut::from(&caps[..]), &mut BytesMut::new())?;
    Ok((server, client))
}

fn measure(name: &str, stream: &[u8]) -> Result<(), Violation> {
    let (mut server, _client) = session()?;
    let bytes = stream.repeat(VOLUME / 8 / stream.len());
    let rate = |start: Instant| (8 * bytes.len()) as f64 / start.elapsed().as_secs_f64() / f64::from(1 << 30);

    let start = Instant::now();
    let mut input = BytesMut::new();
    for _ in 0..8 {
        for read in bytes.chunks(READ) {
            input.reserve(READ);
            input.extend_from_slice(read);
            black_box(input.split().freeze());
        }
    }
    let plain = rate(start);

    let start = Instant::now();
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    for _ in 0..8 {
        for read in bytes.chunks(READ) {
            input.reserve(READ);
            input.extend_from_slice(read);
            let _ = server.inspect(&mut input, &mut out)?;
            black_box(out.split().freeze());
        }
    }
    println!("{name}: {:.1} GiB/s, plain reads {plain:.1} GiB/s", rate(start));
    Ok(())
}

fn clipboard(bytes: usize) -> Result<(), Violation> {
    let (mut server, mut client) = session()?;
    // Words of a text, so that it compresses as texts do.
    let words = [
        "the", "gate", "sees", "what", "leaves", "and", "says", "why", "or", "lets", "it", "pass",
    ];
    let mut seed = 1_u32;
    let mut text = String::new();
    while text.len() < bytes {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push_str(words.get(seed as usize >> 16 & 7).copied().unwrap_or("pass"));
        text.push_str(if seed >> 28 == 0 { "\n" } else { " " });
    }
    // The inspector itself makes the message, from a classic one that is replaced.
    let mut message = BytesMut::new();
    let empty = [
        6, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xF0, 0x10, 0, 0, 1, 0x78, 0x01, 1, 5, 0, 0xFA, 0xFF, 0, 0, 0, 1, 0,
    ];
    let _ = client.inspect(&mut BytesMut::from(&empty[..]), &mut BytesMut::new())?;
    client.resume(Decision::Replace(text), &mut message);
    if let Some(kind) = message.first_mut() {
        *kind = 3;
    }
    let mut times = Vec::new();
    for _ in 0..200 {
        let (mut input, mut out) = (message.clone(), BytesMut::new());
        let start = Instant::now();
        if let Step::Clipboard(offer) = server.inspect(&mut input, &mut out)? {
            black_box(offer);
            server.resume(Decision::Allow, &mut out);
        }
        black_box(out);
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    println!(
        "clipboard of {} KiB, read and written on: {median:.0?} (wire {} KiB)",
        bytes / 1024,
        message.len() / 1024
    );
    Ok(())
}
