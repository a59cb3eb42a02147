//! Sizes of source files.

/// A file over this many lines fails.
const LIMIT: usize = 600;
/// A file over this many lines is printed.
const LOOK_AGAIN: usize = 400;
/// A `lib.rs` or `main.rs` over this many lines fails: it holds docs, modules and re-exports.
const ROOT_LIMIT: usize = 100;

/// Kinds of files that people write and split.
const SOURCES: &[&str] = &[".rs", ".ts", ".tsx", ".js", ".css", ".sh", ".wit"];

/// Generated or table-like files, which are as long as what they list. May only shrink.
const EXCEPTED: &[&str] = &["web/src/api/schema.ts", "web/src/api/schema.d.ts"];

/// Offences of one file; what is only worth a look goes to `notes`.
pub(super) fn check(path: &str, text: &str, notes: &mut Vec<String>) -> Vec<String> {
    if !SOURCES.iter().any(|end| path.ends_with(end)) || EXCEPTED.contains(&path) {
        return Vec::new();
    }
    let lines = text.lines().count();
    let mut offences = Vec::new();
    let root = path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs");
    if root && lines > ROOT_LIMIT {
        offences.push(format!(
            "{path}: {lines} lines; a crate's root holds docs, modules and re-exports, at most {ROOT_LIMIT} lines"
        ));
    }
    if lines > LIMIT {
        offences.push(format!("{path}: {lines} lines; split it, at most {LIMIT}"));
    } else if lines > LOOK_AGAIN {
        notes.push(format!("{path}: {lines} lines"));
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, lines: usize) -> (usize, usize) {
        let mut notes = Vec::new();
        let offences = check(path, &"line\n".repeat(lines), &mut notes);
        (offences.len(), notes.len())
    }

    #[test]
    fn long_files_fail_and_longish_ones_are_noted() {
        assert_eq!(count("host/core/src/id.rs", 400), (0, 0));
        assert_eq!(count("host/core/src/id.rs", 401), (0, 1));
        assert_eq!(count("web/src/page.tsx", 601), (1, 0));
        assert_eq!(count("host/core/src/lib.rs", 100), (0, 0));
        assert_eq!(count("host/core/src/lib.rs", 101), (1, 0));
        assert_eq!(count("Cargo.lock", 9000), (0, 0));
        assert_eq!(count("web/src/api/schema.ts", 9000), (0, 0));
    }
}
