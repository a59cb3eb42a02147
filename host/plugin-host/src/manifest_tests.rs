#![expect(clippy::unwrap_used, reason = "tests")]
use expect_test::{Expect, expect};

use super::*;

const GOOD: &str = r#"
id = "dlp-clipboard"
kind = "dlp"
version = "1.2.0"
description = "Checks clipboard text"
wit = "dlp@0.1"
[limits]
deadline_ms = 250
memory_bytes = 8388608
[self_test]
config = { max_bytes = 10 }
[[reasons]]
code = "too-large"
check = "size"
why = "is {actual}, the limit is {limit}"
instead = "Copy less at a time"
params = { actual = "bytes", limit = "bytes" }
"#;

#[test]
fn a_full_manifest_is_read() {
    let manifest = Manifest::parse(GOOD.as_bytes()).unwrap();
    assert_eq!(manifest.id.as_str(), "dlp-clipboard");
    assert_eq!(manifest.limits.deadline, Duration::from_millis(250));
    assert_eq!(manifest.limits.guest_time, Duration::from_millis(250));
    assert_eq!(manifest.limits.memory_bytes, 8 << 20);
    assert_eq!(manifest.self_test_config.as_deref(), Some(r#"{"max_bytes":10}"#));
    assert!(manifest.wants().is_empty());
    let as_text = GOOD.replace("{ max_bytes = 10 }", "'{\"max_bytes\": 10}'");
    let again = Manifest::parse(as_text.as_bytes()).unwrap();
    assert_eq!(again.self_test_config, manifest.self_test_config);
}

#[test]
fn what_a_runtime_wants_is_said_in_words() {
    let manifest = Manifest::parse(
        br#"
id = "runtime-docker"
kind = "runtime"
version = "0.1.0"
wit = "runtime@0.1"
[grants]
http = [{ endpoint = "engine", methods = ["GET", "POST"], paths = ["/v1.41/containers/**", "/_ping"] }]
"#,
    )
    .unwrap();
    assert_eq!(manifest.wants(), [r#"GET, POST /v1.41/containers/**, /_ping on endpoint "engine""#]);
}

fn check(from: &str, to: &str, expected: &Expect) {
    assert!(GOOD.contains(from), "{from}");
    let error = Manifest::parse(GOOD.replace(from, to).as_bytes()).unwrap_err();
    expected.assert_eq(&error.to_string());
}

#[test]
fn each_wrong_field_is_named() {
    check(
        "\"dlp-clipboard\"",
        "\"../x\"",
        &expect![["manifest can't be read: a plugin's id has 1 to 64 of a-z, 0-9 and '-', and begins with a letter"]],
    );
    check("kind = \"dlp\"", "kind = \"dlp\"\ncolour = \"red\"", &expect![[]]);
    check("\"1.2.0\"", "\"1.2\"", &expect![[]]);
    check("dlp@0.1", "dlp", &expect![[]]);
    check("dlp@0.1", "placement@0.1", &expect![[]]);
    check("deadline_ms = 250", "deadline_ms = 60000", &expect![[]]);
    check("memory_bytes = 8388608", "memory_bytes = 1", &expect![[]]);
    check("{actual}", "{other}", &expect![[]]);
    check("{actual}", "{actual", &expect![[]]);
    check("actual = \"bytes\"", "actual = \"text\"", &expect![[]]);
    check(
        "[self_test]",
        "[[reasons]]\ncode=\"too-large\"\ncheck=\"a\"\nwhy=\"b\"\ninstead=\"c\"\n[self_test]",
        &expect![[]],
    );
    check("\"size\"", "\"\"", &expect![[]]);
    check(
        "[limits]",
        "[grants]\nhttp = [{ endpoint = \"engine\", methods = [\"GET\"], paths = [\"/**\"] }]\n[limits]",
        &expect![[]],
    );
    check("{ max_bytes = 10 }", "'[1]'", &expect![[]]);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert_eq!(Manifest::parse(b"\xff"), Err(ManifestError::NotText));
}
