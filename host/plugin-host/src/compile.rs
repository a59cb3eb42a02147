//! Compiling in a child process, so that a plugin made to exhaust the compiler exhausts only that.

use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::compile_child::{COMPILE_CACHE_ENV, EXIT_BROKEN, EXIT_REFUSED, MAX_CPU_SECS};
use crate::text::bounded;

const TIMEOUT: Duration = Duration::from_secs(60);
const MAX_REPORT_BYTES: u64 = 4096;

/// Why a plugin was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The component is not valid.
    #[error("component is not valid: {detail}")]
    Invalid {
        /// What the compiler says.
        detail: String,
    },
    /// It took more than its share of processor time.
    #[error("compiling took more than {MAX_CPU_SECS} s of processor time")]
    CpuTime,
    /// It took longer than a minute.
    #[error("compiling took longer than {} s", TIMEOUT.as_secs())]
    Timeout,
    /// The compiler died: out of memory, mostly.
    #[error("compiler process died ({how}); the component may need more memory than compiling may take")]
    Died {
        /// The signal or exit code.
        how: String,
    },
    /// The compiler could not be used at all.
    #[error("compiler process can't work: {detail}")]
    Unusable {
        /// What is wrong here.
        detail: String,
    },
}

/// Has `component` compiled into the cache by the program `compiler`.
pub(crate) async fn compile_into_cache(compiler: &[OsString], cache: &Path, component: &[u8]) -> Result<(), CompileError> {
    tokio::time::timeout(TIMEOUT, run(compiler, cache, component))
        .await
        .map_err(|_| CompileError::Timeout)?
}

async fn run(compiler: &[OsString], cache: &Path, component: &[u8]) -> Result<(), CompileError> {
    let unusable = |error: std::io::Error| CompileError::Unusable { detail: error.to_string() };
    let (program, arguments) = compiler
        .split_first()
        .ok_or_else(|| unusable(std::io::Error::other("no compiler is configured")))?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env(COMPILE_CACHE_ENV, cache)
        // Threads and arenas reserve address space, which is limited.
        .env("RAYON_NUM_THREADS", "2")
        .env("MALLOC_ARENA_MAX", "2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(unusable)?;
    let mut stdin = child.stdin.take();
    let stdout = child.stdout.take();
    let feed = async {
        if let Some(stdin) = &mut stdin {
            // A child that died while reading says why by its exit status.
            drop(stdin.write_all(component).await);
        }
        drop(stdin.take());
    };
    let listen = async {
        let mut report = Vec::new();
        if let Some(stdout) = stdout {
            drop(stdout.take(MAX_REPORT_BYTES).read_to_end(&mut report).await);
        }
        report
    };
    let ((), report, status) = tokio::join!(feed, listen, child.wait());
    let report = bounded(&String::from_utf8_lossy(&report), 2000);
    judge(status.map_err(unusable)?, report)
}

fn judge(status: ExitStatus, report: String) -> Result<(), CompileError> {
    use std::os::unix::process::ExitStatusExt;
    if status.success() {
        return Ok(());
    }
    if status.code() == Some(EXIT_REFUSED.into()) {
        return Err(CompileError::Invalid { detail: report });
    }
    if status.code() == Some(EXIT_BROKEN.into()) {
        return Err(CompileError::Unusable { detail: report });
    }
    if status.signal() == Some(Signal::XCPU.as_raw()) {
        return Err(CompileError::CpuTime);
    }
    Err(CompileError::Died { how: status.to_string() })
}
