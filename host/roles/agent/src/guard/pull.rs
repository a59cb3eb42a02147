//! The lines with which an engine tells how far a pull is.

use serde::{Deserialize, Serialize};

use super::UnexpectedAnswer;
use super::answer::parse;

/// The longest line that is read, in bytes.
pub const MAX_PULL_LINE: usize = 64 << 10;
/// The longest text of a line that is handed on, in characters.
const MAX_TEXT: usize = 1024;

/// All that a line of either dialect may say.
#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Line {
    #[serde(skip_serializing_if = "String::is_empty")]
    status: String,
    /// A layer, or at the end the image.
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress_detail: Option<Progress>,
    #[serde(skip_serializing_if = "String::is_empty")]
    stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(default)]
struct Progress {
    current: u64,
    total: u64,
}

/// Builds a line anew, with its end.
pub(super) fn line(text: &[u8]) -> Result<Vec<u8>, UnexpectedAnswer> {
    let mut line: Line = parse(text)?;
    for text in [&mut line.status, &mut line.id, &mut line.stream]
        .into_iter()
        .chain(&mut line.error)
    {
        *text = text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
    }
    let mut built = serde_json::to_vec(&line).map_err(|_| UnexpectedAnswer)?;
    built.push(b'\n');
    Ok(built)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn built(text: &str) -> String {
        String::from_utf8(line(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_line_is_built_anew() {
        assert_eq!(
            built(r#"{"status":"Downloading","progressDetail":{"current":1,"total":9,"hidecounts":true},"progress":"[> ]","id":"a"}"#),
            "{\"status\":\"Downloading\",\"id\":\"a\",\"progressDetail\":{\"current\":1,\"total\":9}}\n"
        );
        assert_eq!(
            built(r#"{"status":"x","progressDetail":{}}"#),
            "{\"status\":\"x\",\"progressDetail\":{\"current\":0,\"total\":0}}\n"
        );
        assert_eq!(built(r#"{"stream":"Trying to pull\n"}"#), "{\"stream\":\"Trying to pull\"}\n");
        assert_eq!(
            built(r#"{"error":"no\u001b[2J","errorDetail":{"message":"no"}}"#),
            "{\"error\":\"no[2J\"}\n"
        );
        assert_eq!(built(r#"{"images":["0a"],"id":"0a"}"#), "{\"id\":\"0a\"}\n");
        assert_eq!(built(&format!(r#"{{"status":"{}"}}"#, "x".repeat(5000))).len(), 1024 + 14);
        for bad in ["", "[1]", "x", r#"{"status":1}"#, r#"{"progressDetail":{"current":-1}}"#] {
            assert!(line(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
