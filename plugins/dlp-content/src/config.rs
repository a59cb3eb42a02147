//! What an administrator configures.

use gatewright_sdk::ConfigError;
use serde::Deserialize;

/// Patterns in one rule.
const MAX_PATTERNS: usize = 32;
/// Bytes of one pattern.
const MAX_PATTERN_BYTES: usize = 512;
/// Characters of a pattern's name: as many as a message shows.
const MAX_NAME_CHARS: usize = 64;

/// What a file must not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Texts to look for.
    pub patterns: Vec<Pattern>,
    /// Built-in checks.
    pub checks: Vec<Check>,
    /// The largest file in bytes. Without it, as much as the host handles.
    pub max_bytes: Option<u64>,
}

/// A text to look for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// What it is called in messages.
    pub name: String,
    /// A regular expression.
    pub pattern: String,
}

/// The built-in checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Numbers of payment cards.
    CardNumber,
}

impl Config {
    /// # Errors
    /// The field that is wrong, and why.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.patterns.is_empty() && self.checks.is_empty() {
            return Err(ConfigError::new("patterns or checks: one of them says what may not pass"));
        }
        if self.patterns.len() > MAX_PATTERNS {
            return Err(ConfigError::new(format!("patterns: at most {MAX_PATTERNS}")));
        }
        for (index, pattern) in self.patterns.iter().enumerate() {
            let chars = pattern.name.chars().count();
            if chars == 0 || chars > MAX_NAME_CHARS || pattern.name.chars().any(|c| c.is_control() || matches!(c, '{' | '}')) {
                return Err(ConfigError::new(format!(
                    "patterns[{index}].name: 1 to {MAX_NAME_CHARS} characters, none of them a control character or a brace"
                )));
            }
            if pattern.pattern.len() > MAX_PATTERN_BYTES {
                return Err(ConfigError::new(format!(
                    "patterns[{index}].pattern: at most {MAX_PATTERN_BYTES} bytes"
                )));
            }
        }
        Ok(())
    }
}
