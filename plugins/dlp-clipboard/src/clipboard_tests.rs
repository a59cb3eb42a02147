#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use gatewright_sdk::dlp::{ClipboardRule as _, Direction as Way, Offer, Subject};
use gatewright_sdk::testing::set_config;

use super::*;
use crate::Clipboard;

fn offer(direction: Way, text: &str) -> Offer {
    let subject = Subject {
        user: "demo".into(),
        groups: vec!["Sales".into()],
        workspace: "Terminal".into(),
        zone: "default".into(),
        session: "0193a1b2-0000-7000-8000-00000000feed".into(),
    };
    Offer {
        direction,
        subject,
        text: text.into(),
    }
}

fn decide_out(config: &str, text: &str) -> Result<Verdict, Error> {
    set_config(config);
    Clipboard::decide(offer(Way::CopyOut, text))
}

/// A verdict in short: what passes, and why.
#[derive(Debug, PartialEq, Eq)]
enum Short {
    Allowed,
    Denied(Reason),
    Changed(String, Reason),
}

fn short(config: &str, text: &str) -> Short {
    match decide_out(config, text).unwrap() {
        Verdict::Allow => Short::Allowed,
        Verdict::Deny(reason) => Short::Denied(reason),
        Verdict::Redact(redaction) => Short::Changed(redaction.text, redaction.reason),
    }
}

const OPEN: &str = r#"{"copy_out":{"allow":true}}"#;
const DENY_CARDS: &str = r#"{"copy_out":{"allow":true,"max_bytes":65536,"checks":[{"check":"card-number","action":"deny"}]}}"#;
#[cfg(not(feature = "strict"))]
const REDACT_CARDS: &str = r#"{"copy_out":{"allow":true,"max_bytes":65536,"checks":[{"check":"card-number","action":"redact"}]}}"#;
const PATTERNS: &str = r#"{"copy_out":{"allow":true,
    "patterns":[{"name":"project name","pattern":"(?i)\\bnightjar\\b","action":"redact"},
                {"name":"key","pattern":"-----BEGIN [A-Z ]*PRIVATE KEY-----","action":"deny"},
                {"name":"digits","pattern":"[0-9]{4}","action":"redact"}],
    "checks":[{"check":"card-number","action":"redact"}]}}"#;

/// Texts that must pass a rule that finds nothing in them exactly as they are.
fn texts() -> Vec<String> {
    [
        "",
        " ",
        "plain",
        "two\r\nlines\r\n",
        "tab\tand\0NUL\0",
        "😀👩‍👩‍👧 é ∑",
        "שלום עולם‏ (RTL)",
        "العربية ٤١١١",
        "4111111111111112",
        "DE89 3704 0044 0532 0130 00",
    ]
    .iter()
    .map(|text| (*text).to_owned())
    .chain(["x".repeat(65_536), "é".repeat(32_768)])
    .collect()
}

#[test]
fn what_holds_nothing_passes_as_it_is() {
    for text in texts() {
        for config in [OPEN, DENY_CARDS] {
            assert_eq!(
                short(config, &text),
                Short::Allowed,
                "{config} {:?}",
                text.chars().take(40).collect::<String>()
            );
        }
    }
    assert_eq!(short(OPEN, &"x".repeat(1 << 20)), Short::Allowed);
}

