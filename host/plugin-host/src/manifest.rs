//! A plugin's manifest: who it is, what it wants, and the words of its reasons.

use std::collections::BTreeSet;
use std::time::Duration;

use gatewright_core::plugin::{PluginKind, PluginName};
use gatewright_core::reason::ReasonText;
use serde::Deserialize;

use crate::grants::HttpGrant;
use crate::limits::{self, Limits};
use crate::text::bounded;

/// The custom section that carries the manifest, as the text of `plugin.toml`.
pub const MANIFEST_SECTION: &str = "gatewright:manifest";
/// The largest manifest, in bytes.
pub(crate) const MAX_MANIFEST_BYTES: usize = 64 << 10;
const MAX_REASONS: usize = 64;
const MAX_GRANTS: usize = 16;
const MAX_PATTERNS: usize = 64;
const MAX_REASON_TEXT_CHARS: usize = 200;
const MAX_DESCRIPTION_CHARS: usize = 500;
const MIN_MEMORY_BYTES: u64 = 1 << 20;

/// A checked manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Stable, unique.
    pub id: PluginName,
    /// What it decides.
    pub kind: PluginKind,
    /// Its own semantic version.
    pub version: String,
    /// What it does, in a sentence, for administrators. May be empty.
    pub description: String,
    /// What it was built for: `dlp@0.1`.
    pub wit: String,
    /// The HTTP endpoints that it wants.
    pub http: Vec<HttpGrant>,
    /// What a call may use, within the host's bounds for its kind.
    pub limits: Limits,
    /// Every reason that it may give.
    pub reasons: Vec<ReasonText>,
    /// The configuration for its self-test, a JSON object. None: the self-test runs with `{}`.
    pub self_test_config: Option<String>,
    /// A JSON Schema of its configuration, where it has one.
    pub config_schema: Option<serde_json::Value>,
}

/// Why a manifest can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is not UTF-8.
    #[error("manifest is not text in UTF-8")]
    NotText,
    /// It is not TOML, or not of this shape.
    #[error("manifest can't be read: {detail}")]
    Shape {
        /// Where and what.
        detail: String,
    },
    /// A field has a value that makes no sense.
    #[error("manifest field {field} is wrong: {detail}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        detail: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: PluginName,
    kind: PluginKind,
    version: String,
    #[serde(default)]
    description: String,
    wit: String,
    #[serde(default)]
    grants: RawGrants,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    reasons: Vec<ReasonText>,
    #[serde(default)]
    self_test: RawSelfTest,
    config_schema: Option<RawJson>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGrants {
    #[serde(default)]
    http: Vec<HttpGrant>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    deadline_ms: Option<u64>,
    memory_bytes: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSelfTest {
    config: Option<RawJson>,
}

/// JSON, written as text or as a table of TOML.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawJson {
    Text(String),
    Table(serde_json::Map<String, serde_json::Value>),
}

impl RawJson {
    fn object(self, field: &'static str) -> Result<serde_json::Value, ManifestError> {
        match self {
            Self::Table(table) => Ok(serde_json::Value::Object(table)),
            Self::Text(text) => serde_json::from_str::<serde_json::Map<_, _>>(&text)
                .map(serde_json::Value::Object)
                .map_err(|error| ManifestError::Field {
                    field,
                    detail: format!("not a JSON object: {error}"),
                }),
        }
    }
}

impl Manifest {
    /// Reads and checks the text of a `plugin.toml`.
    ///
    /// # Errors
    /// [`ManifestError`], naming the field.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ManifestError::NotText)?;
        let raw: Raw = toml::from_str(text).map_err(|error| ManifestError::Shape {
            detail: bounded(error.message(), 300),
        })?;
        check_version(&raw.version)?;
        check_text("description", &raw.description, MAX_DESCRIPTION_CHARS)?;
        check_wit(raw.kind, &raw.wit)?;
        check_http(raw.kind, &raw.grants.http)?;
        check_reasons(&raw.reasons)?;
        let limits = bounded_limits(raw.kind, &raw.limits)?;
        let self_test_config = raw
            .self_test
            .config
            .map(|config| config.object("self_test.config"))
            .transpose()?
            .map(|config| config.to_string());
        let config_schema = raw.config_schema.map(|schema| schema.object("config_schema")).transpose()?;
        Ok(Self {
            id: raw.id,
            kind: raw.kind,
            version: raw.version,
            description: raw.description,
            wit: raw.wit,
            http: raw.grants.http,
            limits,
            reasons: raw.reasons,
            self_test_config,
            config_schema,
        })
    }

    /// What it wants beyond its kind, in words for administrators: `GET, POST /containers/** on endpoint "engine"`.
    #[must_use]
    pub fn wants(&self) -> Vec<String> {
        self.http
            .iter()
            .map(|grant| {
                let methods: Vec<_> = grant.methods.iter().map(|m| m.as_str()).collect();
                let paths: Vec<_> = grant.paths.iter().map(ToString::to_string).collect();
                format!("{} {} on endpoint {:?}", methods.join(", "), paths.join(", "), grant.endpoint)
            })
            .collect()
    }
}

fn wrong(field: &'static str, detail: impl Into<String>) -> ManifestError {
    ManifestError::Field {
        field,
        detail: detail.into(),
    }
}

fn check_version(version: &str) -> Result<(), ManifestError> {
    if version.len() > 64 {
        return Err(wrong("version", "longer than 64 characters"));
    }
    semver::Version::parse(version)
        .map(drop)
        .map_err(|error| wrong("version", format!("not a semantic version: {error}")))
}

