#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;

fn config() -> Config {
    Config {
        checks: vec![Check::CardNumber],
        patterns: [
            ("project", "(?i)operation nightfall"),
            ("id", r"\bX-[0-9]{4}\b"),
            ("end", r"secret$"),
        ]
        .map(|(name, pattern)| Pattern {
            name: name.into(),
            pattern: pattern.into(),
        })
        .to_vec(),
        max_bytes: Some(1 << 20),
    }
}

/// What is said of these bytes, cut into pieces of `size`.
fn said(bytes: &[u8], size: usize) -> String {
    let pieces: Vec<Vec<u8>> = bytes.chunks(size).map(<[u8]>::to_vec).collect();
    match decide(&config(), bytes.len() as u64, &mut pieces.into_iter()).unwrap() {
        Verdict::Hold => "hold".into(),
        Verdict::Pass => "pass".into(),
        Verdict::Deny(reason) => {
            let params: Vec<String> = reason.params.iter().map(|(_, value)| format!("{value:?}")).collect();
            format!("{} {}", reason.code, params.join(" ")).trim().to_owned()
        }
    }
}

#[test]
fn what_is_written_is_found_across_the_borders_of_pieces() {
    let project = r#"pattern ParamValue::Name("project")"#;
    let id = r#"pattern ParamValue::Name("id")"#;
    let end = r#"pattern ParamValue::Name("end")"#;
    for (text, wanted) in [
        ("nothing to see", "hold"),
        ("", "hold"),
        ("card 4111 1111 1111 1111 inside", "card-number"),
        ("at the very end 4111111111111111", "card-number"),
        ("about OPERATION NightFall, again", project),
        ("number X-1234.", id),
        ("number X-12345, aX-1234", "hold"),
        ("it is X-1234", id),
        ("secret in the middle", "hold"),
        ("here is a secret", end),
    ] {
        let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        for size in [1, 3, 7, 64, 64 * 1024] {
            assert_eq!(said(text.as_bytes(), size), wanted, "{text:?} by {size}");
            // Two bytes are needed to see the mark.
            if size > 1 {
                assert_eq!(said(&utf16, size), wanted, "{text:?} in UTF-16 by {size}");
            }
        }
    }
    // A mark of UTF-16 does not hide plain text behind it.
    assert_eq!(said(b"\xff\xfecard 4111 1111 1111 1111 inside", 64), "card-number");
}

#[test]
fn a_mistake_in_the_configuration_is_named() {
    let with = |pattern: &str| Config {
        patterns: vec![Pattern {
            name: "p".into(),
            pattern: pattern.into(),
        }],
        ..Config::default()
    };
    for (config, wanted) in [
        (Config::default(), "patterns or checks"),
        (with("a("), "patterns[0].pattern: error: unclosed group"),
        (with("x*"), "patterns[0].pattern: it matches the empty text"),
        (with(r"\p{Greek}"), "patterns[0].pattern"),
        (
            with("[a-z]{500}[a-z]{500}[a-z]{500}[a-z]{500}[a-z]{900}(abc|[a-z]{900}){20}"),
            "patterns[0].pattern",
        ),
    ] {
        let Err(Error::Config(text)) = decide(&config, 0, &mut Vec::new().into_iter()) else {
            panic!("{wanted}");
        };
        assert!(text.contains(wanted), "{text}");
    }
}

#[test]
fn too_large_a_file_is_not_read() {
    let mut unread = vec![b"4111111111111111".to_vec()].into_iter();
    let verdict = decide(&config(), (1 << 20) + 1, &mut unread).unwrap();
    assert!(matches!(verdict, Verdict::Deny(reason) if reason.code == "too-large"));
    assert_eq!(unread.len(), 1);
}
