//! What only root may do.

use std::process::Command;

/// A command as root: as it is for root, through sudo, which must not ask, for others.
#[must_use]
pub fn root_command(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}
