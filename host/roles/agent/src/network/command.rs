//! The programs that set networks up: `ip`, `nft`, `nsenter`, `iptables`.

use std::ffi::OsStr;
use std::process::{Output, Stdio};
use std::time::Duration;

/// They talk to the kernel only.
const LIMIT: Duration = Duration::from_secs(10);

/// A program that failed, in one line for the operator.
#[derive(Debug, thiserror::Error)]
#[error("could not {what}: {why}")]
pub(crate) struct CommandError {
    what: String,
    why: String,
}

impl CommandError {
    pub(crate) fn new(what: impl Into<String>, why: impl ToString) -> Self {
        Self {
            what: what.into(),
            why: why.to_string(),
        }
    }
}

/// Runs a program to its end. What it printed.
pub(super) async fn run(program: &str, arguments: &[&str]) -> Result<String, CommandError> {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let what = || told(program, arguments);
    let output = tokio::time::timeout(LIMIT, command.output())
        .await
        .map_err(|_| CommandError::new(what(), "it takes too long"))?;
    judged(what, output)
}

/// The same for whoever may block.
pub(super) fn run_blocking<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Result<String, CommandError> {
    let output = std::process::Command::new(program).args(arguments).stdin(Stdio::null()).output();
    judged(|| program.to_owned(), output)
}

fn told(program: &str, arguments: &[&str]) -> String {
    format!("{program} {}", arguments.join(" "))
}

fn judged(what: impl Fn() -> String, output: std::io::Result<Output>) -> Result<String, CommandError> {
    match output {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => Err(CommandError::new(what(), String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(CommandError::new(what(), error)),
    }
}
