//! From bytes to a plugin that can be called.

use std::sync::Arc;

use gatewright_core::plugin::PluginKind;
use wasmtime::Store;
use wasmtime::component::Component;

use crate::bindings;
use crate::call::{CallContext, CallError, Granted};
use crate::compile::{CompileError, compile_into_cache};
use crate::counters::Counters;
use crate::grants::Approved;
use crate::host::{PluginHost, Shared};
use crate::inspect::{InspectError, inspect};
use crate::plugin::{Plugin, World};
use crate::store::CallState;
use crate::text::bounded;

/// Where on its way a plugin failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The file or its manifest.
    Manifest,
    /// What it imports or exports.
    Imports,
    /// What it wants that nobody approved.
    Approval,
    /// Compiling.
    Compile,
    /// Making an instance, or calling it once.
    SelfTest,
}

impl Stage {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Imports => "imports",
            Self::Approval => "approval",
            Self::Compile => "compile",
            Self::SelfTest => "self-test",
        }
    }
}

/// Why a plugin was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not a plugin, or wants what it can't have.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// It wants endpoints that the operator did not approve.
    #[error("plugin wants endpoints that are not approved: {}", endpoints.join(", "))]
    NotApproved {
        /// Their names.
        endpoints: Vec<String>,
    },
    /// It was not compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// Compiled, but its functions differ from what its world says.
    #[error("component does not fit its world: {detail}")]
    World {
        /// What differs.
        detail: String,
    },
    /// It broke while an instance was made, before any call.
    #[error("plugin can't be started")]
    Start(#[source] CallError),
    /// Its self-test failed; for callers that load and test in one step.
    #[error("self-test failed")]
    SelfTest(#[source] CallError),
}

impl LoadError {
    /// Where it failed.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        match self {
            Self::Inspect(error) if error.is_about_imports() => Stage::Imports,
            Self::Inspect(_) => Stage::Manifest,
            Self::NotApproved { .. } => Stage::Approval,
            Self::Compile(_) => Stage::Compile,
            Self::World { .. } => Stage::Imports,
            Self::Start(_) | Self::SelfTest(_) => Stage::SelfTest,
        }
    }
}

impl PluginHost {
    /// Makes a plugin ready to be called: inspects it, checks what it wants against what is `approved`, compiles it in
    /// a child process, makes one instance under its limits, and checks that against its world. Cancel-safe: a compiler
    /// that runs is killed.
    ///
    /// # Errors
    /// [`LoadError`], with a text for the person who uploaded it.
    pub async fn load(&self, bytes: &[u8], approved: &Approved) -> Result<Arc<Plugin>, LoadError> {
        let inspected = inspect(bytes)?;
        let endpoints = approved.missing(&inspected.manifest.http);
        if !endpoints.is_empty() {
            return Err(LoadError::NotApproved { endpoints });
        }
        let key = (inspected.digest, approved.clone());
        let _one_at_a_time = self.compiling.acquire().await;
        if let Some(plugin) = self.loaded().get(&key).and_then(std::sync::Weak::upgrade) {
            return Ok(plugin);
        }
        compile_into_cache(&self.config.compiler, &self.config.cache_dir, bytes).await?;
        let kind = inspected.manifest.kind;
        let files = inspected.decides_files;
        let world = self.prepare(kind, files, bytes.to_vec()).await?;
        let plugin = Arc::new(Plugin {
            version: inspected.manifest.version.as_str().into(),
            granted: inspected
                .manifest
                .http
                .iter()
                .filter(|grant| approved.covers_endpoint(&grant.endpoint))
                .cloned()
                .collect(),
            inspected,
            world,
            counters: Counters::default(),
            shared: Arc::clone(&self.shared),
        });
        plugin.probe().await?;
        let mut loaded = self.loaded();
        loaded.retain(|_, plugin| plugin.strong_count() > 0);
        loaded.insert(key, Arc::downgrade(&plugin));
        Ok(plugin)
    }

    /// Takes the compiled code out of the cache and checks it against the world, off the async threads.
    async fn prepare(&self, kind: PluginKind, files: bool, bytes: Vec<u8>) -> Result<World, LoadError> {
        let shared = Arc::clone(&self.shared);
        let misses = self.cache.cache_misses();
        let world = tokio::task::spawn_blocking(move || {
            let component = Component::new(&shared.engine, &bytes).map_err(|error| CompileError::Invalid {
                detail: bounded(&format!("{error:#}"), 2000),
            })?;
            check_world(&shared, kind, files, &component).map_err(|error| LoadError::World {
                detail: bounded(&format!("{error:#}"), 1000),
            })
        })
        .await
        .map_err(|error| CompileError::Unusable { detail: error.to_string() })?;
        if self.cache.cache_misses() > misses {
            tracing::warn!("Compiled plugin was not in the cache and was compiled again");
        }
        world
    }
}

impl Plugin {
    /// Makes an instance and checks that its functions are those of the world. Not counted as a call.
    async fn probe(&self) -> Result<(), LoadError> {
        let context = CallContext::of_host();
        macro_rules! shape {
            ($pre:ident, $world:path) => {{
                let pre = $pre.instance_pre();
                let body = async move |mut store: Store<CallState>| {
                    let shape = match pre.instantiate_async(&mut store).await {
                        Ok(instance) => Ok(<$world>::new(&mut store, &instance).map(drop)),
                        Err(error) => Err(error),
                    };
                    (store, shape)
                };
                self.run_limited(&context, Granted::default(), body).await
            }};
        }
        let shape = match &self.world {
            World::Clipboard(pre) => shape!(pre, bindings::dlp::ClipboardRule),
            World::File(pre) => shape!(pre, bindings::dlp_file::FileRule),
            World::Placement(pre) => shape!(pre, bindings::placement::Placement),
            World::Credential(pre) => shape!(pre, bindings::credential::Credential),
            World::Runtime(pre) => shape!(pre, bindings::runtime::Runtime),
        };
        shape.map_err(LoadError::Start)?.map_err(|error| LoadError::World {
            detail: bounded(&format!("{error:#}"), 1000),
        })
    }
}

fn check_world(shared: &Shared, kind: PluginKind, files: bool, component: &Component) -> wasmtime::Result<World> {
    let (_, linker) = shared
        .linkers
        .iter()
        .find(|(linked, _)| *linked == kind)
        .ok_or_else(|| wasmtime::Error::msg("no such kind"))?;
    let pre = linker.instantiate_pre(component)?;
    Ok(match kind {
        PluginKind::Dlp if files => World::File(bindings::dlp_file::FileRulePre::new(pre)?),
        PluginKind::Dlp => World::Clipboard(bindings::dlp::ClipboardRulePre::new(pre)?),
        PluginKind::Placement => World::Placement(bindings::placement::PlacementPre::new(pre)?),
        PluginKind::Credential => World::Credential(bindings::credential::CredentialPre::new(pre)?),
        PluginKind::Runtime => World::Runtime(Box::new(bindings::runtime::RuntimePre::new(pre)?)),
    })
}
