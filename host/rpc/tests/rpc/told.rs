//! What the agent of the tests tells of every session.

use gatewright_ports::agent_control::{ExecOutcome, ExecProgram, OutputPiece, OutputStream, SessionStats};
use gatewright_ports::control::Der;

/// What every session uses there.
pub(crate) fn stats() -> SessionStats {
    SessionStats {
        cpu_micros: 1 << 40,
        memory_bytes: 5 << 30,
        memory_limit_bytes: 0,
        pids: 3,
        received_bytes: None,
        sent_bytes: Some(7),
    }
}

/// What is run there.
pub(crate) fn program() -> ExecProgram {
    ExecProgram {
        argv: vec!["a b".into(), "\u{1f600}".into()],
        max_bytes: 1000,
        time_secs: 9,
    }
}

/// How it ends there: no text either.
pub(crate) fn outcome() -> ExecOutcome {
    ExecOutcome {
        exit_code: Some(-1),
        stdout: Der(vec![255, 0]),
        stderr: Der(Vec::new()),
        truncated: true,
        timed_out: false,
    }
}

/// What every session wrote there: no text.
pub(crate) fn logs() -> Vec<OutputPiece> {
    let piece = |to, bytes: &[u8]| OutputPiece {
        to,
        bytes: Der(bytes.to_vec()),
    };
    vec![piece(OutputStream::Stderr, &[0, 255, 10]), piece(OutputStream::Stdout, b"x")]
}
