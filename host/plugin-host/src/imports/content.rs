//! `content`: the bytes of a file, pulled by the rule that decides about it.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Resource;

use crate::bindings::dlp_file::gatewright::dlp::content as wit;
use crate::file::FileContent;
use crate::limits::{FILE_CHUNK_BYTES, FILE_GUEST_TIME_PER_MIB};
use crate::meter::Unmetered;
use crate::store::CallState;

/// A file that a rule reads.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Source {
    content: Box<dyn FileContent>,
    /// Said once that it ended early, a source gives nothing more.
    ended: bool,
}

impl Source {
    pub(crate) fn new(content: Box<dyn FileContent>) -> Self {
        Self { content, ended: false }
    }
}

impl wit::Host for CallState {}

impl wit::HostSource for CallState {
    async fn read(&mut self, source: Resource<Source>, max: u32) -> wasmtime::Result<Result<Vec<u8>, wit::Error>> {
        let max = usize::try_from(max).unwrap_or(FILE_CHUNK_BYTES).min(FILE_CHUNK_BYTES);
        let meter = Arc::clone(&self.meter);
        let source = self.table.get_mut(&source)?;
        if source.ended {
            return Ok(Err(wit::Error::Ended));
        }
        if max == 0 {
            return Ok(Ok(Vec::new()));
        }
        match Unmetered::new(Arc::clone(&meter), source.content.read(max)).await {
            Ok(bytes) => {
                meter.allow(allowance(bytes.len()));
                Ok(Ok(bytes.into()))
            }
            Err(_) => {
                source.ended = true;
                Ok(Err(wit::Error::Ended))
            }
        }
    }

    async fn drop(&mut self, source: Resource<Source>) -> wasmtime::Result<()> {
        self.table.delete(source)?;
        Ok(())
    }
}

/// The processor time that a guest gets for so many bytes.
fn allowance(bytes: usize) -> Duration {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    FILE_GUEST_TIME_PER_MIB.saturating_mul(bytes) / (1 << 20)
}
