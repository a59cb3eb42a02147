//! Files by extension, the type found in their bytes, and size.
//!
//! The configuration, a JSON object; at least one of the two:
//! ```json
//! { "extensions": ["jpeg", "jpg", "png", "bmp"], "max_bytes": 20971520 }
//! ```
//! A file passes where its extension is among these **and** its bytes are of a type that has this extension. Without
//! `extensions` any type passes; without `max_bytes` any size.
#![forbid(unsafe_code)]

mod config;
mod decision;

use gatewright_sdk::dlp_file::{Content, Error, FileRule, Offer, Verdict};

pub use config::Config;

/// The rule.
#[derive(Debug)]
pub struct FileTypeRule;

impl FileRule for FileTypeRule {
    fn decide(offer: Offer, content: &mut dyn Content) -> Result<Verdict, Error> {
        let config: Config = gatewright_sdk::config()?;
        config.check()?;
        Ok(decision::decide(&config, &offer.name, offer.size, content))
    }
}

gatewright_sdk::export_file_rule!(FileTypeRule);
