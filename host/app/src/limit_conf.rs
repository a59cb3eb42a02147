//! `agent.accept_unenforced`: what of a session's limits an operator can do without.

use gatewright_agent::Limit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of `agent.accept_unenforced`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LimitFile {
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
    /// Processes.
    Pids,
}

impl From<LimitFile> for Limit {
    fn from(limit: LimitFile) -> Self {
        match limit {
            LimitFile::Cpu => Self::Cpu,
            LimitFile::Memory => Self::Memory,
            LimitFile::Pids => Self::Pids,
        }
    }
}
