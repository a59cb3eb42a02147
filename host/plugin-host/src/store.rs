//! What belongs to one call: its limits, its configuration, its lines in the log, its requests.

use std::sync::Arc;

use gatewright_core::plugin::PluginName;
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;

use crate::credential::OfferedSecret;
use crate::imports::http::HttpAccess;
use crate::imports::log::LogBudget;
use crate::imports::progress::ProgressSink;
use crate::limits;
use crate::meter::Meter;

/// The state of one call.
pub(crate) struct CallState {
    pub(crate) plugin: PluginName,
    pub(crate) version: Arc<str>,
    pub(crate) config: Arc<str>,
    pub(crate) memory: MemoryLimit,
    pub(crate) log: LogBudget,
    pub(crate) secrets: Vec<OfferedSecret>,
    pub(crate) http: Option<HttpAccess>,
    /// Who listens to how far a pull is.
    pub(crate) progress: Option<ProgressSink>,
    pub(crate) table: ResourceTable,
    pub(crate) meter: Arc<Meter>,
}

/// Bounds what a guest's instance may allocate. What is over traps, so that "out of memory" and a panic differ.
pub(crate) struct MemoryLimit {
    bytes: usize,
    used: usize,
}

/// The trap of a guest that wanted more memory than its limit.
#[derive(Debug, thiserror::Error)]
#[error("memory limit reached")]
pub(crate) struct MemoryLimitReached;

/// The trap of a guest that wanted more tables than it may have.
#[derive(Debug, thiserror::Error)]
#[error("table limit of {} elements reached", limits::MAX_TABLE_ELEMENTS)]
pub(crate) struct TableLimitReached;

/// The trap of a guest whose own time is spent.
#[derive(Debug, thiserror::Error)]
#[error("guest time is spent")]
pub(crate) struct GuestTimeSpent;

impl MemoryLimit {
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            used: 0,
        }
    }
}

impl ResourceLimiter for MemoryLimit {
    /// INVARIANT: the limit is on all memories of the instance together.
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.used.saturating_add(desired.saturating_sub(current));
        if wanted > self.bytes {
            return Err(wasmtime::Error::new(MemoryLimitReached));
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.used = wanted;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > limits::MAX_TABLE_ELEMENTS {
            return Err(wasmtime::Error::new(TableLimitReached));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        limits::MAX_CORE_INSTANCES
    }

    fn tables(&self) -> usize {
        limits::MAX_MEMORIES
    }

    fn memories(&self) -> usize {
        limits::MAX_MEMORIES
    }
}
