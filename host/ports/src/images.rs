//! What an agent says of the images on its node.

use serde::{Deserialize, Serialize};

/// How an image stands on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum ImageStatus {
    /// It is not there.
    Absent,
    /// It is being brought.
    Pulling(PullProgress),
    /// It is there.
    Present(ImageFacts),
    /// It is not there, and the last try to bring it failed.
    Failed {
        /// Why, in the engine's words.
        why: String,
    },
}

/// How far a pull is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullProgress {
    /// What the engine does, in its own words.
    pub step: String,
    /// Bytes that came so far.
    pub done_bytes: u64,
    /// Bytes of all that is known to come; 0 where the engine does not say. It grows while more becomes known.
    pub total_bytes: u64,
}

/// What the engine knows of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// The engine's id of it: `sha256:` and 64 digits.
    pub id: String,
    /// What it takes on the node's disk, shared layers included.
    pub size_bytes: u64,
    /// When it was made, as the engine writes it; empty where it does not say.
    pub created: String,
    /// The user that it was made for, as its maker wrote it; workspaces run as another one in any case.
    pub user: String,
}
