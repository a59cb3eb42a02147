//! What TigerVNC 1.12 once sent to a client that offers what noVNC 1.7 offers.

use bytes::BytesMut;
use gatewright_rfb::{Config, Limits, PixelFormat, ServerInit, Size, Step, inspect};

/// Made by `a_session_as_novnc_has_it`.
pub const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tigervnc-1.12.bin");

#[test]
fn a_recorded_session_is_framed_byte_by_byte_and_at_once() {
    let recorded = std::fs::read(FIXTURE).unwrap();
    for piece in [1, 3, 1000, recorded.len()] {
        let size = Size { width: 640, height: 480 };
        let init = ServerInit {
            size,
            pixel_format: PixelFormat::FIXED,
            name: String::new(),
        };
        let config = Config {
            limits: Limits::default(),
            view_only: false,
            desktop_name: "ours".to_owned(),
        };
        let (mut server, mut client) = inspect(config, &init).unwrap();
        let mut offer = BytesMut::from(&[2, 0, 0, crate::xvnc::NOVNC.len() as u8][..]);
        crate::xvnc::NOVNC
            .iter()
            .for_each(|encoding| offer.extend_from_slice(&encoding.to_be_bytes()));
        assert!(matches!(client.inspect(&mut offer, &mut BytesMut::new()), Ok(Step::NeedMore)));

        let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
        for piece in recorded.chunks(piece) {
            input.extend_from_slice(piece);
            assert!(matches!(server.inspect(&mut input, &mut out).unwrap(), Step::NeedMore));
        }
        assert!(server.updates() >= 60);
        assert!(out[..] == recorded[..out.len()], "handed on untouched");
        assert!(recorded.len() - out.len() < 64, "only the start of something is held back");
    }
}
