//! Any bytes: frames or an error, and what was read can be written and read again.
#![no_main]

use bytes::BytesMut;
use gatewright_files::{decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut input = BytesMut::from(bytes);
    while let Ok(Some(frame)) = decode(&mut input) {
        let mut again = BytesMut::new();
        encode(&frame, &mut again);
        assert_eq!(decode(&mut again), Ok(Some(frame)));
        assert!(again.is_empty());
    }
});
