//! Card numbers in a stream of bytes, also across the borders of its pieces.

use crate::card_number;

/// Bytes around a row of digits that can decide whether it holds a card number: the longest IBAN with its spaces, and the
/// character before it.
const CONTEXT: usize = 48;
/// The fewest digits of a card number.
const MIN_DIGITS: usize = 13;
/// A row of digits longer than this is looked at in parts.
const MAX_REGION: usize = 64 * 1024;
/// What two parts of such a row share: more than the longest card number, its separators and a digit beyond.
const OVERLAP: usize = 512;

/// Finds whether a stream holds a card number. Memory is bounded; time is in proportion to the bytes.
///
/// What counts as one is [`card_number::find`]'s business. Bytes are taken for UTF-8; what is none separates.
#[derive(Debug, Default)]
pub struct CardScanner {
    /// Context and the row that is still open, then the piece at hand.
    buffer: Vec<u8>,
    /// Where in `buffer` rows are still to be looked for.
    next: usize,
}

impl CardScanner {
    /// Takes the next piece. Whether a card number was found.
    pub fn feed(&mut self, piece: &[u8]) -> bool {
        self.buffer.extend_from_slice(piece);
        let found = self.scan(false);
        let keep = self.next.saturating_sub(CONTEXT);
        self.buffer.drain(..keep);
        self.next -= keep;
        found
    }

    /// The stream is over. Whether its end held a card number.
    pub fn finish(&mut self) -> bool {
        self.scan(true)
    }

    fn scan(&mut self, last: bool) -> bool {
        let bytes = self.buffer.as_slice();
        let mut next = self.next;
        loop {
            next = begin_of_row(bytes, long_run(bytes, next));
            let Some(rest) = bytes.get(next..).filter(|rest| !rest.is_empty()) else {
                break;
            };
            let (length, digits) = row(rest);
            let end = next + length;
            let open = end + CONTEXT > bytes.len() && !last;
            if open && length <= MAX_REGION {
                break;
            }
            if digits >= MIN_DIGITS && holds_card(bytes, next, end) {
                return true;
            }
            next = if open { end - OVERLAP } else { end };
            if open {
                break;
            }
        }
        self.next = next.min(bytes.len());
        false
    }
}

/// The first place from `at` on where [`MIN_DIGITS`] or more bytes stand that can all be in a row. If there is none: where the
/// bytes may begin that make one with what follows.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn long_run(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let (blocks, tail) = rest.as_chunks::<64>();
    // How long the run is that ends with the last block.
    let mut run = 0;
    for (index, block) in blocks.iter().enumerate() {
        let in_row = in_row(block);
        let begin = at + index * 64;
        if run + in_row.trailing_ones() as usize >= MIN_DIGITS {
            return begin - run;
        }
        // A bit stays where 2, then 4, 8 and 13 in a row are set.
        let two = in_row & in_row >> 1;
        let four = two & two >> 2;
        let eight = four & four >> 4;
        let all = eight & eight >> (MIN_DIGITS - 8);
        if all != 0 {
            return begin + all.trailing_zeros() as usize;
        }
        run = in_row.leading_ones() as usize;
    }
    let mut start = at + rest.len() - tail.len() - run;
    for (index, byte) in bytes.iter().enumerate().skip(start) {
        if !is_in_row(*byte) {
            start = index + 1;
        } else if index + 1 - start == MIN_DIGITS {
            break;
        }
    }
    start
}

/// A bit for each byte that can be in a row, the first byte's the lowest.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline]
fn in_row(block: &[u8; 64]) -> u64 {
    // The compiler makes vectors of this loop.
    let flags = block.map(|byte| u8::from(is_in_row(byte)));
    let (words, _) = flags.as_chunks::<8>();
    words.iter().rev().fold(0, |bits, word| {
        // Each product moves a byte's lowest bit to its place among the highest eight.
        bits << 8 | u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

/// Whether it is a digit, a separator or a part of one.
fn is_in_row(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b' ' | b'-' | BEYOND_ASCII..)
}

/// Digits of other scripts and separators beyond ASCII are among the bytes from here on.
const BEYOND_ASCII: u8 = 0x80;
const EACH: u64 = 0x0101_0101_0101_0101;

/// The first place from `at` on where a row may begin: a digit or something beyond ASCII.
fn begin_of_row(bytes: &[u8], at: usize) -> usize {
    let begins = |byte: &u8| byte.is_ascii_digit() || *byte >= BEYOND_ASCII;
    let rest = bytes.get(at..).unwrap_or_default();
    let (words, tail) = rest.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word8 = u64::from_le_bytes(*word);
        // Zero to nine become less than ten; the subtraction then borrows into the top bit (Hacker's Delight 6-1).
        let low = word8 ^ (EACH * 0x30);
        let digit = low.wrapping_sub(EACH * 10) & !low;
        if (digit | word8) & (EACH * 0x80) != 0
            && let Some(inner) = word.iter().position(begins)
        {
            return at + index * 8 + inner;
        }
    }
    let done = at + words.len() * 8;
    done + tail.iter().position(begins).unwrap_or(tail.len())
}

/// How long the row is, at most, and how many digits it may have.
fn row(bytes: &[u8]) -> (usize, usize) {
    let mut digits = 0;
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits += 1,
            // Full-width digits begin with EF, Arabic-Indic ones with D9 and DB.
            0xef | 0xd9 | 0xdb => digits += 1,
            _ if is_in_row(*byte) => {}
            _ => return (index, digits),
        }
    }
    (bytes.len(), digits)
}

