//! The type of a file, found in its bytes and not in its name.
//!
//! A type is told by its signature at the beginning; text by there being nothing in it that text does not have. What
//! is neither is `application/octet-stream`. A rule that allows types allows what this finds, so a signature is only
//! taken where a program that opens the type would take it too.
#![forbid(unsafe_code)]

mod container;
mod signatures;
mod text;

/// How many bytes of a file decide. More tell nothing more.
pub const NEEDED_BYTES: usize = 4096;

/// A type of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileType {
    /// Its media type: `image/png`.
    pub media_type: &'static str,
    /// What a person calls it: `PNG picture`.
    pub name: &'static str,
    /// The extensions that such files have, in small letters. Empty: any.
    pub extensions: &'static [&'static str],
}

/// What can't be told.
pub const UNKNOWN: FileType = FileType {
    media_type: "application/octet-stream",
    name: "unknown type",
    extensions: &[],
};

/// A file without a byte.
pub const EMPTY: FileType = FileType {
    media_type: "inode/x-empty",
    name: "empty file",
    extensions: &[],
};

/// The type of a file that begins with `head`: its first [`NEEDED_BYTES`], or all of it where it is shorter.
#[must_use]
pub fn find(head: &[u8]) -> FileType {
    let head = head.get(..NEEDED_BYTES).unwrap_or(head);
    if head.is_empty() {
        return EMPTY;
    }
    signatures::find(head)
        .map(|found| container::closer(found, head))
        .or_else(|| text::find(head))
        .unwrap_or(UNKNOWN)
}

/// The extension of a name, in small letters: what follows its last dot. None where there is no dot, or nothing before or after it.
#[must_use]
pub fn extension(name: &str) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_lowercase())
}

/// Whether files of this extension are of this type.
#[must_use]
pub fn fits(found: FileType, extension: &str) -> bool {
    found.extensions.contains(&extension)
}

#[cfg(test)]
mod tests;
