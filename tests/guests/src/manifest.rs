//! Manifests of the guests.

/// The text of a `plugin.toml`.
pub(crate) fn manifest(id: &str, kind: &str, version: &str, more: &str) -> String {
    format!("id = \"{id}\"\nkind = \"{kind}\"\nversion = \"{version}\"\nwit = \"{kind}@0.1\"\ndescription = \"A plugin for tests\"\n{more}")
}

/// The reasons that the guests here give.
pub(crate) const REASONS: &str = r#"
[[reasons]]
code = "too-large"
check = "size"
why = "is {actual}, the limit is {limit}"
instead = "Copy less at a time"
params = { actual = "bytes", limit = "bytes" }

[[reasons]]
code = "full"
check = "room"
why = "has no room"
instead = "Try another"
"#;

/// The guest's own time is up long before the deadline, also on a machine that has other things to do.
pub(crate) const SMALL: &str = "[limits]\ndeadline_ms = 4000\nmemory_bytes = 8388608\n";

/// For guests whose own time is up only after much of the host's, which does not count.
pub(crate) const PATIENT: &str = "[limits]\ndeadline_ms = 60000\nmemory_bytes = 8388608\n";

/// For guests that wait.
pub(crate) const SHORT: &str = "[limits]\ndeadline_ms = 300\nmemory_bytes = 8388608\n";

/// What runtime guests here ask for.
pub(crate) const ENGINE: &str = r#"
[grants]
http = [{ endpoint = "engine", methods = ["GET"], paths = ["/_ping", "/images/**"] }]
"#;
