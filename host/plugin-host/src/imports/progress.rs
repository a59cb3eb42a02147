//! `progress`: how far a pull is, for whoever asked for it.

use std::sync::Arc;

use crate::bindings::runtime::gatewright::runtime::progress::Host;
use crate::limits::MAX_PROGRESS_STEP_BYTES;
use crate::store::CallState;
use crate::text::bounded;

/// Is told how far a pull is: the engine's words, bytes done, bytes in all.
pub type ProgressSink = Arc<dyn Fn(String, u64, u64) + Send + Sync>;

impl Host for CallState {
    fn report(&mut self, step: String, done_bytes: u64, total_bytes: u64) -> wasmtime::Result<()> {
        if let Some(sink) = &self.progress {
            sink(bounded(&step, MAX_PROGRESS_STEP_BYTES), done_bytes.min(total_bytes), total_bytes);
        }
        Ok(())
    }
}
