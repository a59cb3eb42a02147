//! The enforcement point: session context, chain of rules, verdict, event.
//!
//! Whatever enters or leaves a session comes here first. The gate asks `policy` which rules stand on the way, asks
//! each rule's plugin, records what was said, and only then lets the caller release anything.
//!
//! **Invariant:** no durable record, no release. A rule that can't answer closes the gate.
#![forbid(unsafe_code)]

mod clipboard;
mod event_log;
mod files;
mod notice;
mod policy_watch;

pub use clipboard::{Decision, Gate, Subject, Verdict};
pub use event_log::{EventLog, NotRecorded};
pub use files::{FileItem, FileOutcome, FileSink, FileSource, SinkFailed, SourceEnded, Spool, SpoolError};
pub use notice::{Notice, NoticeKind};
pub use policy_watch::{LoadedPlugin, PolicyState, PolicyWatch};
