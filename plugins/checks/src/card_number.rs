//! Finds the numbers of payment cards (ISO/IEC 7812).
//!
//! A number has 13 to 19 digits, a common issuer's prefix with a length that this issuer has, and a right check digit (Luhn).
//! Between its digits there may be single spaces or dashes, also those that text processors put in: no-break spaces, figure, en
//! and non-breaking hyphens. Full-width (`４１１１`) and Arabic-Indic digits count as digits: forms accept them, so they are what
//! input methods write. Letters beside a number do not hide it.
//!
//! Groups of digits decide where a number may begin and end: it is never a part of a longer row of digits. Grouped as cards are
//! printed (in one piece, by fours, 4-6-5, 4-6-4) it is found among other groups, as before an expiry date; grouped in any
//! other way only where nothing else stands in the row, else any table of figures would hold card numbers. Valid IBANs are none.

use std::ops::Range;

use crate::iban;

/// The shortest and the longest number.
const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Finds all card numbers: ranges of bytes of `text`, in order, apart from each other. Takes time in proportion to the text.
pub fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut row = Row::default();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        if let Some(digit) = digit(c) {
            row.push(digit, at, end);
        } else if !row.digits.is_empty() {
            let joins = is_separator(c) && chars.peek().is_some_and(|(_, next)| self::digit(*next).is_some());
            if joins {
                row.open_group = false;
            } else {
                row.search(text, &mut found);
                row.clear();
            }
        }
    }
    row.search(text, &mut found);
    found
}

fn digit(c: char) -> Option<u8> {
    let zero = match c {
        '0'..='9' => '0',
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        _ => return None,
    };
    u8::try_from(u32::from(c) - u32::from(zero)).ok()
}

fn is_separator(c: char) -> bool {
    matches!(
        c,
        ' ' | '-' | '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{202f}' | '\u{3000}' | '\u{2010}'..='\u{2013}' | '\u{2212}' | '\u{ff0d}'
    )
}

/// Groups of digits with single separators between them.
#[derive(Debug, Default)]
struct Row {
    digits: Vec<u8>,
    groups: Vec<Group>,
    open_group: bool,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    /// Where its digits are in [`Row::digits`].
    first: usize,
    count: usize,
    /// Where it is in the text.
    start: usize,
    end: usize,
}

impl Row {
    fn push(&mut self, digit: u8, start: usize, end: usize) {
        if self.open_group
            && let Some(group) = self.groups.last_mut()
        {
            group.count += 1;
            group.end = end;
        } else {
            self.groups.push(Group {
                first: self.digits.len(),
                count: 1,
                start,
                end,
            });
            self.open_group = true;
        }
        self.digits.push(digit);
    }

    fn clear(&mut self) {
        self.digits.clear();
        self.groups.clear();
        self.open_group = false;
    }

    fn search(&self, text: &str, found: &mut Vec<Range<usize>>) {
        if self.digits.len() < *DIGITS.start() {
            return;
        }
        let mut rest = self.groups.as_slice();
        while let Some((first, after)) = rest.split_first() {
            if let Some(end) = iban::end(text, first.start) {
                rest = skip_to(rest, end);
                continue;
            }
            match self.longest_from(rest) {
                Some(groups) => {
                    let (number, after) = rest.split_at(groups);
                    if let Some(last) = number.last() {
                        found.push(first.start..last.end);
                    }
                    rest = after;
                }
                None => rest = after,
            }
        }
    }

    /// How many groups from the first of `rest` make the longest card number.
    fn longest_from(&self, rest: &[Group]) -> Option<usize> {
        let first = rest.first()?.first;
        let mut longest = None;
        let mut count = 0;
        // Each group has a digit at least, so that 19 groups are enough.
        for (index, group) in rest.iter().enumerate().take(*DIGITS.end()) {
            count += group.count;
            if count > *DIGITS.end() {
                break;
            }
            let groups = rest.get(..=index)?;
            let digits = self.digits.get(first..first + count)?;
            if count >= *DIGITS.start() && (groups.len() == self.groups.len() || as_printed(groups)) && is_card_number(digits) {
                longest = Some(index + 1);
            }
        }
        longest
    }
}

fn skip_to(groups: &[Group], end: usize) -> &[Group] {
    let passed = groups.iter().take_while(|group| group.start < end).count();
    groups.get(passed.max(1)..).unwrap_or_default()
}

/// Whether these are the groups in which numbers are printed on cards and in shops.
fn as_printed(groups: &[Group]) -> bool {
    let count = |index: usize| groups.get(index).map_or(0, |group| group.count);
    match groups {
        [_] => true,
        [_, _, _] if count(0) == 4 && count(1) == 6 && matches!(count(2), 4 | 5) => true,
        [fours @ .., last] => fours.iter().all(|group| group.count == 4) && last.count <= 4,
        [] => false,
    }
}

fn is_card_number(digits: &[u8]) -> bool {
    issued(digits) && luhn(digits)
}

/// Whether an issuer gives out numbers of this beginning and length.
fn issued(digits: &[u8]) -> bool {
    let prefix = |count: usize| {
        digits
            .iter()
            .take(count)
            .fold(0_u32, |number, digit| number * 10 + u32::from(*digit))
    };
    let (one, two, three, four) = (prefix(1), prefix(2), prefix(3), prefix(4));
    let visa = one == 4;
    let mastercard = matches!(two, 51..=55) || matches!(four, 2221..=2720);
    let american_express = matches!(two, 34 | 37);
    let diners_14 = matches!(three, 300..=305) || four == 3095 || matches!(two, 36 | 38 | 39);
    let discover = four == 6011 || matches!(three, 644..=649) || two == 65;
    let jcb = matches!(four, 3528..=3589);
    let union_pay = two == 62;
    let mir = matches!(four, 2200..=2204);
    let maestro = matches!(four, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763);
    match digits.len() {
        13 => visa || maestro,
        14 => diners_14 || maestro,
        15 => american_express || maestro,
        16 => visa || mastercard || diners_14 || discover || jcb || union_pay || mir || maestro,
        17 | 18 => diners_14 || discover || jcb || union_pay || mir || maestro,
        19 => visa || diners_14 || discover || jcb || union_pay || mir || maestro,
        _ => false,
    }
}

/// ISO/IEC 7812-1 annex B: from the right, every second digit counts twice, its digits added.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = u32::from(*digit);
            match (index % 2, digit) {
                (0, digit) => digit,
                (_, digit @ 0..=4) => digit * 2,
                (_, digit) => digit * 2 - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
#[path = "card_number_tests.rs"]
mod tests;
