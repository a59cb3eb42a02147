//! The gates and what is said at them.

use serde::{Deserialize, Serialize};

/// A place where something enters or leaves a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Clipboard text into the session (a paste).
    CopyIn,
    /// Clipboard text out of the session (a copy).
    CopyOut,
    /// A file into the session.
    Upload,
    /// A file out of the session.
    Download,
    /// A device attached to the session.
    Device,
    /// Something printed out of the session.
    Print,
}

impl Gate {
    /// All gates.
    pub const ALL: [Self; 6] = [Self::CopyIn, Self::CopyOut, Self::Upload, Self::Download, Self::Device, Self::Print];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CopyIn => "copy-in",
            Self::CopyOut => "copy-out",
            Self::Upload => "upload",
            Self::Download => "download",
            Self::Device => "device",
            Self::Print => "print",
        }
    }

    /// Reads [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gate| gate.as_str() == text)
    }

    /// How the person's own action is called in a message.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::CopyIn => "Paste",
            Self::CopyOut => "Copy",
            Self::Upload => "Upload",
            Self::Download => "Download",
            Self::Device => "Device",
            Self::Print => "Print",
        }
    }
}

/// What became of an item at a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It passed as it was.
    Allowed,
    /// It passed, changed.
    Redacted,
    /// It did not pass.
    Denied,
    /// It did not pass, since a rule could not answer (trap, timeout, absence).
    Failed,
}

impl Outcome {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Redacted => "redacted",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}
