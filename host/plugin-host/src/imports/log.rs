//! `log`: lines of a guest for administrators, bounded in number and length.

use crate::bindings::shared::gatewright::types::log::{Host, Level};
use crate::limits::{MAX_LOG_LINE_BYTES, MAX_LOG_LINES};
use crate::store::CallState;
use crate::text::bounded;

/// What a call logged so far.
#[derive(Debug, Default)]
pub(crate) struct LogBudget {
    lines: u32,
    /// Lines over the limit.
    pub(crate) dropped: u64,
    /// The last line at level error: a panicking guest says why in it, just before it traps.
    pub(crate) last_error: Option<String>,
}

impl Host for CallState {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let line = bounded(&message, MAX_LOG_LINE_BYTES);
        if level == Level::Error {
            self.log.last_error = Some(line.clone());
        }
        if self.log.lines >= MAX_LOG_LINES {
            self.log.dropped += 1;
            return Ok(());
        }
        self.log.lines += 1;
        let (plugin, version) = (&self.plugin, &self.version);
        match level {
            Level::Debug => tracing::debug!(target: "gatewright::plugin", %plugin, %version, "{line}"),
            Level::Info => tracing::info!(target: "gatewright::plugin", %plugin, %version, "{line}"),
            Level::Warn => tracing::warn!(target: "gatewright::plugin", %plugin, %version, "{line}"),
            Level::Error => tracing::error!(target: "gatewright::plugin", %plugin, %version, "{line}"),
        }
        Ok(())
    }
}
