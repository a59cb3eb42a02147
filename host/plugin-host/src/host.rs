//! The plugin host of a process.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use gatewright_core::plugin::{Digest, PluginKind};
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{Cache, Engine};

use crate::engine::{Ticker, open_cache, running_engine};
use crate::grants::Approved;
use crate::imports;
use crate::limits;
use crate::permits::Permits;
use crate::plugin::Plugin;
use crate::store::CallState;

/// How a process runs plugins.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// The program, with its arguments, that calls [`crate::compile_child_main`]: mostly the process's own.
    pub compiler: Vec<OsString>,
    /// The folder for compiled code. Made where it is missing, for its owner only; what is in it is run as native code.
    pub cache_dir: PathBuf,
}

/// Why plugins can't be run at all.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The cache's folder can't be made or read.
    #[error("folder for compiled plugins {} can't be used", path.display())]
    CacheDir {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others could put code into it.
    #[error("folder for compiled plugins {} must belong to this user and be writable by nobody else", path.display())]
    CacheDirShared {
        /// The folder.
        path: PathBuf,
    },
    /// wasmtime does not work here.
    #[error("WebAssembly engine can't be started: {detail}")]
    Engine {
        /// What it says.
        detail: String,
    },
    /// No thread for the clock.
    #[error("clock thread can't be started")]
    Thread(#[source] std::io::Error),
}

/// A reading of the host's own counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostCounts {
    /// Compiled components that were found in the cache by this process.
    pub cache_hits: usize,
    /// Components that this process had to compile itself, since the cache had lost them.
    pub cache_misses: usize,
}

/// Runs plugins. One per process; it holds the engine, its clock and the pool of instances.
pub struct PluginHost {
    pub(crate) config: HostConfig,
    pub(crate) cache: Cache,
    pub(crate) shared: Arc<Shared>,
    /// One compiler at a time.
    pub(crate) compiling: Semaphore,
    /// What is loaded already, so that two users of a version share its code.
    pub(crate) loaded: Mutex<HashMap<(Digest, Approved), Weak<Plugin>>>,
}

/// What plugins keep of their host: it lives as long as they do.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) linkers: Vec<(PluginKind, Linker<CallState>)>,
    pub(crate) permits: Arc<Permits>,
    pub(crate) ticker: Ticker,
}

impl PluginHost {
    /// Makes the engine and starts its clock.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn new(config: HostConfig) -> Result<Self, HostError> {
        private_dir(&config.cache_dir)?;
        let engine_error = |error: wasmtime::Error| HostError::Engine {
            detail: format!("{error:#}"),
        };
        let cache = open_cache(&config.cache_dir).map_err(engine_error)?;
        let engine = running_engine(&cache).map_err(engine_error)?;
        let linkers = limits::KINDS
            .into_iter()
            .map(|kind| Ok((kind, imports::linker(&engine, kind)?)))
            .collect::<Result<_, _>>()
            .map_err(engine_error)?;
        let ticker = Ticker::start(&engine).map_err(HostError::Thread)?;
        Ok(Self {
            config,
            cache,
            shared: Arc::new(Shared {
                engine,
                linkers,
                permits: Arc::new(Permits::new()),
                ticker,
            }),
            compiling: Semaphore::new(1),
            loaded: Mutex::default(),
        })
    }

    /// The host's own counters.
    #[must_use]
    pub fn counts(&self) -> HostCounts {
        HostCounts {
            cache_hits: self.cache.cache_hits(),
            cache_misses: self.cache.cache_misses(),
        }
    }

    pub(crate) fn loaded(&self) -> std::sync::MutexGuard<'_, HashMap<(Digest, Approved), Weak<Plugin>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginHost").field("config", &self.config).finish_non_exhaustive()
    }
}

fn private_dir(path: &Path) -> Result<(), HostError> {
    let failed = |source| HostError::CacheDir {
        path: path.to_owned(),
        source,
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed)?;
    let metadata = std::fs::metadata(path).map_err(failed)?;
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if ours && metadata.mode() & 0o022 == 0 {
        Ok(())
    } else {
        Err(HostError::CacheDirShared { path: path.to_owned() })
    }
}
