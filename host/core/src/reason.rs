//! Reasons: codes declared in a plugin's manifest with typed, bounded parameters, and the words made of them.
//!
//! A person reads `{Action} blocked|changed: {item} {why}. {What works instead}. Ref {id}`. A guest never supplies
//! free text: it names a code and gives numbers; the words come from the manifest, which an administrator approved.

use serde::{Deserialize, Serialize};

use crate::Reference;
use crate::gate::Gate;

/// How long a name in a message may be, in characters.
pub const NAME_MAX_CHARS: usize = 64;

/// A typed parameter of a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamValue {
    /// A size, shown as KiB, MiB and so on.
    Bytes(u64),
    /// A number of things.
    Count(u64),
    /// A short name: a file's type, a pattern's label. Shown shortened, without control characters and braces.
    Name(String),
}

/// The kind of a parameter, as a manifest declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamKind {
    /// [`ParamValue::Bytes`].
    Bytes,
    /// [`ParamValue::Count`].
    Count,
    /// [`ParamValue::Name`].
    Name,
}

impl ParamValue {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ParamKind {
        match self {
            Self::Bytes(_) => ParamKind::Bytes,
            Self::Count(_) => ParamKind::Count,
            Self::Name(_) => ParamKind::Name,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Bytes(bytes) => size_words(*bytes),
            Self::Count(count) => count.to_string(),
            Self::Name(name) => name
                .chars()
                .filter(|c| !c.is_control() && !matches!(c, '{' | '}'))
                .take(NAME_MAX_CHARS)
                .collect(),
        }
    }
}

/// What a guest answers with: which of its declared reasons, and the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// A code declared in the manifest.
    pub code: String,
    /// The declared parameters, by name.
    pub params: Vec<(String, ParamValue)>,
}

/// What a manifest declares for a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonText {
    /// The code that a guest names.
    pub code: String,
    /// The check inside the plugin that fired, as Activity shows it.
    pub check: String,
    /// Goes after the item: `is {actual}, the limit is {limit}`.
    pub why: String,
    /// What works instead, as a sentence without its full stop.
    pub instead: String,
    /// The parameters that `why` and `instead` may name, with their kinds.
    #[serde(default)]
    pub params: std::collections::BTreeMap<String, ParamKind>,
}

/// A guest's reason that its manifest does not cover.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UndeclaredReason {
    /// No such code.
    #[error("reason code is not declared in the manifest")]
    Code,
    /// A parameter is missing, unknown or of another kind.
    #[error("parameters of reason {code:?} differ from the manifest's")]
    Params {
        /// The declared code.
        code: String,
    },
}

impl ReasonText {
    /// The words for `reason`, which must match this declaration exactly.
    ///
    /// # Errors
    /// [`UndeclaredReason`] where code or parameters differ.
    pub fn words(&self, reason: &Reason) -> Result<Words, UndeclaredReason> {
        if reason.code != self.code {
            return Err(UndeclaredReason::Code);
        }
        let matches = reason.params.len() == self.params.len()
            && reason
                .params
                .iter()
                .all(|(name, value)| self.params.get(name) == Some(&value.kind()));
        if !matches {
            return Err(UndeclaredReason::Params { code: self.code.clone() });
        }
        let fill = |template: &str| {
            reason.params.iter().fold(template.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), &value.words())
            })
        };
        Ok(Words {
            check: self.check.clone(),
            why: fill(&self.why),
            instead: fill(&self.instead),
        })
    }
}

/// The words of a reason, ready for a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// The check that fired.
    pub check: String,
    /// Follows the item.
    pub why: String,
    /// What works instead.
    pub instead: String,
}

/// Whether something was stopped or went on changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It did not pass.
    Blocked,
    /// It passed, changed.
    Changed,
}

/// The one sentence that a person reads, the same in the notice and in Activity.
///
/// ```
/// use gatewright_core::{Reference, gate::Gate, reason::{Effect, Words, message}};
/// let words = Words { check: "size".into(), why: "is 31 MB, the limit is 20 MB".into(), instead: "Send a smaller file".into() };
/// let text = message(Gate::Download, Effect::Blocked, "plan.png", &words, Reference::from_random(7));
/// assert_eq!(text, "Download blocked: plan.png is 31 MB, the limit is 20 MB. Send a smaller file. Ref 700000");
/// ```
#[must_use]
pub fn message(gate: Gate, effect: Effect, item: &str, words: &Words, reference: Reference) -> String {
    let effect = match effect {
        Effect::Blocked => "blocked",
        Effect::Changed => "changed",
    };
    let item: String = item.chars().filter(|c| !c.is_control()).take(NAME_MAX_CHARS).collect();
    format!(
        "{} {effect}: {item} {}. {}. Ref {reference}",
        gate.action(),
        words.why,
        words.instead
    )
}

/// A size as people write it: whole bytes below 1 KiB, else one decimal at the most.
#[must_use]
pub fn size_words(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return if bytes == 1 { "1 byte".into() } else { format!("{bytes} bytes") };
    }
    // Integer arithmetic in tenths, rounded up: a text of 64 KiB and one byte must not read as "64 KiB, the limit is 64 KiB".
    let mut unit = 0;
    let mut scale: u128 = 1024;
    while unit + 1 < UNITS.len() && u128::from(bytes) >= scale * 1024 {
        unit += 1;
        scale *= 1024;
    }
    let tenths = (u128::from(bytes) * 10).div_ceil(scale);
    let unit = UNITS.get(unit).copied().unwrap_or("TiB");
    if tenths.is_multiple_of(10) {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn declared() -> ReasonText {
        ReasonText {
            code: "too-large".into(),
            check: "size".into(),
            why: "is {actual}, the limit is {limit}".into(),
            instead: "Copy less at a time".into(),
            params: [("actual".into(), ParamKind::Bytes), ("limit".into(), ParamKind::Bytes)].into(),
        }
    }

    #[test]
    fn a_reason_must_match_its_declaration() {
        let good = Reason {
            code: "too-large".into(),
            params: vec![
                ("actual".into(), ParamValue::Bytes(65_537)),
                ("limit".into(), ParamValue::Bytes(65_536)),
            ],
        };
        assert_eq!(declared().words(&good).unwrap().why, "is 64.1 KiB, the limit is 64 KiB");
        let mut other = good.clone();
        other.code = "else".into();
        assert_eq!(declared().words(&other).unwrap_err(), UndeclaredReason::Code);
        let mut missing = good.clone();
        missing.params.pop();
        assert!(declared().words(&missing).is_err());
        let mut kind = good;
        kind.params = vec![
            ("actual".into(), ParamValue::Name("free text".into())),
            ("limit".into(), ParamValue::Bytes(1)),
        ];
        assert!(declared().words(&kind).is_err());
    }

    #[test]
    fn sizes_read_well() {
        for (bytes, words) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (1 << 20, "1 MiB"),
            ((1 << 20) + 1, "1.1 MiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(size_words(bytes), words);
        }
    }
}
