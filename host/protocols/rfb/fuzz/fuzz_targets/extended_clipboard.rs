//! Extended clipboard messages with data that does or does not inflate.
#![no_main]
use std::io::Write as _;

use bytes::{BufMut as _, BytesMut};
use flate2::{Compression, write::ZlibEncoder};
use gatewright_rfb::Direction;
use gatewright_rfb_fuzz::{check, direction, session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&[choice, chunk, repeat, f3, f2, f1, f0], data)) = data.split_first_chunk() else { return };
    let mut payload = BytesMut::new();
    payload.put_slice(&[f3, f2, f1, f0]);
    if choice & 2 == 0 {
        payload.put_slice(data);
    } else {
        // Real zlib, of data that may be a bomb.
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..=usize::from(repeat) {
            zlib.write_all(data).expect("memory");
        }
        payload.put_slice(&zlib.finish().expect("memory"));
    }
    let direction = direction(choice);
    let mut message = BytesMut::new();
    message.put_slice(&[if direction == Direction::ToTarget { 6 } else { 3 }, 0, 0, 0]);
    message.put_i32(-(payload.len() as i32));
    message.put_slice(&payload);
    match direction {
        Direction::ToTarget => check(|cap| session(choice & 4 != 0, cap).1, &message, usize::from(chunk)),
        Direction::ToBrowser => check(|cap| session(false, cap).0, &message, usize::from(chunk)),
    }
});
