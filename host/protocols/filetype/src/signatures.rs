//! Signatures: bytes at fixed places.

use crate::FileType;

/// Bytes that a type has, at their places.
struct Signature {
    parts: &'static [(usize, &'static [u8])],
    found: FileType,
}

macro_rules! signature {
    ($media:literal, $name:literal, [$($extension:literal),*], $($at:literal => $bytes:literal),+) => {
        Signature {
            parts: &[$(($at, $bytes)),+],
            found: FileType { media_type: $media, name: $name, extensions: &[$($extension),*] },
        }
    };
}

/// Longer signatures stand before shorter ones that they begin with.
const SIGNATURES: &[Signature] = &[
    // ISO/IEC 15948 5.2
    signature!("image/png", "PNG picture", ["png", "apng"], 0 => b"\x89PNG\r\n\x1a\n", 12 => b"IHDR"),
    signature!("image/jpeg", "JPEG picture", ["jpg", "jpeg", "jpe", "jfif"], 0 => b"\xff\xd8\xff"),
    signature!("image/gif", "GIF picture", ["gif"], 0 => b"GIF87a"),
    signature!("image/gif", "GIF picture", ["gif"], 0 => b"GIF89a"),
    // BITMAPFILEHEADER: the two reserved words are zero; and a header size that there is.
    signature!("image/bmp", "BMP picture", ["bmp", "dib"], 0 => b"BM", 6 => b"\0\0\0\0", 14 => b"\x28\0\0\0"),
    signature!("image/bmp", "BMP picture", ["bmp", "dib"], 0 => b"BM", 6 => b"\0\0\0\0", 14 => b"\x6c\0\0\0"),
    signature!("image/bmp", "BMP picture", ["bmp", "dib"], 0 => b"BM", 6 => b"\0\0\0\0", 14 => b"\x7c\0\0\0"),
    signature!("image/bmp", "BMP picture", ["bmp", "dib"], 0 => b"BM", 6 => b"\0\0\0\0", 14 => b"\x0c\0\0\0"),
    signature!("image/webp", "WebP picture", ["webp"], 0 => b"RIFF", 8 => b"WEBP"),
    signature!("image/tiff", "TIFF picture", ["tif", "tiff"], 0 => b"II*\0"),
    signature!("image/tiff", "TIFF picture", ["tif", "tiff"], 0 => b"MM\0*"),
    signature!("image/x-icon", "icon", ["ico"], 0 => b"\0\0\x01\0"),
    signature!("image/avif", "AVIF picture", ["avif"], 4 => b"ftypavif"),
    signature!("image/heic", "HEIC picture", ["heic", "heif"], 4 => b"ftypheic"),
    signature!("image/vnd.adobe.photoshop", "Photoshop picture", ["psd"], 0 => b"8BPS"),
    signature!("application/pdf", "PDF document", ["pdf"], 0 => b"%PDF-"),
    signature!("application/postscript", "PostScript document", ["ps", "eps", "ai"], 0 => b"%!PS"),
    signature!("application/rtf", "RTF document", ["rtf"], 0 => b"{\\rtf"),
    signature!("application/x-ole-storage", "old Office document", ["doc", "xls", "ppt", "msi", "msg"], 0 => b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    signature!("application/zip", "ZIP archive", ["zip"], 0 => b"PK\x03\x04"),
    signature!("application/zip", "ZIP archive", ["zip"], 0 => b"PK\x05\x06"),
    signature!("application/gzip", "gzip archive", ["gz", "tgz"], 0 => b"\x1f\x8b\x08"),
    signature!("application/x-bzip2", "bzip2 archive", ["bz2", "tbz2"], 0 => b"BZh", 4 => b"1AY&SY"),
    signature!("application/x-xz", "xz archive", ["xz", "txz"], 0 => b"\xfd7zXZ\0"),
    signature!("application/zstd", "Zstandard archive", ["zst", "tzst"], 0 => b"\x28\xb5\x2f\xfd"),
    signature!("application/x-7z-compressed", "7-Zip archive", ["7z"], 0 => b"7z\xbc\xaf\x27\x1c"),
    signature!("application/vnd.rar", "RAR archive", ["rar"], 0 => b"Rar!\x1a\x07"),
    signature!("application/x-tar", "tar archive", ["tar"], 257 => b"ustar"),
    signature!("application/vnd.ms-cab-compressed", "cabinet archive", ["cab"], 0 => b"MSCF\0\0\0\0"),
    signature!("application/x-iso9660-image", "disc image", ["iso"], 0 => b"CD001"),
    signature!("application/x-elf", "Linux program", ["so", "o", "elf", "bin"], 0 => b"\x7fELF"),
    signature!("application/vnd.microsoft.portable-executable", "Windows program", ["exe", "dll", "sys", "scr", "com"], 0 => b"MZ"),
    signature!("application/x-mach-binary", "macOS program", ["dylib"], 0 => b"\xcf\xfa\xed\xfe"),
    signature!("application/x-mach-binary", "macOS program", ["dylib"], 0 => b"\xce\xfa\xed\xfe"),
    // Also the universal macOS program: both are programs.
    signature!("application/java-vm", "Java program", ["class"], 0 => b"\xca\xfe\xba\xbe"),
    signature!("application/wasm", "WebAssembly program", ["wasm"], 0 => b"\0asm"),
    signature!("application/vnd.debian.binary-package", "Debian package", ["deb"], 0 => b"!<arch>\ndebian"),
    signature!("application/x-rpm", "RPM package", ["rpm"], 0 => b"\xed\xab\xee\xdb"),
    signature!("application/x-ms-shortcut", "Windows shortcut", ["lnk"], 0 => b"L\0\0\0\x01\x14\x02\0"),
    signature!("application/vnd.sqlite3", "SQLite database", ["db", "sqlite", "sqlite3"], 0 => b"SQLite format 3\0"),
    signature!("audio/mpeg", "MP3 sound", ["mp3"], 0 => b"ID3"),
    signature!("audio/flac", "FLAC sound", ["flac"], 0 => b"fLaC"),
    signature!("audio/ogg", "Ogg sound", ["ogg", "oga", "ogv", "opus"], 0 => b"OggS"),
    signature!("audio/x-wav", "WAVE sound", ["wav"], 0 => b"RIFF", 8 => b"WAVE"),
    signature!("video/x-msvideo", "AVI video", ["avi"], 0 => b"RIFF", 8 => b"AVI "),
    signature!("video/x-matroska", "Matroska video", ["mkv", "webm", "mka"], 0 => b"\x1a\x45\xdf\xa3"),
    signature!("video/mp4", "MP4 video", ["mp4", "m4v", "m4a", "mov"], 4 => b"ftyp"),
    signature!("font/ttf", "TrueType font", ["ttf"], 0 => b"\0\x01\0\0\0"),
    signature!("font/otf", "OpenType font", ["otf"], 0 => b"OTTO"),
    signature!("font/woff2", "web font", ["woff2"], 0 => b"wOF2"),
];

pub(crate) fn find(head: &[u8]) -> Option<FileType> {
    let has = |at: usize, bytes: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(bytes));
    let signature = SIGNATURES
        .iter()
        .find(|signature| signature.parts.iter().all(|(at, bytes)| has(*at, bytes)))?;
    Some(signature.found)
}
