//! What an administrator configures.

use gatewright_sdk::ConfigError;
use regex_lite::{Regex, RegexBuilder};
use serde::Deserialize;

/// Patterns in one direction.
const MAX_PATTERNS: usize = 32;
/// Bytes of one pattern.
const MAX_PATTERN_BYTES: usize = 512;
/// Characters of a pattern's name: as many as a message shows.
const MAX_NAME_CHARS: usize = 64;
/// Memory of one compiled pattern. Searching takes time in proportion to it: `[a-z]{9999}` must not be had by the back door.
const MAX_COMPILED_BYTES: usize = 64 * 1024;

/// Both directions; one that is absent is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Into the session.
    pub copy_in: Option<Direction>,
    /// Out of the session.
    pub copy_out: Option<Direction>,
}

/// What may pass in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Direction {
    /// Whether anything may.
    pub allow: bool,
    /// The largest text, in bytes of UTF-8. Without it, as much as the host handles.
    #[serde(default)]
    pub max_bytes: Option<u64>,
    /// Texts to look for.
    #[serde(default)]
    pub patterns: Vec<Pattern>,
    /// Built-in checks.
    #[serde(default)]
    pub checks: Vec<CheckRule>,
}

/// A text to look for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// What it is called in messages and in what is left in its place.
    pub name: String,
    /// A regular expression of the crate `regex-lite`: `\d`, `\w` and `\b` are ASCII, there is no `\p{..}`, and
    /// `(?i)` begins one that ignores the case of ASCII letters.
    pub pattern: String,
    /// What is done where it is found.
    pub action: Action,
}

/// A built-in check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckRule {
    /// Which.
    pub check: Check,
    /// What is done where it finds something.
    pub action: Action,
}

/// The built-in checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Numbers of payment cards.
    CardNumber,
}

/// What is done with what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The whole text does not pass.
    Deny,
    /// It is taken out, the rest passes.
    Redact,
}

impl Action {
    /// Whether the text must not pass at all.
    pub(crate) const fn denies(self) -> bool {
        cfg!(feature = "strict") || matches!(self, Self::Deny)
    }
}

impl Config {
    /// Compiles all patterns of one direction. All of both directions are checked, so that a mistake is not found by the first
    /// copy of some later day.
    ///
    /// # Errors
    /// The path of the field that is wrong, and why.
    pub(crate) fn compile(&self, chosen: Option<&Direction>) -> Result<Vec<Regex>, ConfigError> {
        let mut compiled = Vec::new();
        for (name, direction) in [("copy_in", &self.copy_in), ("copy_out", &self.copy_out)] {
            let Some(direction) = direction else { continue };
            if direction.patterns.len() > MAX_PATTERNS {
                return Err(ConfigError::new(format!("{name}.patterns: at most {MAX_PATTERNS} patterns")));
            }
            let mut regexes = Vec::new();
            for (index, pattern) in direction.patterns.iter().enumerate() {
                regexes.push(pattern.compile(&format!("{name}.patterns[{index}]"))?);
            }
            if chosen.is_some_and(|chosen| std::ptr::eq(chosen, direction)) {
                compiled = regexes;
            }
        }
        Ok(compiled)
    }
}

impl Pattern {
    fn compile(&self, path: &str) -> Result<Regex, ConfigError> {
        let chars = self.name.chars().count();
        if chars == 0 || chars > MAX_NAME_CHARS || self.name.chars().any(|c| c.is_control() || matches!(c, '{' | '}' | '[' | ']')) {
            return Err(ConfigError::new(format!(
                "{path}.name: 1 to {MAX_NAME_CHARS} characters, none of them a control character, a brace or a bracket"
            )));
        }
        if self.pattern.len() > MAX_PATTERN_BYTES {
            return Err(ConfigError::new(format!("{path}.pattern: at most {MAX_PATTERN_BYTES} bytes")));
        }
        let regex = RegexBuilder::new(&self.pattern)
            .size_limit(MAX_COMPILED_BYTES)
            .build()
            .map_err(|error| ConfigError::new(format!("{path}.pattern: {error}")))?;
        if regex.is_match("") {
            return Err(ConfigError::new(format!(
                "{path}.pattern: it matches the empty text, so it would be found everywhere"
            )));
        }
        Ok(regex)
    }
}
