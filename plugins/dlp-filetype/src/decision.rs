//! The decision about one file.

use gatewright_filetype::{EMPTY, FileType, NEEDED_BYTES, extension, find, fits};
use gatewright_sdk::dlp_file::{Content, Verdict};
use gatewright_sdk::{Reason, reason};

use crate::config::Config;

/// Decides about a file of this name and size. Reads its beginning only where its name and size may pass.
pub(crate) fn decide(config: &Config, name: &str, size: u64, content: &mut dyn Content) -> Verdict {
    match refused(config, name, size, content) {
        Some(reason) => Verdict::Deny(reason),
        None => Verdict::Pass,
    }
}

fn refused(config: &Config, name: &str, size: u64, content: &mut dyn Content) -> Option<Reason> {
    let mut shown = None;
    if let Some(allowed) = &config.extensions {
        let Some(extension) = extension(name) else {
            return Some(reason("no-extension").name("allowed", &config.allowed()).build());
        };
        if !allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(&extension)) {
            let reason = reason("extension").name("extension", &format!(".{extension}"));
            return Some(reason.name("allowed", &config.allowed()).build());
        }
        shown = Some(extension);
    }
    if let Some(limit) = config.max_bytes
        && size > limit
    {
        return Some(reason("too-large").bytes("actual", size).bytes("limit", limit).build());
    }
    let extension = shown?;
    // A file that ends early does not pass anyway: what is said of it is not asked for.
    let head = content.head(NEEDED_BYTES).ok()?;
    let found = find(&head);
    (!fits(found, &extension)).then(|| differs(config, &extension, found))
}

fn differs(config: &Config, extension: &str, found: FileType) -> Reason {
    let code = match (found == EMPTY, config.max_bytes) {
        (true, _) => return reason("empty").name("extension", &format!(".{extension}")).build(),
        (false, Some(_)) => "type-differs",
        (false, None) => "type-differs-any-size",
    };
    let mut reason = reason(code)
        .name("found", found.name)
        .name("extension", &format!(".{extension}"))
        .name("allowed", &config.allowed());
    if let Some(limit) = config.max_bytes {
        reason = reason.bytes("limit", limit);
    }
    reason.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR rest of a picture";

    fn pictures() -> Config {
        Config {
            extensions: Some(["jpeg", "jpg", "PNG", "bmp"].map(str::to_owned).to_vec()),
            max_bytes: Some(20 << 20),
        }
    }

    /// The code of the reason, `pass` where there is none.
    fn said(config: &Config, name: &str, size: u64, bytes: &[u8]) -> String {
        // In pieces of five bytes: a signature may lie across their borders.
        let pieces: Vec<Vec<u8>> = bytes.chunks(5).map(<[u8]>::to_vec).collect();
        match decide(config, name, size, &mut pieces.into_iter()) {
            Verdict::Pass => "pass".into(),
            Verdict::Hold => "hold".into(),
            Verdict::Deny(reason) => reason.code,
        }
    }

    #[test]
    fn only_pictures_up_to_20_mib() {
        let config = pictures();
        for (name, size, bytes, wanted) in [
            ("plan.png", 100, PNG, "pass"),
            ("PLAN.PNG", 20 << 20, PNG, "pass"),
            ("plan.png", (20 << 20) + 1, PNG, "too-large"),
            ("photo.jpg", 100, b"\xff\xd8\xff\xe0\0\x10JFIF".as_slice(), "pass"),
            // Another picture than its name says is refused too: programs go by either.
            ("photo.jpg", 100, PNG, "type-differs"),
            ("setup.exe", 100, b"MZ\x90\0", "extension"),
            ("setup.png", 100, b"MZ\x90\0\x03\0\0\0", "type-differs"),
            ("setup.exe.png", 100, b"MZ\x90\0\x03\0\0\0", "type-differs"),
            ("photo.png.exe", 100, PNG, "extension"),
            ("notes.png", 100, b"just text", "type-differs"),
            ("none", 100, PNG, "no-extension"),
            ("empty.png", 0, b"", "empty"),
        ] {
            assert_eq!(said(&config, name, size, bytes), wanted, "{name}");
        }
    }

    #[test]
    fn size_alone_reads_nothing() {
        let config = Config {
            extensions: None,
            max_bytes: Some(10),
        };
        assert_eq!(said(&config, "anything", 10, b"MZ"), "pass");
        assert_eq!(said(&config, "anything", 11, b"MZ"), "too-large");
    }

    #[test]
    fn a_configuration_says_something() {
        assert!(Config::default().check().is_err());
        assert!(pictures().check().is_ok());
        for wrong in [vec![], vec![String::new()], vec![".png".to_owned()], vec!["a b".to_owned()]] {
            let config = Config {
                extensions: Some(wrong),
                max_bytes: None,
            };
            assert!(config.check().is_err());
        }
        assert_eq!(pictures().allowed(), ".jpeg, .jpg, .png, .bmp");
        let many = Config {
            extensions: Some((0..40).map(|number| format!("ext{number}")).collect()),
            max_bytes: None,
        };
        assert!(many.allowed().chars().count() <= 64);
    }
}
