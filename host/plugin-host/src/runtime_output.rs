//! What a runtime plugin tells of a container from outside: what it uses, and what programs in it wrote.

use crate::bindings::runtime::exports::gatewright::runtime::{execution, inspection};
use crate::call::CallError;

/// What a container uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Processor time since it was started, in microseconds.
    pub cpu_micros: u64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// The most that it may use; 0 where the engine does not say.
    pub memory_limit_bytes: u64,
    /// Processes and threads.
    pub pids: u32,
    /// Bytes received and sent; none where it has no network.
    pub network: Option<(u64, u64)>,
}

/// Where a program wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Its output.
    Stdout,
    /// Its errors.
    Stderr,
}

/// A piece of what a program wrote. Any bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPiece {
    /// Where to.
    pub to: OutputStream,
    /// What.
    pub bytes: Vec<u8>,
}

/// How a program that ran in a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutcome {
    /// None where it was ended since it wrote too much.
    pub exit_code: Option<i32>,
    /// What it wrote as output.
    pub stdout: Vec<u8>,
    /// What it wrote as errors.
    pub stderr: Vec<u8>,
    /// Whether it wrote more than was kept.
    pub truncated: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for all conversions")]
pub(crate) fn usage(found: inspection::Usage) -> Result<Usage, CallError> {
    Ok(Usage {
        cpu_micros: found.cpu_micros,
        memory_bytes: found.memory_bytes,
        memory_limit_bytes: found.memory_limit_bytes,
        pids: found.pids,
        network: found.network.map(|traffic| (traffic.received_bytes, traffic.sent_bytes)),
    })
}

/// What a plugin gives beyond the bound that it was told is no answer.
pub(crate) fn output(pieces: Vec<inspection::OutputPiece>, bytes: u32) -> Result<Vec<OutputPiece>, CallError> {
    within(pieces.iter().map(|piece| piece.bytes.len()).sum(), bytes)?;
    let ours = pieces.into_iter().map(|piece| OutputPiece {
        to: match piece.to {
            inspection::OutputStream::Stdout => OutputStream::Stdout,
            inspection::OutputStream::Stderr => OutputStream::Stderr,
        },
        bytes: piece.bytes,
    });
    Ok(ours.collect())
}

/// See [`output`].
pub(crate) fn exec_outcome(outcome: execution::Outcome, bytes: u32) -> Result<ExecOutcome, CallError> {
    within(outcome.stdout.len() + outcome.stderr.len(), bytes)?;
    Ok(ExecOutcome {
        exit_code: outcome.exit_code,
        stdout: outcome.stdout,
        stderr: outcome.stderr,
        truncated: outcome.truncated,
    })
}

fn within(given: usize, bytes: u32) -> Result<(), CallError> {
    if given > bytes as usize {
        return Err(CallError::bad_answer("more output than was asked for"));
    }
    Ok(())
}
