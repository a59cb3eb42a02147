//! What a plugin may use: what its manifest asks for, within what the host allows its kind.

use std::time::Duration;

use gatewright_core::plugin::PluginKind;

/// Bytes that may pass from the guest to the host in one crossing (a call's answer, or the arguments of an import).
/// Covers the largest clipboard text that a gate decides, with room for its frame.
pub(crate) const MAX_OUTPUT_BYTES: usize = 4 << 20;
/// Elements of a guest's table of functions. Python needs some ten thousand.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 50_000;
/// Core instances in one component. Python needs more than twenty.
pub(crate) const MAX_CORE_INSTANCES: usize = 64;
/// Memories, and likewise tables, in one component.
pub(crate) const MAX_MEMORIES: usize = 16;
/// The native stack that a guest may use. Above it, a call traps.
pub(crate) const MAX_STACK_BYTES: usize = 512 << 10;
/// Lines a guest may log in one call. The rest is dropped and counted.
pub(crate) const MAX_LOG_LINES: u32 = 100;
/// Bytes of a line in the log.
pub(crate) const MAX_LOG_LINE_BYTES: usize = 1024;
/// Bytes of a text in an error that a guest gave.
pub(crate) const MAX_ERROR_TEXT_BYTES: usize = 512;
/// Body of an HTTP request that a guest sends.
pub(crate) const MAX_HTTP_REQUEST_BYTES: usize = 1 << 20;
/// All that a call may read from HTTP bodies.
pub(crate) const MAX_HTTP_RESPONSE_BYTES: usize = 8 << 20;
/// HTTP requests in one call.
pub(crate) const MAX_HTTP_REQUESTS: u32 = 256;
/// The longest that a pull may take.
pub(crate) const PULL_DEADLINE: Duration = Duration::from_secs(3600);
/// Processor time that a pull gets beside its limit: it reads some lines a second for as long as it goes on.
pub(crate) const PULL_GUEST_TIME: Duration = Duration::from_secs(60);
/// All that a pull may read of what the engine says meanwhile.
pub(crate) const MAX_PULL_RESPONSE_BYTES: usize = 256 << 20;
/// Bytes of what a pull says that it does.
pub(crate) const MAX_PROGRESS_STEP_BYTES: usize = 128;
/// Pulls at once.
const PULL_INSTANCES: usize = 4;
/// The memory that no manifest can exceed, and what a slot of the pool can hold.
pub(crate) const MAX_MEMORY_BYTES: u64 = 256 << 20;

/// The limits of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time for the call as a whole, waiting included.
    pub deadline: Duration,
    /// The guest's own processor time.
    pub guest_time: Duration,
    /// Linear memory, in bytes.
    pub memory_bytes: u64,
}

/// What a kind gets by default and at most.
pub(crate) struct KindLimits {
    pub(crate) default: Limits,
    pub(crate) max_deadline: Duration,
    /// Instances at once, all sessions together.
    pub(crate) instances: usize,
}

const MIB: u64 = 1 << 20;

/// What a rule gets of a file at once.
pub(crate) const FILE_CHUNK_BYTES: usize = 64 << 10;
/// Processor time that a rule gets for each MiB of a file that it reads, beside its limit.
pub(crate) const FILE_GUEST_TIME_PER_MIB: Duration = Duration::from_millis(40);
/// How long a file waits for an instance.
pub(crate) const FILE_INSTANCE_WAIT: Duration = Duration::from_secs(20);
/// Rules that read files at once, all sessions together. A file may take as long as its sender: these are none of the
/// instances that decide about the clipboard.
const FILE_INSTANCES: usize = 24;

/// Who shares instances with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Budget {
    /// The calls of a kind, but for files.
    Kind(PluginKind),
    /// Rules that read files.
    Files,
    /// Runtime plugins that bring images: they may take long, and keep nobody from starting sessions.
    Pulls,
}

/// All budgets.
pub(crate) const BUDGETS: [Budget; 6] = [
    Budget::Kind(PluginKind::Placement),
    Budget::Kind(PluginKind::Dlp),
    Budget::Kind(PluginKind::Credential),
    Budget::Kind(PluginKind::Runtime),
    Budget::Files,
    Budget::Pulls,
];

/// Instances at once of a budget, all sessions together.
pub(crate) const fn instances(budget: Budget) -> usize {
    match budget {
        Budget::Kind(kind) => of(kind).instances,
        Budget::Files => FILE_INSTANCES,
        Budget::Pulls => PULL_INSTANCES,
    }
}

/// The table of limits.
///
/// INVARIANT: the sum of `instances` and of those for files is what the pool holds, so a kind whose calls stall can't take
/// another's slots.
pub(crate) const fn of(kind: PluginKind) -> KindLimits {
    let (deadline_ms, max_deadline_ms, guest_ms, memory_mib, instances) = match kind {
        PluginKind::Placement => (1_000, 5_000, 500, 32, 8),
        PluginKind::Dlp => (1_000, 5_000, 250, 32, 24),
        PluginKind::Credential => (2_000, 30_000, 250, 32, 8),
        PluginKind::Runtime => (30_000, 300_000, 1_000, 64, 16),
    };
    KindLimits {
        default: Limits {
            deadline: Duration::from_millis(deadline_ms),
            guest_time: Duration::from_millis(guest_ms),
            memory_bytes: memory_mib * MIB,
        },
        max_deadline: Duration::from_millis(max_deadline_ms),
        instances,
    }
}

/// All kinds.
pub(crate) const KINDS: [PluginKind; 4] = [PluginKind::Placement, PluginKind::Dlp, PluginKind::Credential, PluginKind::Runtime];

/// Instances of all kinds together.
pub(crate) const fn total_instances() -> usize {
    let mut total = 0;
    let mut index = 0;
    while index < BUDGETS.len() {
        #[expect(clippy::indexing_slicing, reason = "checked by the loop, and at compile time")]
        let budget = BUDGETS[index];
        total += instances(budget);
        index += 1;
    }
    total
}

/// Instances of one budget that one session may have at once.
pub(crate) const INSTANCES_PER_SESSION: usize = 4;
