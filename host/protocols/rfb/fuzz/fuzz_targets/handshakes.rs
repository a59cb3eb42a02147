//! Whatever either side says first: no panic, and the same end however it is split.
#![no_main]
use bytes::BytesMut;
use gatewright_rfb::{BrowserHandshake, Progress, TargetHandshake, VncPassword};
use libfuzzer_sys::fuzz_target;

fn drive<T: std::fmt::Debug, E: std::fmt::Debug>(
    bytes: &[u8],
    chunk: usize,
    mut advance: impl FnMut(&mut BytesMut, &mut BytesMut) -> Result<Progress<T>, E>,
) -> (String, BytesMut) {
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    for chunk in bytes.chunks(chunk.max(1)) {
        input.extend_from_slice(chunk);
        match advance(&mut input, &mut out) {
            Ok(Progress::NeedMore) => {}
            end => return (format!("{end:?}"), out),
        }
    }
    ("unfinished".to_owned(), out)
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, bytes)) = data.split_first() else { return };
    let run = |chunk| {
        if choice & 1 == 0 {
            let password = (choice & 2 == 0).then(|| VncPassword::new(b"password"));
            let mut target = TargetHandshake::new(password, choice & 4 == 0, true);
            drive(bytes, chunk, |input, out| target.advance(input, out))
        } else {
            let mut browser = BrowserHandshake::start(&mut BytesMut::new());
            drive(bytes, chunk, |input, out| browser.advance(input, out))
        }
    };
    assert_eq!(run(usize::MAX), run(usize::from(choice >> 3)));
});
