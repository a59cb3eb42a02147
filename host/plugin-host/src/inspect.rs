//! What can be known of a plugin without compiling it: manifest, digest, imports, world.

use std::fmt;

use gatewright_core::plugin::{Digest, PluginKind};
use sha2::{Digest as _, Sha256};

use crate::component_file;
use crate::manifest::{Manifest, ManifestError};
use crate::text::bounded;

/// The largest plugin, in bytes. JavaScript and Python plugins carry their interpreter.
pub const MAX_COMPONENT_BYTES: usize = 32 << 20;

/// A name such as `gatewright:types/log@0.1.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import(String);

impl Import {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The extension point that a component implements, as its own exports say: `dlp@0.1.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wit {
    /// The package.
    pub kind: PluginKind,
    /// Its version.
    pub version: semver::Version,
}

impl fmt::Display for Wit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.kind.as_str(), self.version)
    }
}

/// What [`inspect`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspected {
    /// The checked manifest.
    pub manifest: Manifest,
    /// SHA-256 of the whole file.
    pub digest: Digest,
    /// The file's length in bytes.
    pub size: usize,
    /// What it imports. All of it is allowed for its kind.
    pub imports: Vec<Import>,
    /// What it exports.
    pub wit: Wit,
    /// For a DLP plugin: whether it decides about files. Else it decides about the clipboard.
    pub decides_files: bool,
}

/// Why a file is no plugin that this host takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// Empty, or something else altogether.
    #[error("this is not a WebAssembly file")]
    NotWasm,
    /// A module without the component model.
    #[error("this is a core WebAssembly module; a plugin is a component")]
    CoreModule,
    /// Cut off or otherwise damaged.
    #[error("file is damaged or cut off at byte {offset}")]
    Damaged {
        /// Where reading stopped.
        offset: u64,
    },
    /// Over [`MAX_COMPONENT_BYTES`].
    #[error("file has {size} bytes, the limit is {MAX_COMPONENT_BYTES}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// Hundreds of imports or exports.
    #[error("file has more than 256 imports or exports")]
    TooManyNames,
    /// No manifest section.
    #[error("file has no manifest (custom section \"gatewright:manifest\")")]
    ManifestMissing,
    /// Which of them would count?
    #[error("file has more than one manifest")]
    ManifestTwice,
    /// Over 64 KiB.
    #[error("manifest is larger than 64 KiB")]
    ManifestTooLarge,
    /// The manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// An import that its kind does not get.
    #[error("this plugin wants {import}, which a {} plugin may not have", kind.as_str())]
    Forbidden {
        /// The import.
        import: String,
        /// The kind, as the manifest says.
        kind: PluginKind,
    },
    /// An import that is not an interface.
    #[error("this plugin imports {name}, which is not an interface")]
    BareImport {
        /// The import.
        name: String,
    },
    /// It does not export what its kind needs.
    #[error("manifest says {declared}, but the component does not export {missing}")]
    WrongWorld {
        /// `wit` of the manifest.
        declared: String,
        /// The interface that it lacks, with the versions that this host takes.
        missing: String,
    },
    /// It exports another version than its manifest says.
    #[error("manifest says {declared}, but the component was built for {built}")]
    WrongVersion {
        /// `wit` of the manifest.
        declared: String,
        /// What the component exports.
        built: String,
    },
}

impl InspectError {
    /// Whether the imports are at fault, and not the file or its manifest.
    #[must_use]
    pub const fn is_about_imports(&self) -> bool {
        matches!(
            self,
            Self::Forbidden { .. } | Self::BareImport { .. } | Self::WrongWorld { .. } | Self::WrongVersion { .. }
        )
    }
}

/// Reads a plugin's manifest, imports and exports, and checks them against each other. Compiles nothing, runs nothing,
/// allocates little: fit for a request handler.
///
/// # Errors
/// [`InspectError`], with a text for the person who uploaded it.
pub fn inspect(bytes: &[u8]) -> Result<Inspected, InspectError> {
    if bytes.len() > MAX_COMPONENT_BYTES {
        return Err(InspectError::TooLarge { size: bytes.len() });
    }
    let outside = component_file::read(bytes)?;
    let manifest = Manifest::parse(outside.manifest)?;
    for import in &outside.imports {
        if !allowed_imports(manifest.kind)
            .iter()
            .any(|allowed| version_of(import, allowed).is_some_and(|v| is_supported(&v)))
        {
            return Err(InspectError::Forbidden {
                import: bounded(import, 128),
                kind: manifest.kind,
            });
        }
    }
    let decides_files = manifest.kind == PluginKind::Dlp && exports(&outside.exports, FILE) && !exports(&outside.exports, CLIPBOARD);
    let needed: &[&str] = if decides_files { &[FILE] } else { needed_exports(manifest.kind) };
    let wit = exported_wit(&manifest, needed, &outside.exports)?;
    Ok(Inspected {
        manifest,
        digest: Digest::from_bytes(Sha256::digest(bytes).into()),
        size: bytes.len(),
        imports: outside.imports.into_iter().map(Import).collect(),
        wit,
        decides_files,
    })
}

/// What the worlds name. `types` holds no function.
const fn allowed_imports(kind: PluginKind) -> &'static [&'static str] {
    const TYPES: &str = "gatewright:types/types";
    const LOG: &str = "gatewright:types/log";
    const CONFIG: &str = "gatewright:types/config";
    match kind {
        PluginKind::Placement => &[TYPES, LOG, CONFIG],
        PluginKind::Dlp => &[TYPES, LOG, CONFIG, "gatewright:dlp/content"],
        PluginKind::Credential => &[TYPES, LOG, CONFIG, "gatewright:credential/secrets"],
        PluginKind::Runtime => &[TYPES, LOG, CONFIG, "gatewright:types/http", "gatewright:runtime/progress"],
    }
}

/// The exports of which a DLP plugin has one.
const CLIPBOARD: &str = "gatewright:dlp/clipboard";
const FILE: &str = "gatewright:dlp/file";

fn exports(exports: &[String], interface: &str) -> bool {
    exports.iter().any(|export| version_of(export, interface).is_some())
}

const fn needed_exports(kind: PluginKind) -> &'static [&'static str] {
    match kind {
        PluginKind::Placement => &["gatewright:placement/strategy"],
        PluginKind::Dlp => &[CLIPBOARD],
        PluginKind::Credential => &["gatewright:credential/provider"],
        PluginKind::Runtime => &[
            "gatewright:runtime/lifecycle",
            "gatewright:runtime/images",
            "gatewright:runtime/suspension",
            "gatewright:runtime/inspection",
            "gatewright:runtime/execution",
        ],
    }
}

/// The version in `name`, where the part before it is `interface`.
fn version_of(name: &str, interface: &str) -> Option<semver::Version> {
    let (head, version) = name.split_once('@')?;
    (head == interface).then(|| semver::Version::parse(version).ok())?
}

/// This host speaks 0.1 of every package.
fn is_supported(version: &semver::Version) -> bool {
    version.major == 0 && version.minor == 1 && version.pre.is_empty()
}

fn exported_wit(manifest: &Manifest, needed: &[&str], exports: &[String]) -> Result<Wit, InspectError> {
    let mut found = None;
    for interface in needed {
        let version = exports
            .iter()
            .find_map(|export| version_of(export, interface))
            .ok_or_else(|| InspectError::WrongWorld {
                declared: manifest.wit.clone(),
                missing: format!("{interface}@0.1"),
            })?;
        if !is_supported(&version) {
            return Err(InspectError::WrongWorld {
                declared: manifest.wit.clone(),
                missing: format!("{interface}@0.1 (it has {version})"),
            });
        }
        found = Some(version);
    }
    let wit = Wit {
        kind: manifest.kind,
        version: found.ok_or_else(|| InspectError::WrongWorld {
            declared: manifest.wit.clone(),
            missing: "any interface".into(),
        })?,
    };
    let built = format!("{}@{}.{}", wit.kind.as_str(), wit.version.major, wit.version.minor);
    if built == manifest.wit {
        Ok(wit)
    } else {
        Err(InspectError::WrongVersion {
            declared: manifest.wit.clone(),
            built,
        })
    }
}
