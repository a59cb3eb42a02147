//! Text that came from a guest, made fit for a log line or an error.

/// `text` without control characters, cut to at most `max_bytes` at a character's boundary, with an ellipsis where cut.
pub(crate) fn bounded(text: &str, max_bytes: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max_bytes));
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if out.len() + c.len_utf8() > max_bytes {
            out.push('…');
            break;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn control_characters_go_and_characters_stay_whole() {
        assert_eq!(bounded("a\nb\x1b[0m", 100), "a b [0m");
        assert_eq!(bounded("ééé", 5), "éé…");
        assert_eq!(bounded("abc", 3), "abc");
    }
}
