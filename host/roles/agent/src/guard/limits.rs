//! The limits that an engine may be unable to enforce.

/// A limit of a session that an engine needs a controller of the kernel for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
    /// Processes.
    Pids,
}

impl Limit {
    /// As operators and administrators read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "processor time",
            Self::Memory => "memory",
            Self::Pids => "processes",
        }
    }
}
