//! Clipboard text by size, patterns and card numbers, for each direction on its own.
//!
//! The configuration, a JSON object; a direction that is not in it is closed:
//! ```json
//! { "copy_in":  { "allow": true, "max_bytes": 65536 },
//!   "copy_out": { "allow": true, "max_bytes": 65536,
//!                 "patterns": [ { "name": "IBAN", "pattern": "[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]{4}){3,7}", "action": "redact" } ],
//!                 "checks":   [ { "check": "card-number", "action": "deny" } ] } }
//! ```
//! Size, in bytes of UTF-8, is checked first; then everything that denies; all that redacts is taken out together.
//!
//! With the cargo feature `strict`, which makes version 0.2.0, whatever is configured to be redacted is denied.
#![forbid(unsafe_code)]

mod clipboard;
mod config;

use gatewright_sdk::dlp::{ClipboardRule, Error, Offer, Verdict};

pub use config::Config;

/// The rule.
#[derive(Debug)]
pub struct Clipboard;

impl ClipboardRule for Clipboard {
    fn decide(offer: Offer) -> Result<Verdict, Error> {
        clipboard::decide(&gatewright_sdk::config()?, offer.direction, &offer.text)
    }
}

gatewright_sdk::export_clipboard_rule!(Clipboard);
