//! Ending a process that the engine runs for us. Engines have no call for that.

use std::io;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, getpgid, kill_process_group, pidfd_open, pidfd_send_signal};

/// Kills a process of a container, and its group. One that is gone is no error; one of another container is left alone.
///
/// # Errors
/// It is not ours, or we may not.
pub(crate) fn end(pid: u32, container: &str) -> io::Result<()> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::other("the engine gave no number of a process"))?;
    // From here on the number may be given to another process, but this is the one that was looked at.
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(Errno::SRCH) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    };
    match std::fs::read_to_string(format!("/proc/{}/cgroup", pid.as_raw_nonzero())) {
        // Engines name a container's control group after it.
        Ok(groups) if groups.contains(container) => {}
        // An ordinary user's engine may have no control groups to give. Its monitor of the program is then its parent, and
        // names the container; and the kernel lets an ordinary user end nobody else's processes.
        Ok(_) if !rustix::process::geteuid().is_root() && is_monitored(pid, container) => {}
        Ok(_) => {
            return Err(io::Error::other(
                "the engine's process is in none of the container's control groups",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    if getpgid(Some(pid)) == Ok(pid) {
        gone_is_fine(kill_process_group(pid, Signal::KILL))?;
    }
    gone_is_fine(pidfd_send_signal(process, Signal::KILL))
}

/// Whether the parent of a process was started for a container.
fn is_monitored(pid: Pid, container: &str) -> bool {
    let read = |pid: &str, file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let status = read(&pid.as_raw_nonzero().to_string(), "status");
    let status = String::from_utf8_lossy(&status);
    let Some(parent) = status.lines().find_map(|line| line.strip_prefix("PPid:")) else {
        return false;
    };
    let arguments = read(parent.trim(), "cmdline");
    arguments.split(|byte| *byte == 0).any(|argument| argument == container.as_bytes())
}

fn gone_is_fine(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_process_of_no_container_is_left_alone() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(end(child.id(), &"a".repeat(64)).is_err());
        assert!(child.try_wait().unwrap().is_none(), "it was ended");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(end(0, "").is_err());
    }

    #[test]
    fn a_monitor_is_known_by_its_containers_id() {
        let container = "a".repeat(64);
        let script = "sleep 1000 & echo $!; wait";
        let mut monitor = std::process::Command::new("sh")
            .args(["-c", script, "-c", &container])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(monitor.stdout.take().unwrap()), &mut said).unwrap();
        let program = Pid::from_raw(said.trim().parse().unwrap()).unwrap();
        assert!(is_monitored(program, &container));
        assert!(!is_monitored(program, &"b".repeat(64)));
        assert!(!is_monitored(program, &"a".repeat(63)));
        rustix::process::kill_process(program, Signal::KILL).unwrap();
        monitor.wait().unwrap();
    }
}
