#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

/// What is found, as text.
fn found(text: &str) -> Vec<&str> {
    find(text).into_iter().map(|span| text.get(span).unwrap()).collect()
}

/// Numbers that issuers and payment services publish for tests; of 19 digits, made after their rules.
const PUBLISHED: &[(&str, &str)] = &[
    ("Visa", "4111111111111111"),
    ("Visa", "4012888888881881"),
    ("Visa, 13 digits", "4222222222222"),
    ("Visa, 19 digits", "4000002500001001000"),
    ("Mastercard", "5555555555554444"),
    ("Mastercard", "5105105105105100"),
    ("Mastercard, new range", "2223003122003222"),
    ("American Express", "378282246310005"),
    ("American Express", "371449635398431"),
    ("Diners Club", "30569309025904"),
    ("Diners Club", "36227206271667"),
    ("Discover", "6011111111111117"),
    ("Discover", "6011000990139424"),
    ("JCB", "3530111333300000"),
    ("JCB", "3566002020360505"),
    ("UnionPay", "6200000000000005"),
    ("UnionPay, 19 digits", "6205500000000000004"),
    ("Maestro", "6759649826438453"),
    ("Mir", "2200000000000004"),
];

#[test]
fn published_numbers_are_found_and_with_any_one_digit_changed_are_not() {
    for (issuer, number) in PUBLISHED {
        assert_eq!(found(number), [*number], "{issuer}");
        let in_text = format!("pay with {number}, please");
        assert_eq!(found(&in_text), [*number], "{issuer}");
        for place in 0..number.len() {
            let mut digits = number.as_bytes().to_vec();
            let digit = digits.get_mut(place).unwrap();
            *digit = if *digit == b'9' { b'0' } else { *digit + 1 };
            let near_miss = String::from_utf8(digits).unwrap();
            assert_eq!(found(&near_miss), Vec::<&str>::new(), "{issuer}: {near_miss}");
        }
    }
}

#[test]
fn each_text_gives_what_the_table_says() {
    let nothing: &[&str] = &[];
    let row = "1 0 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 0 0 1";
    let table: &[(&str, &[&str])] = &[
        ("", nothing),
        ("no digits at all", nothing),
        // Written as people write them.
        ("4111 1111 1111 1111", &["4111 1111 1111 1111"]),
        ("4111-1111-1111-1111", &["4111-1111-1111-1111"]),
        ("3782 822463 10005", &["3782 822463 10005"]),
        ("3056 930902 5904", &["3056 930902 5904"]),
        ("4111 1111-11111111", &["4111 1111-11111111"]),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", &["4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"]),
        ("411111 1111111111", &["411111 1111111111"]),
        (
            "4111\u{a0}1111\u{2011}1111\u{2013}1111",
            &["4111\u{a0}1111\u{2011}1111\u{2013}1111"],
        ),
        (
            "４１１１　１１１１　１１１１　１１１１",
            &["４１１１　１１１１　１１１１　１１１１"],
        ),
        ("٤١١١١١١١١١١١١١١١", &["٤١١١١١١١١١١١١١١١"]),
        ("۴۱۱۱۱۱۱۱۱۱۱۱۱۱۱۱", &["۴۱۱۱۱۱۱۱۱۱۱۱۱۱۱۱"]),
        // Two separators, other separators, lines.
        ("4111  1111 1111 1111", nothing),
        ("4111 - 1111 - 1111 - 1111", nothing),
        ("4111.1111.1111.1111", nothing),
        ("4111 1111\r\n1111 1111", nothing),
        ("4111\x001111\x001111\x001111", nothing),
        // Beside other things.
        ("4111 1111 1111 1111 12/27", &["4111 1111 1111 1111"]),
        ("4111111111111111 737", &["4111111111111111"]),
        ("12 4111 1111 1111 1111", &["4111 1111 1111 1111"]),
        ("card4111111111111111x", &["4111111111111111"]),
        ("(4111111111111111)", &["4111111111111111"]),
        ("😀4111111111111111😀", &["4111111111111111"]),
        ("שלום 4111111111111111 עולם", &["4111111111111111"]),
        ("a\x004111111111111111\x00b", &["4111111111111111"]),
        (
            "4111111111111111\r\n5555555555554444\r\n",
            &["4111111111111111", "5555555555554444"],
        ),
        ("4111111111111111 5555555555554444", &["4111111111111111", "5555555555554444"]),
        (
            "4111 1111 1111 1111 5555 5555 5555 4444",
            &["4111 1111 1111 1111", "5555 5555 5555 4444"],
        ),
        // Parts of longer rows of digits.
        ("04111111111111111", nothing),
        ("41111111111111110", nothing),
        ("99994111111111111111", nothing),
        ("4111111111111111000000000000", nothing),
        (row, nothing),
        // Too short, too long, no issuer, no length of this issuer.
        ("411111111111", nothing),
        ("0000000000000000", nothing),
        ("1234567812345670", nothing),
        ("9999999999999995", nothing),
        ("41111111111116", nothing),
        ("5555555555557", nothing),
        // What else has many digits.
        ("DE89 3704 0044 0532 0130 00", nothing),
        ("GB29NWBK60161331926819", nothing),
        ("ISBN 978-3-16-148410-0", nothing),
        ("+49 30 901820 4111", nothing),
        ("2026-11-23 19:21:18.123456", nothing),
        ("1795459659123456", nothing),
        ("550e8400-e29b-41d4-a716-446655440000", nothing),
        ("192.168.100.200", nothing),
    ];
    for (text, expected) in table {
        assert_eq!(found(text), *expected, "{text:?}");
    }
}

