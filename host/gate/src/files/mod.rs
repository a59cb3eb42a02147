//! Files at the gate: what is kept back until the rules have spoken, and what is released.

mod decision;
mod kept;
mod pieces;
mod record;
mod spool;

pub use decision::{FileItem, FileOutcome};
pub use pieces::{FileSink, FileSource, SinkFailed, SourceEnded};
pub use spool::{Spool, SpoolError};