fn check_wit(kind: PluginKind, wit: &str) -> Result<(), ManifestError> {
    let numbers = |version: &str| {
        let mut parts = version.split('.');
        let all_numbers = parts.clone().all(|part| part.parse::<u32>().is_ok());
        (parts.by_ref().count() == 2) && all_numbers
    };
    match wit.split_once('@') {
        Some((package, version)) if package == kind.as_str() && numbers(version) => Ok(()),
        Some((package, version)) if numbers(version) => Err(wrong(
            "wit",
            format!("{} does not fit kind {}", bounded(package, 32), kind.as_str()),
        )),
        _ => Err(wrong("wit", format!("write it as \"{}@0.1\"", kind.as_str()))),
    }
}

fn check_http(kind: PluginKind, grants: &[HttpGrant]) -> Result<(), ManifestError> {
    const FIELD: &str = "grants.http";
    if kind != PluginKind::Runtime && !grants.is_empty() {
        return Err(wrong(FIELD, format!("a {} plugin can't have HTTP", kind.as_str())));
    }
    let mut seen = BTreeSet::new();
    for grant in grants {
        grant
            .endpoint
            .parse::<PluginName>()
            .map_err(|_| wrong(FIELD, "an endpoint's name has 1 to 64 of a-z, 0-9 and '-'"))?;
        if !seen.insert(&grant.endpoint) {
            return Err(wrong(FIELD, "an endpoint is named twice"));
        }
        if grant.methods.is_empty() || grant.paths.is_empty() {
            return Err(wrong(FIELD, "an endpoint needs methods and paths"));
        }
        if grant.paths.len() > MAX_PATTERNS {
            return Err(wrong(FIELD, "an endpoint has more than 64 paths"));
        }
    }
    if grants.len() > MAX_GRANTS {
        return Err(wrong(FIELD, "more than 16 endpoints"));
    }
    Ok(())
}

fn bounded_limits(kind: PluginKind, raw: &RawLimits) -> Result<Limits, ManifestError> {
    let bounds = limits::of(kind);
    let deadline = match raw.deadline_ms.map(Duration::from_millis) {
        None => bounds.default.deadline,
        Some(deadline) if !deadline.is_zero() && deadline <= bounds.max_deadline => deadline,
        Some(_) => {
            return Err(wrong(
                "limits.deadline_ms",
                format!("a {} plugin may have 1 to {}", kind.as_str(), bounds.max_deadline.as_millis()),
            ));
        }
    };
    let memory_bytes = match raw.memory_bytes {
        None => bounds.default.memory_bytes,
        Some(bytes) if (MIN_MEMORY_BYTES..=limits::MAX_MEMORY_BYTES).contains(&bytes) => bytes,
        Some(_) => {
            return Err(wrong(
                "limits.memory_bytes",
                format!("must be {MIN_MEMORY_BYTES} to {}", limits::MAX_MEMORY_BYTES),
            ));
        }
    };
    Ok(Limits {
        deadline,
        // A guest that only computes is told so, and not that it did not answer.
        guest_time: bounds.default.guest_time.min(deadline / 2),
        memory_bytes,
    })
}

fn check_text(field: &'static str, text: &str, max_chars: usize) -> Result<(), ManifestError> {
    if text.chars().any(char::is_control) {
        return Err(wrong(field, "has control characters"));
    }
    if text.chars().count() > max_chars {
        return Err(wrong(field, format!("longer than {max_chars} characters")));
    }
    Ok(())
}

fn check_reasons(reasons: &[ReasonText]) -> Result<(), ManifestError> {
    const FIELD: &str = "reasons";
    if reasons.len() > MAX_REASONS {
        return Err(wrong(FIELD, "more than 64"));
    }
    let mut seen = BTreeSet::new();
    for reason in reasons {
        if !is_word(&reason.code) {
            return Err(wrong(FIELD, "a code has 1 to 64 of a-z, 0-9 and '-'"));
        }
        if !seen.insert(&reason.code) {
            return Err(wrong(FIELD, format!("code {:?} is declared twice", reason.code)));
        }
        for text in [&reason.check, &reason.why, &reason.instead] {
            check_text(FIELD, text, MAX_REASON_TEXT_CHARS)?;
            if text.trim().is_empty() {
                return Err(wrong(FIELD, format!("code {:?} has an empty text", reason.code)));
            }
        }
        if reason.params.keys().any(|name| !is_word(name)) {
            return Err(wrong(FIELD, "a parameter has 1 to 64 of a-z, 0-9 and '-'"));
        }
        for text in [&reason.why, &reason.instead] {
            check_template(text, reason)?;
        }
    }
    Ok(())
}

fn is_word(text: &str) -> bool {
    text.parse::<PluginName>().is_ok()
}

/// Every `{...}` must name a declared parameter, and no brace may stand alone.
fn check_template(text: &str, reason: &ReasonText) -> Result<(), ManifestError> {
    let bad = |detail: String| wrong("reasons", format!("text of code {:?} {detail}", reason.code));
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (_, from_brace) = rest.split_at(at);
        let Some((name, after)) = from_brace.strip_prefix('{').and_then(|inside| inside.split_once('}')) else {
            return Err(bad("has a brace without its partner".into()));
        };
        if !reason.params.contains_key(name) {
            return Err(bad(format!("names {:?}, which is not among its parameters", bounded(name, 64))));
        }
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