#[test]
fn an_iban_hides_only_itself() {
    // Belgian, its digits after the check digits end in a number that would pass as a card's by itself.
    let digits = "4111111111111111";
    assert_eq!(found(&format!("DE89370400440532013000 {digits}")), [digits]);
    assert_eq!(found(&format!("{digits} DE89370400440532013000")), [digits]);
    // Letters before a number make no IBAN of it.
    assert_eq!(found(&format!("DE{digits}")), [digits]);
}

#[test]
fn a_valid_iban_with_a_card_number_in_it_is_left_alone() {
    // Made to have 4111 1111 1111 1111 as its account: the check digits are worked out, as a bank would.
    let account = "411111111111111100";
    let check = (2..=98)
        .find(|check| crate::iban::end(&format!("DE{check:02}{account}"), 2).is_some())
        .unwrap();
    let grouped = format!("DE{check:02} 4111 1111 1111 1111 00");
    assert_eq!(found(&grouped), Vec::<&str>::new());
    let wrong = format!("DE{:02} 4111 1111 1111 1111 00", check + 1);
    assert_eq!(found(&wrong), ["4111 1111 1111 1111"]);
}

#[test]
fn time_grows_with_the_text_and_not_faster() {
    // Inputs that are hard for a search that tries every place: rows of digits, of groups, and of IBAN beginnings.
    for unit in [
        "4",
        "4 ",
        "4111 ",
        "4111-1111 1111 111 ",
        "DE89 ",
        "DE89 3704 0044 0532 0130 01 ",
        "４ ",
        "-",
    ] {
        let time = |bytes: usize| {
            let text = unit.repeat(bytes / unit.len());
            (0..3)
                .map(|_| {
                    let begin = std::time::Instant::now();
                    std::hint::black_box(find(std::hint::black_box(&text)));
                    begin.elapsed()
                })
                .min()
                .unwrap()
        };
        let (small, large) = (time(16 << 10), time(256 << 10));
        // Sixteen times the text. A search whose time grows with the square would take 256 times as long.
        assert!(
            large < small * 80 + std::time::Duration::from_millis(2),
            "{unit:?}: {small:?}, then {large:?}"
        );
    }
}
