//! Text: told by what it does not have.

use crate::FileType;

const TEXT: FileType = FileType {
    media_type: "text/plain",
    name: "text",
    extensions: &[
        "txt", "text", "csv", "tsv", "md", "log", "json", "xml", "yaml", "yml", "toml", "ini", "conf", "cfg", "sql", "rst", "tex", "srt",
        "c", "h", "cpp", "rs", "go", "java", "ts", "css",
    ],
};

const SCRIPT: FileType = FileType {
    media_type: "text/x-script",
    name: "script",
    extensions: &["sh", "bash", "py", "pl", "rb", "js"],
};

const HTML: FileType = FileType {
    media_type: "text/html",
    name: "web page",
    extensions: &["html", "htm", "xhtml"],
};

const SVG: FileType = FileType {
    media_type: "image/svg+xml",
    name: "SVG picture",
    extensions: &["svg"],
};

/// Text in UTF-8, or in UTF-16 with a byte order mark; else nothing.
pub(crate) fn find(head: &[u8]) -> Option<FileType> {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Some(TEXT);
    }
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may be cut.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{1b}');
    if !text.chars().all(plain) {
        return None;
    }
    let begin = text.trim_start_matches('\u{feff}').trim_start();
    let lower = begin.get(..begin.len().min(1024)).unwrap_or(begin).to_ascii_lowercase();
    if begin.starts_with("#!") {
        return Some(SCRIPT);
    }
    if lower.contains("<svg") {
        return Some(SVG);
    }
    if ["<!doctype html", "<html", "<script", "<body", "<head"]
        .iter()
        .any(|tag| lower.contains(tag))
    {
        return Some(HTML);
    }
    Some(TEXT)
}
