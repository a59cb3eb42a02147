//! Child processes: every failure names the command, and signals reach them.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

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
        Self { command }
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

    /// Gives access to everything else that a command can have.
    pub(crate) fn configure(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
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

    /// Runs it to the end even when a signal came: for what has to be undone.
    ///
    /// # Errors
    /// It cannot start or fails.
    pub(crate) fn clean_up(mut self) -> Result<()> {
        use std::os::unix::process::CommandExt as _;
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
