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
    assert_eq!(manifest.limits.guest_time, Duration::from_millis(125));
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
        &expect!["manifest can't be read: a plugin's id has 1 to 64 of a-z, 0-9 and '-', and begins with a letter"],
    );
    check(
        "kind = \"dlp\"",
        "kind = \"dlp\"\ncolour = \"red\"",
        &expect![
            "manifest can't be read: unknown field `colour`, expected one of `id`, `kind`, `version`, `description`, `wit`, `grants`, `limits`, `reasons`, `self_test`, `config_schema`"
        ],
    );
    check(
        "\"1.2.0\"",
        "\"1.2\"",
        &expect!["manifest field version is wrong: not a semantic version: unexpected end of input while parsing minor version number"],
    );
    check(
        "dlp@0.1",
        "dlp",
        &expect![[r#"manifest field wit is wrong: write it as "dlp@0.1""#]],
    );
    check(
        "dlp@0.1",
        "placement@0.1",
        &expect!["manifest field wit is wrong: placement does not fit kind dlp"],
    );
    check(
        "deadline_ms = 250",
        "deadline_ms = 60000",
        &expect!["manifest field limits.deadline_ms is wrong: a dlp plugin may have 1 to 5000"],
    );
    check(
        "memory_bytes = 8388608",
        "memory_bytes = 1",
        &expect!["manifest field limits.memory_bytes is wrong: must be 1048576 to 268435456"],
    );
    check(
        "{actual}",
        "{other}",
        &expect![[r#"manifest field reasons is wrong: text of code "too-large" names "other", which is not among its parameters"#]],
    );
    check(
        "{actual}",
        "{actual",
        &expect![[
            r#"manifest field reasons is wrong: text of code "too-large" names "actual, the limit is {limit", which is not among its parameters"#
        ]],
    );
    check(
        "actual = \"bytes\"",
        "actual = \"text\"",
        &expect!["manifest can't be read: unknown variant `text`, expected one of `bytes`, `count`, `name`"],
    );
    check(
        "[self_test]",
        "[[reasons]]\ncode=\"too-large\"\ncheck=\"a\"\nwhy=\"b\"\ninstead=\"c\"\n[self_test]",
        &expect![[r#"manifest field reasons is wrong: code "too-large" is declared twice"#]],
    );
    check(
        "\"size\"",
        "\"\"",
        &expect![[r#"manifest field reasons is wrong: code "too-large" has an empty text"#]],
    );
    check(
        "[limits]",
        "[grants]\nhttp = [{ endpoint = \"engine\", methods = [\"GET\"], paths = [\"/**\"] }]\n[limits]",
        &expect!["manifest field grants.http is wrong: a dlp plugin can't have HTTP"],
    );
    check(
        "{ max_bytes = 10 }",
        "'[1]'",
        &expect!["manifest field self_test.config is wrong: not a JSON object: invalid type: sequence, expected a map at line 1 column 0"],
    );
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert_eq!(Manifest::parse(b"\xff"), Err(ManifestError::NotText));
}
