//! What an administrator configures.

use gatewright_sdk::ConfigError;
use serde::Deserialize;

/// Extensions in one rule.
const MAX_EXTENSIONS: usize = 64;
/// Characters of what a message shows.
const SHOWN_CHARS: usize = 60;

/// What may pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The extensions that may pass, without their dot. None: any.
    pub extensions: Option<Vec<String>>,
    /// The largest file in bytes. None: any.
    pub max_bytes: Option<u64>,
}

impl Config {
    /// # Errors
    /// The field that is wrong, and why.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let Some(extensions) = &self.extensions else {
            return match self.max_bytes {
                Some(_) => Ok(()),
                None => Err(ConfigError::new("extensions or max_bytes: one of them says what may pass")),
            };
        };
        if extensions.is_empty() || extensions.len() > MAX_EXTENSIONS {
            return Err(ConfigError::new(format!("extensions: 1 to {MAX_EXTENSIONS}")));
        }
        for (index, extension) in extensions.iter().enumerate() {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+".contains(&byte);
            if extension.is_empty() || extension.len() > 16 || !extension.bytes().all(plain) {
                return Err(ConfigError::new(format!(
                    "extensions[{index}]: 1 to 16 letters, digits, '-', '_' or '+', without the dot"
                )));
            }
        }
        Ok(())
    }

    /// `.jpeg, .png`, as far as a message shows it.
    pub(crate) fn allowed(&self) -> String {
        let mut out = String::new();
        for extension in self.extensions.iter().flatten() {
            let separator = if out.is_empty() { "" } else { ", " };
            if out.len() + separator.len() + extension.len() + 1 > SHOWN_CHARS {
                out.push_str(", …");
                break;
            }
            out.push_str(separator);
            out.push('.');
            out.push_str(&extension.to_ascii_lowercase());
        }
        out
    }
}
