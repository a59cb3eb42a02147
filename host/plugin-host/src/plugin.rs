//! A loaded version of a plugin.

use std::sync::Arc;

use gatewright_core::plugin::{Digest, PluginKind, PluginName};

use crate::bindings;
use crate::counters::{Counters, Counts};
use crate::grants::HttpGrant;
use crate::host::Shared;
use crate::inspect::Inspected;
use crate::manifest::Manifest;
use crate::store::CallState;

/// A version of a plugin, compiled, checked and ready to be called. Cheap to share; calls do not disturb each other.
pub struct Plugin {
    pub(crate) inspected: Inspected,
    pub(crate) version: Arc<str>,
    /// What the manifest wants and the operator approved.
    pub(crate) granted: Arc<[HttpGrant]>,
    pub(crate) world: World,
    pub(crate) counters: Counters,
    pub(crate) shared: Arc<Shared>,
}

/// A component that was checked against its world, ready to be instantiated.
pub(crate) enum World {
    Clipboard(bindings::dlp::ClipboardRulePre<CallState>),
    File(bindings::dlp_file::FileRulePre<CallState>),
    Placement(bindings::placement::PlacementPre<CallState>),
    Credential(bindings::credential::CredentialPre<CallState>),
    /// By far the largest.
    Runtime(Box<bindings::runtime::RuntimePre<CallState>>),
}

impl Plugin {
    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.inspected.manifest
    }

    /// SHA-256 of its file.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.inspected.digest
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its id.
    #[must_use]
    pub fn name(&self) -> &PluginName {
        &self.inspected.manifest.id
    }

    /// What it decides.
    #[must_use]
    pub fn kind(&self) -> PluginKind {
        self.inspected.manifest.kind
    }

    /// All that was found in its file.
    #[must_use]
    pub fn inspected(&self) -> &Inspected {
        &self.inspected
    }

    /// What became of its calls so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("name", self.name())
            .field("version", &self.version)
            .field("digest", &self.digest())
            .finish_non_exhaustive()
    }
}
