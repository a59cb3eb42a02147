//! Recognises IBANs (ISO 13616), which are made of as many digits as card numbers are and are none.

/// The longest IBAN.
const MAX_CHARS: usize = 34;
/// The shortest, Norway's.
const MIN_CHARS: usize = 15;

/// Where the valid IBAN ends whose check digits begin at the byte `at`: after its country's two letters. It is written in one
/// piece or by fours with single spaces between.
pub(crate) fn end(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let start = at.checked_sub(2)?;
    let country = bytes.get(start..at)?;
    let before = start.checked_sub(1).and_then(|index| bytes.get(index));
    if !country.iter().all(u8::is_ascii_uppercase) || before.is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let mut chars = Vec::with_capacity(MAX_CHARS);
    let mut end = start;
    let mut position = start;
    while let Some(byte) = bytes.get(position) {
        if byte.is_ascii_uppercase() || byte.is_ascii_digit() {
            chars.push(*byte);
            end = position + 1;
        } else if *byte != b' ' || chars.len() % 4 != 0 || end != position {
            break;
        }
        position += 1;
        if chars.len() > MAX_CHARS {
            return None;
        }
    }
    // A word may follow after a space and look like another group: the longest valid number counts.
    longest_valid(&chars).map(|count| end_after(bytes, start, count))
}

fn longest_valid(chars: &[u8]) -> Option<usize> {
    (MIN_CHARS..=chars.len())
        .rev()
        .find(|count| chars.get(..*count).is_some_and(remainder_is_one))
}

fn end_after(bytes: &[u8], start: usize, count: usize) -> usize {
    let mut left = count;
    let mut position = start;
    while left > 0 && position < bytes.len() {
        if bytes.get(position).is_some_and(|byte| *byte != b' ') {
            left -= 1;
        }
        position += 1;
    }
    position
}

/// ISO 7064 MOD 97-10 with the country and check digits moved to the end.
fn remainder_is_one(chars: &[u8]) -> bool {
    let (head, tail) = chars.split_at(4.min(chars.len()));
    let check_digits = head.get(2..4).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit));
    let remainder = tail.iter().chain(head).fold(0_u32, |remainder, byte| {
        if byte.is_ascii_digit() {
            (remainder * 10 + u32::from(byte - b'0')) % 97
        } else {
            (remainder * 100 + u32::from(byte - b'A') + 10) % 97
        }
    });
    check_digits && remainder == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_ones_count_and_words_after_them_do_not() {
        for (text, at, expected) in [
            ("DE89370400440532013000", 2, Some(22)),
            ("DE89 3704 0044 0532 0130 00", 2, Some(27)),
            ("to GB29 NWBK 6016 1331 9268 19 NOW", 5, Some(30)),
            ("NO93 8601 1117 947", 2, Some(18)),
            // A wrong check digit, small letters, a country in a longer word, too short, nothing before it.
            ("DE88 3704 0044 0532 0130 00", 2, None),
            ("de89370400440532013000", 2, None),
            ("ADE89370400440532013000", 3, None),
            ("DE89", 2, None),
            ("89370400440532013000", 0, None),
            ("é89370400440532013000", 2, None),
        ] {
            assert_eq!(end(text, at), expected, "{text}");
        }
    }
}
