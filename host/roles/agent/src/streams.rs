//! Streams into a session: from a name in a hostile folder to a connected socket.

use std::os::fd::{AsRawFd as _, OwnedFd};

use gatewright_core::SessionId;
use gatewright_ports::StreamError;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::io::Errno;
use tokio::net::UnixStream;

use crate::folder::Folders;

/// The services that a workspace has, and the names of their sockets.
const SERVICES: [(&str, &str); 1] = [("vnc", "vnc.sock")];

/// The service that the agent serves itself: the session's transfer folder.
pub(crate) const FILES: &str = "files";

/// Connects to a service of a session.
///
/// The container may put anything at the socket's place, at any time. `openat2` resolves the name without following a
/// link or leaving the folder, and pins what is there with an `O_PATH` descriptor; type and owner are read from that
/// descriptor; `/proc/self/fd` then connects to that very object. So there is no moment between check and use in
/// which the container could swap one for the other, and no path that is too long for a socket's address.
pub(crate) async fn connect(folders: &Folders, session: SessionId, service: &str) -> Result<UnixStream, StreamError> {
    // A few system calls on a local file system: not worth another thread.
    let socket = pin(folders, session, service)?;
    connect_pinned(folders, socket).await
}

/// Connects to the very object that is pinned, whatever has its name by now.
pub(crate) async fn connect_pinned(folders: &Folders, socket: OwnedFd) -> Result<UnixStream, StreamError> {
    let address = format!("/proc/self/fd/{}", socket.as_raw_fd());
    let stream = UnixStream::connect(address).await.map_err(|_| StreamError::Refused)?;
    drop(socket);
    // Who listens must be the workspace's user as well. A socket handed in from elsewhere is not.
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == folders.owner() => Ok(stream),
        _ => Err(StreamError::Tampered),
    }
}

/// Opens the session's folder.
pub(crate) fn session_folder(folders: &Folders, session: SessionId) -> Result<OwnedFd, StreamError> {
    folders.open_session(session).map_err(|errno| match errno {
        Errno::NOENT => StreamError::NotFound,
        Errno::LOOP | Errno::NOTDIR => StreamError::Tampered,
        _ => StreamError::Unavailable,
    })
}

/// Pins the session's own socket for a service, or says what else is in its place.
pub(crate) fn pin(folders: &Folders, session: SessionId, service: &str) -> Result<OwnedFd, StreamError> {
    let Some((_, name)) = SERVICES.iter().find(|(known, _)| *known == service) else {
        return Err(StreamError::NoSuchService {
            service: service.chars().take(32).collect(),
        });
    };
    let folder = session_folder(folders, session)?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    let socket = openat2(&folder, *name, flags, Mode::empty(), resolve).map_err(|errno| match errno {
        // The desktop has not come so far, or has ended.
        Errno::NOENT => StreamError::Refused,
        Errno::LOOP | Errno::XDEV | Errno::NOTDIR => StreamError::Tampered,
        _ => StreamError::Unavailable,
    })?;
    let stat = fstat(&socket).map_err(|_| StreamError::Unavailable)?;
    let own = FileType::from_raw_mode(stat.st_mode) == FileType::Socket
        && stat.st_uid == folders.owner()
        // A second name could lie outside of the folder.
        && stat.st_nlink == 1;
    if own { Ok(socket) } else { Err(StreamError::Tampered) }
}
