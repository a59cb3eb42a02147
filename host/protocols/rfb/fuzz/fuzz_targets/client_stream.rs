//! Whatever a browser sends: no panic, no difference by how it is split, and what goes on is well-formed.
#![no_main]
use gatewright_rfb_fuzz::{check, session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&chunk, bytes)) = data.split_first() else { return };
    check(|cap| session(chunk & 0x80 != 0, cap).1, bytes, usize::from(chunk & 0x7F));
});
