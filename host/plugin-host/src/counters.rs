//! What became of a plugin's calls.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::call::CallError;

/// Counters of one loaded version.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    answered: AtomicU64,
    trapped: AtomicU64,
    out_of_time: AtomicU64,
    failed: AtomicU64,
    micros: AtomicU64,
}

/// A reading of the counters of one loaded version, since it was loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that it answered.
    pub answered: u64,
    /// Calls that trapped, memory and output limits included.
    pub trapped: u64,
    /// Calls whose time was up, its own or the wall clock's.
    pub out_of_time: u64,
    /// Calls that failed in another way.
    pub failed: u64,
    /// Microseconds of all calls, waiting included.
    pub micros: u64,
}

impl Counters {
    pub(crate) fn add(&self, error: Option<&CallError>, micros: u64) {
        let counter = match error {
            None => &self.answered,
            Some(CallError::Trap { .. } | CallError::OutOfMemory { .. } | CallError::TooMuchOutput) => &self.trapped,
            Some(CallError::Timeout { .. } | CallError::OutOfTime { .. }) => &self.out_of_time,
            Some(_) => &self.failed,
        };
        counter.fetch_add(1, Relaxed);
        self.micros.fetch_add(micros, Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        Counts {
            answered: self.answered.load(Relaxed),
            trapped: self.trapped.load(Relaxed),
            out_of_time: self.out_of_time.load(Relaxed),
            failed: self.failed.load(Relaxed),
            micros: self.micros.load(Relaxed),
        }
    }
}
