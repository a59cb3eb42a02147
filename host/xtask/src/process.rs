//! Child processes: every failure names the command, and signals reach them.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::interrupt;

/// A command that is run to its end.
#[derive(Debug)]
pub(crate) struct Run {
    command: Command,
}

impl Run {
    /// A command with no arguments yet. Its standard input is empty: nothing here may wait for a person.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        for (name, value) in std::env::vars_os() {
            match environment_for_children(&name.to_string_lossy(), &value.to_string_lossy()) {
                Kept::AsItIs => {}
                Kept::Changed(value) => drop(command.env(name, value)),
                Kept::Not => drop(command.env_remove(name)),
            }
        }
        Self { command }
    }

    /// The cargo that runs this.
    pub(crate) fn cargo() -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// A command that needs root: through sudo when this process is not root.
    ///
    /// # Errors
    /// Neither root nor sudo is at hand.
    pub(crate) fn as_root(program: &str) -> Result<Self> {
        if rustix::process::geteuid().is_root() {
            return Ok(Self::new(program));
        }
        if !on_path("sudo") {
            bail!("`{program}` has to run as root, and there is no sudo: run this as root once");
        }
        let mut run = Self::new("sudo");
        // sudo may ask for the password on the terminal.
        run.command.arg("--").arg(program).stdin(Stdio::inherit());
        Ok(run)
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable of the child.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes an environment variable of the child.
    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Sets the folder that the child starts in.
    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs it with its output on the terminal.
    ///
    /// # Errors
    /// It cannot start, fails, or a signal came.
    pub(crate) fn run(mut self) -> Result<()> {
        interrupt::check()?;
        let line = self.line();
        let mut child = self.command.spawn().with_context(|| format!("start `{line}`"))?;
        interrupt::set_child(Some(interrupt::Child {
            pid: child.id(),
            in_our_group: true,
        }));
        let status = child.wait();
        interrupt::set_child(None);
        let status = status.with_context(|| format!("wait for `{line}`"))?;
        interrupt::check()?;
        if !status.success() {
            bail!("`{line}` failed: {status}");
        }
        Ok(())
    }

    /// Runs a server: it is in a group of its own and gets each signal once, from here; how it ends is for the caller.
    ///
    /// # Errors
    /// It cannot start.
    pub(crate) fn serve(mut self) -> Result<ExitStatus> {
        interrupt::check()?;
        let line = self.line();
        let mut child = self.command.process_group(0).spawn().with_context(|| format!("start `{line}`"))?;
        interrupt::set_child(Some(interrupt::Child {
            pid: child.id(),
            in_our_group: false,
        }));
        let status = child.wait();
        interrupt::set_child(None);
        status.with_context(|| format!("wait for `{line}`"))
    }

    /// Runs it to the end even when a signal came: for what has to be undone.
    ///
    /// # Errors
    /// It cannot start or fails.
    pub(crate) fn clean_up(mut self) -> Result<()> {
        let line = self.line();
        // A group of its own: Ctrl-C at the terminal must not end it.
        let status = self.command.process_group(0).status().with_context(|| format!("start `{line}`"))?;
        if !status.success() {
            bail!("`{line}` failed: {status}");
        }
        Ok(())
    }

    /// Runs it and returns what it printed to standard output, trimmed at the end.
    ///
    /// # Errors
    /// It cannot start or fails; then with what it printed to standard error.
    pub(crate) fn read(self) -> Result<String> {
        let line = self.line();
        let output = self.output()?;
        if !output.status.success() {
            bail!(
                "`{line}` failed: {}\n{}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// Runs it, catching its output, whatever its status.
    ///
    /// # Errors
    /// It cannot start, or a signal came.
    pub(crate) fn output(mut self) -> Result<Output> {
        interrupt::check()?;
        let line = self.line();
        let output = self.command.output().with_context(|| format!("start `{line}`"))?;
        interrupt::check()?;
        Ok(output)
    }

    /// The command, for messages.
    fn line(&self) -> String {
        let mut line = self.command.get_program().to_string_lossy().into_owned();
        for arg in self.command.get_args() {
            line.push(' ');
            let arg = arg.to_string_lossy();
            if arg.len() > 120 {
                line.extend(arg.chars().take(100));
                line.push('…');
            } else {
                line.push_str(&arg);
            }
        }
        line
    }
}

/// What a child sees of an environment variable.
#[derive(Debug, PartialEq, Eq)]
enum Kept {
    AsItIs,
    Changed(String),
    Not,
}

/// `cargo run` tells its program about the xtask crate and where its libraries are. Passed on, that would make build
/// scripts run again, and programs load libraries that are not theirs.
fn environment_for_children(name: &str, value: &str) -> Kept {
    const CRATE: [&str; 5] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"];
    if CRATE.iter().any(|prefix| name.starts_with(prefix)) {
        return Kept::Not;
    }
    if name != "LD_LIBRARY_PATH" {
        return Kept::AsItIs;
    }
    let others: Vec<&str> = value
        .split(':')
        .filter(|dir| !(dir.is_empty() || dir.contains("/debug") || dir.contains("/toolchains/") || dir.contains("/rustlib/")))
        .collect();
    if others.is_empty() {
        Kept::Not
    } else {
        Kept::Changed(others.join(":"))
    }
}

/// Whether `program` is in a folder of `PATH`, or in one where an administrator's programs are.
pub(crate) fn on_path(program: &str) -> bool {
    find(program).is_some()
}

/// Where `program` is: in a folder of `PATH`, or in one where an administrator's programs are.
pub(crate) fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|dir| dir.join(program))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_cargo_says_of_this_crate_stays_here() {
        assert_eq!(environment_for_children("CARGO_PKG_NAME", "xtask"), Kept::Not);
        assert_eq!(environment_for_children("CARGO_HOME", "/c"), Kept::AsItIs);
        let path = "/r/target/debug/deps:/r/target/debug:/u/.rustup/toolchains/stable/lib";
        assert_eq!(environment_for_children("LD_LIBRARY_PATH", path), Kept::Not);
        assert_eq!(
            environment_for_children("LD_LIBRARY_PATH", &format!("{path}:/opt/lib")),
            Kept::Changed("/opt/lib".to_owned())
        );
    }

    #[test]
    fn a_failure_names_the_command_and_what_it_said() {
        let error = Run::new("sh")
            .args(["-c", "echo no luck >&2; exit 3"])
            .read()
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`sh -c echo no luck") && error.contains("exit status: 3") && error.ends_with("no luck"),
            "{error}"
        );
        assert_eq!(Run::new("sh").args(["-c", "echo out"]).read().unwrap(), "out");
        assert!(
            Run::new("no-such-program-here")
                .run()
                .unwrap_err()
                .to_string()
                .contains("no-such-program-here")
        );
    }
}
