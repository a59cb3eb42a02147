//! Whether a session that runs keeps the image contract (`runtimes/images/README.md`), seen from outside of its container.
//!
//! What lies in the container is as hostile here as everywhere: it is read through descriptors, resolved within the
//! container's own root, and bounded.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use gatewright_core::SessionId;
use gatewright_plugin_host::ContainerState;
use gatewright_ports::agent_control::{ContractPart, Fence, Finding};
use gatewright_ports::{AgentError, StreamError};
use gatewright_rfb::{HandshakeError, Progress, TargetHandshake, VncPassword};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2, readlinkat, statat};
use rustix::io::Errno;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tracing::{info, warn};

use crate::agent::Inner;
use crate::guard::{SESSION_MOUNT, WORKSPACE_UID};
use crate::streams;

/// A desktop on the same host answers in milliseconds; some wait a moment after a wrong password.
const HANDSHAKE: Duration = Duration::from_secs(10);
const HANDSHAKE_BUFFER: usize = 4096;
/// How long a workspace has to end by itself. The contract says two seconds; a busy machine gets more.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// What a process that was killed exits with.
const KILLED: i32 = 128 + 9;
/// The largest `/etc/passwd` that is read.
const MAX_PASSWD: u64 = 64 << 10;
/// A password that is nobody's.
const WRONG_PASSWORD: &[u8] = b"\x01\x02\x03wrong";

impl Inner {
    /// See [`gatewright_ports::AgentControl::check`].
    pub(crate) async fn check(
        self: &Arc<Self>,
        session: SessionId,
        password: SecretString,
        fence: Fence,
    ) -> Result<Vec<Finding>, AgentError> {
        // Finds out whether it is there at all.
        self.container(session).await?;
        let finding = |part, problem| Finding { part, problem };
        let mut findings = vec![finding(ContractPart::Password, self.password_problem(session, &password).await?)];
        let (user, transfer) = self.home_problems(session).await?;
        findings.push(finding(ContractPart::User, user));
        findings.push(finding(ContractPart::Transfer, transfer));
        findings.push(finding(ContractPart::Stop, self.stop_problem(session, fence).await?));
        info!(%session, broken = findings.iter().filter(|one| one.problem.is_some()).count(), "Session was checked");
        Ok(findings)
    }

    async fn password_problem(&self, session: SessionId, password: &SecretString) -> Result<Option<String>, AgentError> {
        match self.knock(session, password.expose_secret().as_bytes()).await? {
            Ok(()) => {}
            Err(HandshakeError::Authentication(_)) => {
                return Ok(Some(format!("its desktop refuses the password of {SESSION_MOUNT}/password")));
            }
            Err(other) => return Ok(Some(other.to_string())),
        }
        match self.knock(session, WRONG_PASSWORD).await? {
            Err(HandshakeError::Authentication(_)) => {}
            Ok(()) => return Ok(Some("its desktop takes any password".into())),
            Err(other) => return Ok(Some(format!("a wrong password is not refused as such: {other}"))),
        }
        let folder = streams::session_folder(&self.folders, session).map_err(|error| of_stream(&error))?;
        Ok(match statat(&folder, c"password", AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => None,
            _ => Some(format!("it leaves {SESSION_MOUNT}/password where it was")),
        })
    }

    /// Shakes hands with the desktop as its client.
    async fn knock(&self, session: SessionId, password: &[u8]) -> Result<Result<(), HandshakeError>, AgentError> {
        let mut desktop = streams::connect(&self.folders, session, "vnc")
            .await
            .map_err(|error| of_stream(&error))?;
        let handshake = TargetHandshake::new(Some(VncPassword::new(password)), false, false);
        let answer = tokio::time::timeout(HANDSHAKE, shake_hands(&mut desktop, handshake)).await;
        Ok(answer.unwrap_or(Err(HandshakeError::Refused("it does not answer in time".into()))))
    }

    /// Whether the user has a home, and whether what is transferred is found in it.
    async fn home_problems(&self, session: SessionId) -> Result<(Option<String>, Option<String>), AgentError> {
        let desktop = streams::connect(&self.folders, session, "vnc")
            .await
            .map_err(|error| of_stream(&error))?;
        // `connect` has made sure that it is the workspace's user who listens.
        let listener = desktop.peer_cred().ok().and_then(|peer| peer.pid());
        let looked = tokio::task::spawn_blocking(move || look_inside(listener)).await;
        let problems = looked.map_err(|error| {
            warn!(%session, %error, "A look into a session was lost");
            AgentError::Node {
                why: "a look into the session was lost".into(),
            }
        })?;
        // Until then the process that was looked at has not been replaced by another one of the same number.
        drop(desktop);
        Ok(problems)
    }

    async fn stop_problem(self: &Arc<Self>, session: SessionId, fence: Fence) -> Result<Option<String>, AgentError> {
        self.stop(session, STOP_GRACE, fence).await?;
        let id = self.container(session).await?;
        let container = self.calls.inspect(session, &id).await?;
        Ok(match (container.state, container.exit_code) {
            (ContainerState::Exited, Some(0)) => None,
            (ContainerState::Exited, Some(KILLED)) => Some(format!(
                "it did not end within {} seconds of SIGTERM and was killed",
                STOP_GRACE.as_secs()
            )),
            (ContainerState::Exited, Some(code)) => Some(format!("it ended with status {code} when it was asked to end, not with 0")),
            (state, _) => Some(format!("it is {state:?} after it was stopped")),
        })
    }
}

