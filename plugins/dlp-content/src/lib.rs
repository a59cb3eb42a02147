//! Files by what is written in them: patterns and card numbers, in the whole of a streamed file.
//!
//! The configuration, a JSON object; at least one pattern or check:
//! ```json
//! { "checks": ["card-number"],
//!   "patterns": [ { "name": "project name", "pattern": "(?i)operation nightfall" } ],
//!   "max_bytes": 104857600 }
//! ```
//! Bytes are read as UTF-8; where a file looks like UTF-16 it is read in that way too. Archives and documents that are
//! archives are not opened: stand a rule on types before this one.
//!
//! Patterns are regular expressions of the crate `regex-automata` over bytes: `\d`, `\w` and `\b` are ASCII, there is no `\p{..}`,
//! and `(?i)` begins one that ignores the case of ASCII letters. All of them are searched at once. That is fastest where what
//! they find begins with bytes that stand together in few other places: a word, or `X-[0-9]{4}`, and not `[a-z]+@`.
#![forbid(unsafe_code)]

mod config;
mod filter;
mod patterns;
mod scan;
mod table;
mod utf16;

use gatewright_sdk::dlp_file::{Content, Error, FileRule, Offer, Verdict};

pub use config::{Check, Config, Pattern};

/// The rule.
#[derive(Debug)]
pub struct ContentRule;

impl FileRule for ContentRule {
    fn decide(offer: Offer, content: &mut dyn Content) -> Result<Verdict, Error> {
        scan::decide(&gatewright_sdk::config()?, offer.size, content)
    }
}

gatewright_sdk::export_file_rule!(ContentRule);
