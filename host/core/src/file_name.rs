//! Names of files that cross between a person's machine and a session.

use std::fmt;

/// Bytes of a name, its number and extension included. Less than the 255 of common file systems.
pub const FILE_NAME_MAX_BYTES: usize = 200;
/// A longer "extension" is a part of the name with a dot in it.
const EXTENSION_MAX_BYTES: usize = 20;
/// What Windows takes for a device, whatever its extension ([naming rules of Win32 files]).
const RESERVED: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4",
    "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// A file's name that is safe on either side: one component, no control characters, none that hide or reorder the rest, not
/// too long, no device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName(String);

/// Nothing is left of a name, or it means a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("file has no usable name")]
pub struct UnusableName;

impl FileName {
    /// Mends `name`: what may not be in a name becomes `_`, what can't be seen goes, what is too long is cut before its
    /// extension. A good name stays as it is.
    ///
    /// # Errors
    /// [`UnusableName`].
    pub fn mend(name: &str) -> Result<Self, UnusableName> {
        if matches!(name.trim(), "" | "." | "..") {
            return Err(UnusableName);
        }
        let mended: String = name
            .chars()
            .filter(|c| !is_hidden(*c))
            .map(|c| if is_bad(c) { '_' } else { c })
            .collect();
        let mended = mended.trim().trim_end_matches(['.', ' ']);
        if mended.is_empty() || mended.chars().all(|c| c == '_') {
            return Err(UnusableName);
        }
        let stem = mended.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
        let reserved = RESERVED.contains(&stem.as_str());
        let prefix = if reserved { "_" } else { "" };
        Ok(Self(shortened(&format!("{prefix}{mended}"), "")))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For a taken name: `plan (2).png`.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        Self(shortened(&self.0, &format!(" ({number})")))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Puts `suffix` before the extension and cuts what stands before it to the limit.
fn shortened(name: &str, suffix: &str) -> String {
    let dot = name.rfind('.').filter(|dot| *dot > 0 && name.len() - dot <= EXTENSION_MAX_BYTES);
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    let mut room = FILE_NAME_MAX_BYTES.saturating_sub(suffix.len() + extension.len()).min(stem.len());
    while !stem.is_char_boundary(room) {
        room -= 1;
    }
    let stem = stem.get(..room).unwrap_or_default();
    format!("{}{suffix}{extension}", stem.trim_end())
}

/// Separators of folders, control characters, what Windows refuses.
fn is_bad(c: char) -> bool {
    c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\u{2044}' | '\u{2215}')
}

/// What reorders or hides: directional marks, embeddings and isolates (UAX 9), separators of lines, invisible characters.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_are_mended_or_refused() {
        for (name, wanted) in [
            ("plan.png", Some("plan.png")),
            ("Übersicht 2026 (final).docx", Some("Übersicht 2026 (final).docx")),
            ("日本語.txt", Some("日本語.txt")),
            (".bashrc", Some(".bashrc")),
            ("../../etc/passwd", Some(".._.._etc_passwd")),
            ("a\\b:c", Some("a_b_c")),
            ("tab\there\nline", Some("tab_here_line")),
            ("nul\0", Some("nul_")),
            // It would be shown as "photo-exe.png".
            ("photo-\u{202e}gnp.exe", Some("photo-gnp.exe")),
            ("zero\u{200b}width.txt", Some("zerowidth.txt")),
            ("  spaces.txt. . ", Some("spaces.txt")),
            ("CON", Some("_CON")),
            ("nul.txt", Some("_nul.txt")),
            ("lpt1.tar.gz", Some("_lpt1.tar.gz")),
            ("console.txt", Some("console.txt")),
            ("", None),
            (".", None),
            ("..", None),
            (" .. ", None),
            ("///", None),
            ("\u{202e}", None),
        ] {
            let mended = FileName::mend(name).ok();
            assert_eq!(mended.as_ref().map(FileName::as_str), wanted, "{name:?}");
            if let Some(mended) = mended {
                assert_eq!(FileName::mend(mended.as_str()).unwrap(), mended, "mending twice");
            }
        }
    }

    #[test]
    fn long_names_keep_their_extension() {
        let long = FileName::mend(&format!("{}.png", "é".repeat(300))).unwrap();
        assert!(long.as_str().len() <= FILE_NAME_MAX_BYTES && long.as_str().ends_with("é.png"));
        let numbered = long.numbered(12);
        assert!(numbered.as_str().len() <= FILE_NAME_MAX_BYTES && numbered.as_str().ends_with("é (12).png"));
        assert_eq!(FileName::mend("plan.png").unwrap().numbered(2).as_str(), "plan (2).png");
        assert_eq!(FileName::mend(".bashrc").unwrap().numbered(2).as_str(), ".bashrc (2)");
        assert_eq!(FileName::mend("none").unwrap().numbered(2).as_str(), "none (2)");
    }
}
