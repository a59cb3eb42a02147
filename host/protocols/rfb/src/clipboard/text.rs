//! Text on the wire and text for the policy.

use std::borrow::Cow;
use std::sync::Arc;

/// Latin-1 is the first 256 characters of Unicode.
pub(super) fn from_latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Characters beyond Latin-1 become `?`; CRLF becomes LF (RFC 6143 7.5.6).
pub(super) fn to_latin1(text: &str) -> Vec<u8> {
    with_lf(text).chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

/// Extended text as sent: UTF-8 without its terminating NUL. Programs inside a desktop can put anything into a selection,
/// so what is not UTF-8 is mended, not refused.
pub(super) fn from_extended(mut bytes: Vec<u8>) -> String {
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// CRLF becomes LF; a lone CR stays.
pub(super) fn with_lf(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") {
        Cow::Owned(text.replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The same text, shared when nothing is to change.
pub(super) fn shared_with_lf(text: &Arc<str>) -> Arc<str> {
    match with_lf(text) {
        Cow::Borrowed(_) => Arc::clone(text),
        Cow::Owned(text) => text.into(),
    }
}

/// A lone LF becomes CRLF; CRLF stays.
pub(super) fn with_crlf(text: &str) -> Cow<'_, str> {
    if text.contains('\n') {
        Cow::Owned(with_lf(text).replace('\n', "\r\n"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends() {
        assert_eq!(with_lf("a\r\nb\nc\rd"), "a\nb\nc\rd");
        assert_eq!(with_crlf("a\r\nb\nc\rd"), "a\r\nb\r\nc\rd");
        assert_eq!(with_lf(&with_crlf("\n\n\r\n")), "\n\n\n");
    }

    #[test]
    fn latin1() {
        assert_eq!(from_latin1(&[b'a', 0xE9, 0xFF, 0]), "aéÿ\0");
        assert_eq!(to_latin1("aé€\r\n😀"), [b'a', 0xE9, b'?', b'\n', b'?']);
    }

    #[test]
    fn one_terminator_is_taken_off_and_bad_utf8_is_mended() {
        assert_eq!(from_extended(b"a\0b\0\0".to_vec()), "a\0b\0");
        assert_eq!(from_extended(b"none".to_vec()), "none");
        assert_eq!(from_extended(vec![]), "");
        assert_eq!(from_extended(vec![b'a', 0xFF, b'b', 0]), "a\u{FFFD}b");
    }
}
