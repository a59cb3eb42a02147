//! Types that are archives of another: documents of office programs, Java archives.

use crate::FileType;

const fn of(media_type: &'static str, name: &'static str, extensions: &'static [&'static str]) -> FileType {
    FileType {
        media_type,
        name,
        extensions,
    }
}

/// Names of the first entries in a ZIP archive, and what they make of it (ECMA-376 part 2, ODF 1.3 part 2 3.3).
const IN_ZIP: &[(&[u8], FileType)] = &[
    (
        b"mimetypeapplication/vnd.oasis.opendocument.text",
        of("application/vnd.oasis.opendocument.text", "text document", &["odt"]),
    ),
    (
        b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
        of("application/vnd.oasis.opendocument.spreadsheet", "spreadsheet", &["ods"]),
    ),
    (
        b"mimetypeapplication/vnd.oasis.opendocument.presentation",
        of("application/vnd.oasis.opendocument.presentation", "presentation", &["odp"]),
    ),
    (b"mimetypeapplication/epub+zip", of("application/epub+zip", "e-book", &["epub"])),
    (
        b"word/",
        of(
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "Word document",
            &["docx", "docm"],
        ),
    ),
    (
        b"xl/",
        of(
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "Excel spreadsheet",
            &["xlsx", "xlsm"],
        ),
    ),
    (
        b"ppt/",
        of(
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "PowerPoint presentation",
            &["pptx", "pptm"],
        ),
    ),
    (
        b"META-INF/MANIFEST.MF",
        of("application/java-archive", "Java program", &["jar", "war"]),
    ),
    (
        b"AndroidManifest.xml",
        of("application/vnd.android.package-archive", "Android program", &["apk"]),
    ),
];

/// Bytes of a local file header before the name (APPNOTE.TXT 4.3.7).
const HEADER: usize = 30;

/// What the archive is, where its first entries tell.
pub(crate) fn closer(found: FileType, head: &[u8]) -> FileType {
    if found.media_type != "application/zip" {
        return found;
    }
    let mut rest = head;
    while let Some(at) = rest.windows(4).position(|four| four == b"PK\x03\x04") {
        let Some(name) = rest.get(at + HEADER..) else { break };
        if let Some((_, closer)) = IN_ZIP.iter().find(|(begin, _)| name.starts_with(begin)) {
            return *closer;
        }
        rest = name;
    }
    found
}
