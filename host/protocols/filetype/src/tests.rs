use super::*;

#[test]
fn types_are_found_in_the_bytes() {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    png.resize(6000, 7);
    let bmp = b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0";
    let mut tar = vec![b'a'; 257];
    tar.extend_from_slice(b"ustar\0");
    let mut docx = b"PK\x03\x04".to_vec();
    docx.resize(HEADER, 0);
    docx.extend_from_slice(b"[Content_Types].xml....PK\x03\x04");
    docx.resize(docx.len() + HEADER - 4, 0);
    docx.extend_from_slice(b"word/document.xml");
    for (head, found) in [
        (png.as_slice(), "image/png"),
        (bmp.as_slice(), "image/bmp"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"MZ\x90\0\x03", "application/vnd.microsoft.portable-executable"),
        (b"\x7fELF\x02", "application/x-elf"),
        (b"%PDF-1.7\n", "application/pdf"),
        (&tar, "application/x-tar"),
        (&docx, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (b"PK\x03\x04short", "application/zip"),
        (b"#!/bin/sh\n", "text/x-script"),
        (b"<!DOCTYPE html><p>", "text/html"),
        (b"<?xml version='1.0'?><svg>", "image/svg+xml"),
        ("plain wörds\r\n".as_bytes(), "text/plain"),
        (b"\xff\xfeh\0i\0", "text/plain"),
        (b"nul \0 inside", "application/octet-stream"),
        (b"latin \xe9 one", "application/octet-stream"),
        // Begins like a picture and is none.
        (b"BM is a name", "text/plain"),
        (b"\x89PNG\r\n\x1a\nxxxxEVIL", "application/octet-stream"),
        (b"", "inode/x-empty"),
    ] {
        assert_eq!(find(head).media_type, found, "{:?}", head.get(..16.min(head.len())));
    }
    // A character cut by the limit is no reason to doubt.
    let mut cut = "x".repeat(NEEDED_BYTES - 1);
    cut.push_str("éé");
    assert_eq!(find(cut.as_bytes()).media_type, "text/plain");
}

const HEADER: usize = 30;

#[test]
fn extensions_are_what_follows_the_last_dot() {
    for (name, wanted) in [
        ("a.PNG", Some("png")),
        ("a.png.exe", Some("exe")),
        ("a", None),
        (".png", None),
        ("a.", None),
        ("a.b c", Some("b c")),
    ] {
        assert_eq!(extension(name).as_deref(), wanted, "{name}");
    }
    assert!(fits(find(b"\xff\xd8\xff\xe0"), "jpeg"));
    assert!(!fits(find(b"MZ"), "png"));
}

#[test]
fn nothing_makes_it_panic() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for length in 0..2000_usize {
        let bytes: Vec<u8> = (0..length % 700)
            .map(|_| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                u8::try_from(seed & 0xff).unwrap_or(0)
            })
            .collect();
        let mut zip = b"PK\x03\x04".to_vec();
        zip.extend_from_slice(&bytes);
        let _ = (find(&bytes), find(&zip));
    }
}