#[test]
fn a_direction_that_is_not_configured_is_closed() {
    for config in ["{}", r#"{"copy_in":{"allow":true}}"#, r#"{"copy_out":{"allow":false}}"#] {
        assert_eq!(short(config, "x"), Short::Denied(reason("copy-out-closed").build()), "{config}");
    }
    set_config(r#"{"copy_out":{"allow":true}}"#);
    let Ok(Verdict::Deny(why)) = Clipboard::decide(offer(Way::CopyIn, "x")) else {
        panic!("copy in is not configured")
    };
    assert_eq!(why.code, "copy-in-closed");
    set_config(r#"{"copy_in":{"allow":true}}"#);
    assert_eq!(Clipboard::decide(offer(Way::CopyIn, "x")), Ok(Verdict::Allow));
}

#[test]
fn size_counts_bytes_and_its_limit_is_the_last_that_passes() {
    let over = |actual: u64| Short::Denied(reason("too-large").bytes("actual", actual).bytes("limit", 65_536).build());
    assert_eq!(short(DENY_CARDS, &"x".repeat(65_536)), Short::Allowed);
    assert_eq!(short(DENY_CARDS, &"x".repeat(65_537)), over(65_537));
    assert_eq!(short(DENY_CARDS, &format!("x{}", "é".repeat(32_768))), over(65_537));
    assert_eq!(short(DENY_CARDS, &"x".repeat(1 << 20)), over(1 << 20));
    // Size first: of a text that is too large nothing else is said.
    assert_eq!(short(DENY_CARDS, &format!("4111111111111111{}", "x".repeat(65_536))), over(65_552));
    assert_eq!(short(r#"{"copy_out":{"allow":true,"max_bytes":0}}"#, ""), Short::Allowed);
}

#[test]
fn card_numbers_are_denied() {
    assert_eq!(
        short(DENY_CARDS, "4111 1111 1111 1111"),
        Short::Denied(reason("card-number-denied").build())
    );
    let two = "a 4111-1111-1111-1111 b\r\n5555555555554444";
    assert_eq!(
        short(DENY_CARDS, two),
        Short::Denied(reason("card-numbers-denied").count("count", 2).build())
    );
}

#[test]
fn a_denying_pattern_comes_before_all_that_redacts() {
    let text = "nightjar -----BEGIN RSA PRIVATE KEY----- 1234";
    assert_eq!(
        short(PATTERNS.replace("\"redact\"", "\"deny\"").as_str(), "nightjar"),
        Short::Denied(reason("pattern-denied").name("pattern", "project name").build())
    );
    let Short::Denied(why) = short(PATTERNS, text) else {
        panic!("a key passed")
    };
    assert_eq!(why.code, "pattern-denied");
}

#[cfg(not(feature = "strict"))]
mod redacts {
    use super::*;

    #[test]
    fn card_numbers_go_and_everything_else_stays() {
        let one = || reason("card-number-redacted").build();
        let removed = "[card number removed]";
        for (before, after) in [
            ("", ""),
            ("a ", " b"),
            ("א😀\0", "\0\r\nב"),
            ("pay: ", " 12/27"),
            ("DE89 3704 0044 0532 0130 00\n", "\n4111111111111112"),
        ] {
            for card in ["4111111111111111", "4111-1111-1111-1111", "４１１１ １１１１ １１１１ １１１１"] {
                let expected = Short::Changed(format!("{before}{removed}{after}"), one());
                assert_eq!(short(REDACT_CARDS, &format!("{before}{card}{after}")), expected);
            }
        }
        let expected = Short::Changed(
            format!("{removed}\r\n{removed}"),
            reason("card-numbers-redacted").count("count", 2).build(),
        );
        assert_eq!(short(REDACT_CARDS, "4111111111111111\r\n5555555555554444"), expected);
    }

    #[test]
    fn what_was_redacted_passes_a_second_time_as_it_is() {
        for text in ["4111111111111111", "1 4111 1111 1111 1111 2 5555555555554444 3"] {
            let Short::Changed(changed, _) = short(REDACT_CARDS, text) else {
                panic!("{text}")
            };
            assert_eq!(short(REDACT_CARDS, &changed), Short::Allowed);
        }
    }

    #[test]
    fn patterns_and_cards_are_taken_out_together_and_overlaps_once() {
        let pattern = |code: &str| reason(code).name("pattern", "project name").build();
        assert_eq!(
            short(PATTERNS, "the NightJar plan"),
            Short::Changed("the [project name removed] plan".into(), pattern("pattern-redacted"))
        );
        assert_eq!(
            short(PATTERNS, "nightjar, nightjars, nightjar"),
            Short::Changed(
                "[project name removed], nightjars, [project name removed]".into(),
                reason("pattern-redacted-often")
                    .count("count", 2)
                    .name("pattern", "project name")
                    .build()
            )
        );
        let several = |count| reason("several-redacted").count("count", count).build();
        assert_eq!(
            short(PATTERNS, "nightjar 4111-1111-1111-1111 2026"),
            Short::Changed("[project name removed] [card number removed] [digits removed]".into(), several(3))
        );
    }

    #[test]
    fn named_twice_the_stricter_action_counts() {
        let both =
            r#"{"copy_out":{"allow":true,"checks":[{"check":"card-number","action":"redact"},{"check":"card-number","action":"deny"}]}}"#;
        assert_eq!(short(both, "4111111111111111"), Short::Denied(reason("card-number-denied").build()));
    }
}

#[cfg(feature = "strict")]
#[test]
fn what_is_configured_to_be_redacted_is_denied() {
    assert_eq!(
        short(PATTERNS, "4111111111111111"),
        Short::Denied(reason("card-number-denied").build())
    );
    let two = "4111111111111111 5555555555554444";
    assert_eq!(
        short(PATTERNS, two),
        Short::Denied(reason("card-numbers-denied").count("count", 2).build())
    );
    assert_eq!(
        short(PATTERNS, "nightjar"),
        Short::Denied(reason("pattern-denied").name("pattern", "project name").build())
    );
    assert_eq!(short(PATTERNS, "nothing in it"), Short::Allowed);
}

#[test]
fn a_mistake_in_the_configuration_is_named_and_nothing_passes() {
    let with = |pattern: &str| format!(r#"{{"copy_in":{{"allow":true}},"copy_out":{{"allow":true,"patterns":[{pattern}]}}}}"#);
    let long = with(&format!(r#"{{"name":"a","pattern":"{}","action":"deny"}}"#, "a".repeat(513)));
    let many = with(&vec![r#"{"name":"a","pattern":"a","action":"deny"}"#; 33].join(","));
    for (config, place) in [
        ("", "EOF"),
        ("[]", "the configuration is a JSON object"),
        (r#"{"copyout":{}}"#, "copyout: unknown field"),
        (r#"{"copy_out":{}}"#, "copy_out: missing field `allow`"),
        (r#"{"copy_out":{"allow":"yes"}}"#, "copy_out.allow: invalid type"),
        (r#"{"copy_out":{"allow":true,"max_bytes":-1}}"#, "copy_out.max_bytes: "),
        (r#"{"copy_out":{"allow":true,"maxbytes":1}}"#, "copy_out.maxbytes: unknown field"),
        (
            r#"{"copy_out":{"allow":true,"checks":[{"check":"iban","action":"deny"}]}}"#,
            "copy_out.checks[0].check: unknown variant `iban`",
        ),
        (
            r#"{"copy_out":{"allow":true,"checks":[{"check":"card-number","action":"ask"}]}}"#,
            "copy_out.checks[0].action: unknown variant `ask`",
        ),
        (
            &with(r#"{"name":"a","pattern":"(","action":"deny"}"#),
            "copy_out.patterns[0].pattern: ",
        ),
        (
            &with(r#"{"name":"a","pattern":"a*","action":"deny"}"#),
            "copy_out.patterns[0].pattern: it matches the empty text",
        ),
        (
            &with(r#"{"name":"a","pattern":"(?:[a-z]{200}){200}","action":"deny"}"#),
            "copy_out.patterns[0].pattern: ",
        ),
        (&with(r#"{"name":"","pattern":"a","action":"deny"}"#), "copy_out.patterns[0].name: "),
        (
            &with(r#"{"name":"a\nb","pattern":"a","action":"deny"}"#),
            "copy_out.patterns[0].name: ",
        ),
        (&long, "copy_out.patterns[0].pattern: at most 512"),
        (&many, "copy_out.patterns: at most 32"),
    ] {
        set_config(config);
        // Found by a decision in the other direction, too.
        for way in [Way::CopyOut, Way::CopyIn] {
            let answer = Clipboard::decide(offer(way, "x"));
            assert!(
                matches!(&answer, Err(Error::Config(message)) if message.starts_with(place)),
                "{config}: {answer:?}"
            );
        }
    }
}

/// Every reason that the code gives is declared, with these parameters, and no other is declared.
#[test]
fn the_manifest_declares_the_reasons_that_are_given() {
    let manifest = if cfg!(feature = "strict") {
        include_str!("../plugin-strict.toml")
    } else {
        include_str!("../plugin.toml")
    };
    let code = include_str!("clipboard.rs");
    let declared: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("code = \"")?.strip_suffix('"'))
        .collect();
    assert!(declared.len() >= 6);
    for name in &declared {
        assert!(code.contains(&format!("\"{name}\"")), "{name} is declared and never given");
    }
    let given = code.split('"').filter(|word| {
        let ends = ["-closed", "-large", "-denied", "-redacted", "-often"];
        ends.iter().any(|end| word.ends_with(end)) && !word.contains(' ')
    });
    for name in given.filter(|name| !cfg!(feature = "strict") || !name.contains("redacted")) {
        assert!(declared.contains(&name), "{name} is given and not declared");
    }
}
