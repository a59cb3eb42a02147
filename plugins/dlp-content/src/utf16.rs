//! UTF-16 as UTF-8, piece by piece.

/// Which byte of a pair comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

/// Whether a file that begins so looks like UTF-16: by its byte order mark, or since most of its characters are Latin.
pub(crate) fn looks_like(head: &[u8]) -> Option<Order> {
    if head.starts_with(b"\xff\xfe") {
        return Some(Order::Little);
    }
    if head.starts_with(b"\xfe\xff") {
        return Some(Order::Big);
    }
    let pairs = head.len() / 2;
    if pairs < 8 {
        return None;
    }
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    // A picture or a program has zeros at both places.
    if odd * 4 > pairs && even * 8 < pairs {
        Some(Order::Little)
    } else if even * 4 > pairs && odd * 8 < pairs {
        Some(Order::Big)
    } else {
        None
    }
}

/// Turns pieces of UTF-16 into UTF-8.
#[derive(Debug)]
pub(crate) struct Decoder {
    order: Order,
    /// Half a unit at a piece's end.
    half: Option<u8>,
    /// The first of a pair of surrogates.
    high: Option<u16>,
    out: String,
}

impl Decoder {
    pub(crate) fn new(order: Order) -> Self {
        Self {
            order,
            half: None,
            high: None,
            out: String::new(),
        }
    }

    /// The piece's characters. What is none becomes U+FFFD.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> &str {
        self.out.clear();
        for byte in piece {
            let Some(first) = self.half.take() else {
                self.half = Some(*byte);
                continue;
            };
            let unit = match self.order {
                Order::Little => u16::from_le_bytes([first, *byte]),
                Order::Big => u16::from_be_bytes([first, *byte]),
            };
            self.unit(unit);
        }
        &self.out
    }

    fn unit(&mut self, unit: u16) {
        if let Some(high) = self.high.take() {
            if let Some(Ok(c)) = char::decode_utf16([high, unit]).next() {
                self.out.push(c);
                return;
            }
            self.out.push(char::REPLACEMENT_CHARACTER);
        }
        if (0xd800..0xdc00).contains(&unit) {
            self.high = Some(unit);
        } else {
            self.out
                .push(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_survive_any_cut() {
        let text = "\u{feff}card 4111 é 漢 🎉 end";
        for (order, bytes) in [
            (Order::Little, text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
            (Order::Big, text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()),
        ] {
            assert_eq!(looks_like(&bytes), Some(order));
            for cut in 0..=bytes.len() {
                let (a, b) = bytes.split_at(cut);
                let mut decoder = Decoder::new(order);
                let mut got = decoder.feed(a).to_owned();
                got.push_str(decoder.feed(b));
                assert_eq!(got, text);
            }
        }
    }

    #[test]
    fn other_files_are_not_taken_for_it() {
        assert_eq!(looks_like(b"plain text, long enough"), None);
        assert_eq!(looks_like(b"MZ\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), None);
        assert_eq!(looks_like(b""), None);
        let without_mark: Vec<u8> = "card number".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(looks_like(&without_mark), Some(Order::Little));
    }
}