async fn shake_hands(desktop: &mut UnixStream, mut handshake: TargetHandshake) -> Result<(), HandshakeError> {
    let gone = || HandshakeError::Refused("it closed the connection".into());
    let (mut input, mut out) = (BytesMut::with_capacity(HANDSHAKE_BUFFER), BytesMut::new());
    loop {
        let progress = handshake.advance(&mut input, &mut out)?;
        desktop.write_all_buf(&mut out).await.map_err(|_| gone())?;
        if matches!(progress, Progress::Done(_)) {
            return Ok(());
        }
        input.reserve(HANDSHAKE_BUFFER);
        match desktop.read_buf(&mut input).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return Err(gone()),
        }
    }
}

/// Reads the container's own `/etc/passwd` and the link in the user's home. Blocks.
fn look_inside(listener: Option<i32>) -> (Option<String>, Option<String>) {
    let root = listener.filter(|pid| *pid > 0).and_then(|pid| {
        open(
            format!("/proc/{pid}/root"),
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .ok()
    });
    let Some(root) = root else {
        let why = "this node's agent can't look into containers: it needs the engine's host and root's rights";
        return (Some(why.into()), Some(why.into()));
    };
    let passwd = match read_within(&root, "etc/passwd") {
        Ok(text) => text,
        Err(error) => {
            let why = format!("/etc/passwd can't be read: {error}");
            return (Some(why.clone()), Some(why));
        }
    };
    let Some(home) = home_of(&passwd, WORKSPACE_UID) else {
        let why = format!("/etc/passwd has no user {WORKSPACE_UID} with a home");
        return (Some(why.clone()), Some(why));
    };
    let transfer = format!("{home}/Transfer");
    let link = within(&root, &home, OFlags::PATH | OFlags::DIRECTORY).and_then(|folder| readlinkat(&folder, "Transfer", Vec::new()));
    let wanted = format!("{SESSION_MOUNT}/transfer");
    let problem = match link {
        Ok(target) if target.to_bytes() == wanted.as_bytes() => None,
        Ok(target) => Some(format!("{transfer} leads to {:?}, not to {wanted}", target.to_string_lossy())),
        Err(Errno::NOENT) => Some(format!("there is no {transfer}")),
        Err(Errno::INVAL) => Some(format!("{transfer} is no link to {wanted}")),
        Err(error) => Some(format!("{transfer} can't be read: {error}")),
    };
    (None, problem)
}

/// Opens a path as a process of the container would find it.
fn within(root: &OwnedFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    openat2(
        root,
        path,
        flags | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
    )
}

fn read_within(root: &OwnedFd, path: &str) -> std::io::Result<String> {
    // A pipe in its place must not keep us.
    let file = within(root, path, OFlags::RDONLY | OFlags::NONBLOCK)?;
    if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(std::io::Error::other("no plain file"));
    }
    let mut bytes = Vec::new();
    File::from(file).take(MAX_PASSWD).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The home of a user (passwd(5)).
fn home_of(passwd: &str, uid: u32) -> Option<String> {
    let wanted = uid.to_string();
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields.as_slice() {
            [name, _, id, _, _, home, _] if *id == wanted && !name.is_empty() && home.starts_with('/') && home.len() > 1 => {
                Some(home.trim_end_matches('/').to_owned())
            }
            _ => None,
        }
    })
}

fn of_stream(error: &StreamError) -> AgentError {
    match error {
        StreamError::NotFound => AgentError::NotFound,
        other => AgentError::Node { why: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_home_is_found_by_the_users_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nodd line\nuser:x:1000:1000::/home/user/:/bin/sh\nlater:x:1000:1000::/x:/bin/sh\n";
        assert_eq!(home_of(passwd, 1000).as_deref(), Some("/home/user"));
        assert_eq!(home_of(passwd, 0).as_deref(), Some("/root"));
        for none in [
            "",
            "user:x:1001:1::/home/user:/bin/sh",
            "user:x:1000:1000::/:/bin/sh",
            "user:x:1000:1000::home:/bin/sh",
        ] {
            assert_eq!(home_of(none, 1000), None, "{none:?}");
        }
    }

    #[test]
    fn what_lies_in_a_root_is_not_followed_out_of_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        let root = open(dir.path(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("etc/passwd")).unwrap();
        assert!(
            read_within(&root, "etc/passwd").is_err(),
            "a link leads within the root, where there is nothing"
        );
        std::fs::remove_file(dir.path().join("etc/passwd")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("etc/passwd"), Mode::RUSR | Mode::WUSR).unwrap();
        assert!(read_within(&root, "etc/passwd").is_err(), "a pipe is no file");
        std::fs::remove_file(dir.path().join("etc/passwd")).unwrap();
        std::fs::write(dir.path().join("etc/passwd"), "x").unwrap();
        assert_eq!(read_within(&root, "etc/passwd").unwrap(), "x");
    }
}