/// Whether a card number begins in the row, seen with what stands around it.
fn holds_card(bytes: &[u8], start: usize, end: usize) -> bool {
    let text = |from: usize, to: usize| String::from_utf8_lossy(bytes.get(from..to).unwrap_or_default()).into_owned();
    let mut all = text(start.saturating_sub(CONTEXT), start);
    let first = all.len();
    all.push_str(&text(start, end));
    let last = all.len();
    all.push_str(&text(end, (end + CONTEXT).min(bytes.len())));
    card_number::find(&all).iter().any(|span| (first..last).contains(&span.start))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn scan(pieces: &[&[u8]]) -> bool {
        let mut scanner = CardScanner::default();
        pieces.iter().any(|piece| scanner.feed(piece)) || scanner.finish()
    }

    #[test]
    fn a_number_is_found_wherever_the_stream_is_cut() {
        for text in [
            "4111111111111111",
            "pay with 4111 1111 1111 1111 please",
            "x4111-1111-1111-1111,",
            "４１１１１１１１１１１１１１１１",
            "é4111\u{a0}1111\u{a0}1111\u{a0}1111é",
            "1234567 4111111111111111 12/29 123",
        ] {
            assert!(!card_number::find(text).is_empty(), "{text}");
            for cut in 0..=text.len() {
                let (a, b) = text.as_bytes().split_at(cut);
                assert!(scan(&[a, b]), "{text:?} cut at {cut}");
            }
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert!(scan(&bytes), "{text:?} byte by byte");
        }
    }

    #[test]
    fn what_is_no_card_number_stays_none_wherever_the_stream_is_cut() {
        for text in [
            "4111111111111112",
            "94111111111111111",
            "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9",
            "DE89 3704 0044 0532 0130 00",
            "to GB29 NWBK 6016 1331 9268 19 NOW",
            "no digits at all",
            "",
        ] {
            assert!(card_number::find(text).is_empty(), "{text}");
            for cut in 0..=text.len() {
                let (a, b) = text.as_bytes().split_at(cut);
                assert!(!scan(&[a, b]), "{text:?} cut at {cut}");
            }
        }
    }

    fn random() -> impl FnMut(usize) -> usize {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        move |below| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % below as u64).unwrap()
        }
    }

    #[test]
    fn it_agrees_with_the_search_in_a_whole_text() {
        let mut random = random();
        let parts = [
            "4111 1111 1111 1111",
            "4111111111111111",
            "４１１１　１１１１１１１１１１１１",
            "4222222222222",
            " ",
            "              ",
            "-",
            "7",
            "12",
            "x",
            ",",
            "é",
            "\n",
            "word",
            "DE89",
            "378282246310005",
        ];
        let (mut with, mut without) = (0, 0);
        for round in 0..3000 {
            let text: String = (0..random(12)).map(|_| *parts.get(random(parts.len())).unwrap()).collect();
            let wanted = !card_number::find(&text).is_empty();
            *if wanted { &mut with } else { &mut without } += 1;
            let one = random(text.len() + 1);
            let cuts = if round % 8 == 0 { 0..=text.len() } else { one..=one };
            for cut in cuts {
                let (a, b) = text.as_bytes().split_at(cut);
                assert_eq!(scan(&[a, b]), wanted, "{text:?} cut at {cut}");
            }
            let size = 1 + random(40);
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            assert_eq!(scan(&pieces), wanted, "{text:?} by {size}");
        }
        assert!(with > 300 && without > 300, "{with} with, {without} without");
    }

    #[test]
    fn no_long_run_is_passed_over() {
        let simple = |bytes: &[u8], at: usize| {
            let mut start = at;
            for (index, byte) in bytes.iter().enumerate().skip(at) {
                if !is_in_row(*byte) {
                    start = index + 1;
                } else if index + 1 - start == MIN_DIGITS {
                    break;
                }
            }
            start
        };
        let mut random = random();
        for _ in 0..2000 {
            let kinds = 4 + random(3);
            let bytes: Vec<u8> = (0..random(300))
                .map(|_| *b"1 -\xe9x,".get(random(kinds).min(random(kinds))).unwrap())
                .collect();
            for at in 0..=bytes.len() {
                assert_eq!(long_run(&bytes, at), simple(&bytes, at), "{bytes:x?} from {at}");
            }
        }
    }

    #[test]
    fn a_row_without_end_takes_no_memory() {
        let mut scanner = CardScanner::default();
        for _ in 0..64 {
            assert!(!scanner.feed(&[b'1'; 64 * 1024]));
            assert!(scanner.buffer.len() <= 3 * MAX_REGION);
        }
        assert!(!scanner.feed("あ".repeat(30_000).as_bytes()));
        assert!(!scanner.feed(b", then "));
        assert!(scanner.feed(b"4111111111111111 and more, so that nothing is left open at the end of this text"));
    }
}
