//! The plugin that reads what files hold, as it is compiled: its fast paths are other instructions here than natively.

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_plugin_host::{CallContext, ContentEnded, FileContent, FileDirection, FileOffer, FileVerdict, Plugin};

use crate::stand::{Stand, offer};

const CONFIG: &str = r#"{ "checks": ["card-number"], "patterns": [
    { "name": "project", "pattern": "(?i)operation nightfall" }, { "name": "id", "pattern": "\\bX-[0-9]{4}\\b" } ] }"#;

/// A file that comes in pieces of at most `size`.
struct Pieces {
    left: Bytes,
    size: usize,
}

#[async_trait]
impl FileContent for Pieces {
    async fn read(&mut self, max: usize) -> Result<Bytes, ContentEnded> {
        let length = self.size.min(max).min(self.left.len());
        Ok(self.left.split_to(length))
    }
}

/// The check that it does not pass, if there is one.
async fn said(plugin: &Plugin, text: &[u8], size: usize) -> Option<String> {
    let context = CallContext {
        config: CONFIG.into(),
        ..CallContext::of_host()
    };
    let file = FileOffer {
        direction: FileDirection::Upload,
        subject: offer("").subject,
        name: "plan.txt".into(),
        size: text.len() as u64,
    };
    let left = Bytes::copy_from_slice(text);
    let answer = plugin.file(&context, file, Box::new(Pieces { left, size })).await.unwrap();
    match answer.value {
        FileVerdict::Deny(words) => Some(words.check),
        FileVerdict::Pass | FileVerdict::Hold => None,
    }
}

#[tokio::test]
async fn what_may_not_pass_is_found_wherever_it_stands() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests/dlp-content.wasm");
    let file =
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; build the plugins first: cargo xtask guests", path.display()));
    let stand = Stand::new();
    let plugin = stand.load(&file).await.unwrap();
    let cards = [("4111 1111 1111 1111", "4111 1111 1111 1112"), ("4222222222222", "4222222222223")];
    let patterns = [("Operation NIGHTFALL", "Operation Nightfal"), ("X-2026", "X-20261")];
    let of = |check: &'static str| move |(found, not): (&'static str, &'static str)| (check, found, not);
    let all = cards
        .into_iter()
        .map(of("card-number"))
        .chain(patterns.into_iter().map(of("pattern")));
    for (check, found, not) in all {
        // The first 80 places are those in a block of 64 bytes; the last one is in another piece than its beginning.
        for before in (0..80).chain([700, (64 << 10) - 9]) {
            for line in ["of 14 boxes, 88-1204 or so. ", "ope, X- "] {
                let around = |what: &str| {
                    let start: String = line.chars().cycle().take(before).collect();
                    format!("{start}.{what}, then {line}")
                };
                let size = if before % 2 == 0 { usize::MAX } else { 50 };
                let text = around(found);
                assert_eq!(said(&plugin, text.as_bytes(), size).await.as_deref(), Some(check), "{text}");
                let text = around(not);
                assert_eq!(said(&plugin, text.as_bytes(), size).await, None, "{text}");
            }
        }
        let wide: Vec<u8> = format!("\u{feff}{found}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(said(&plugin, &wide, usize::MAX).await.as_deref(), Some(check), "{found} in UTF-16");
    }
}
