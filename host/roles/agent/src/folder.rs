//! The session's folder: the only thing that a container shares with its host.
//!
//! The container's user may do anything inside of it, so every name in it is hostile. All work goes through file
//! descriptors: no path is walked twice, no link is followed, nothing outside of the session's folder is touched.
//! All functions block.

use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use gatewright_core::SessionId;
use rustix::fs::{Dir, Gid, Mode, OFlags, Uid, fchmod, fchown, mkdirat, open, openat};
use rustix::io::Errno;
use secrecy::{ExposeSecret as _, SecretString};

use crate::remove_tree::remove_tree;

/// Where the container finds its desktop's password. It removes the file once it has read it.
const PASSWORD: &CStr = c"password";
/// Where files come in and go out.
const TRANSFER: &CStr = c"transfer";
/// A folder that only its owner enters.
const PRIVATE: Mode = Mode::RWXU;
/// How a folder is opened that must not be a link.
pub(crate) const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Why a folder could not be made, found or removed.
#[derive(Debug, thiserror::Error)]
#[error("could not {what}")]
pub struct FolderError {
    what: String,
    #[source]
    source: io::Error,
}

impl FolderError {
    pub(crate) fn new(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self {
            what: what.into(),
            source: source.into(),
        }
    }
}

/// The folders of all sessions on this node.
#[derive(Debug)]
pub(crate) struct Folders {
    path: PathBuf,
    root: OwnedFd,
    owner: u32,
}

impl Folders {
    /// Opens `<data_dir>/sessions`, and makes it where it is missing. What is made in it belongs to `owner`.
    pub(crate) fn open(data_dir: &Path, owner: u32) -> Result<Self, FolderError> {
        let failed = |source| FolderError::new(format!("open {}", data_dir.display()), source);
        std::fs::create_dir_all(data_dir).map_err(failed)?;
        // The engine needs a path that is the same for everyone.
        let path = data_dir.canonicalize().map_err(failed)?.join("sessions");
        let failed = |errno: Errno| FolderError::new(format!("open {}", path.display()), errno);
        match rustix::fs::mkdir(&path, PRIVATE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed(errno)),
        }
        let root = open(&path, FOLDER, Mode::empty()).map_err(failed)?;
        // Sockets of sessions are reached through here: other users of the host stay out.
        fchmod(&root, PRIVATE).map_err(failed)?;
        Ok(Self { path, root, owner })
    }

    /// The path of a session's folder on the host.
    pub(crate) fn path(&self, session: SessionId) -> PathBuf {
        self.path.join(session.to_string())
    }

    /// Who owns sessions' folders and everything that is made in them.
    pub(crate) fn owner(&self) -> u32 {
        self.owner
    }

    /// Makes a new folder; what was there of this session is removed. Only for a session without a container.
    pub(crate) fn make(&self, session: SessionId, password: Option<&SecretString>) -> Result<(), FolderError> {
        self.remove(session)?;
        let failed = |errno: Errno| FolderError::new(format!("make the folder of session {session}"), errno);
        let name = session.to_string();
        mkdirat(&self.root, &name, PRIVATE).map_err(failed)?;
        let folder = openat(&self.root, &name, FOLDER, Mode::empty()).map_err(failed)?;
        mkdirat(&folder, TRANSFER, PRIVATE).map_err(failed)?;
        let transfer = openat(&folder, TRANSFER, FOLDER, Mode::empty()).map_err(failed)?;
        self.give(&transfer).map_err(failed)?;
        if let Some(password) = password {
            self.write_password(&folder, password)?;
        }
        // Last: from here on its owner may change what is in it.
        self.give(&folder).map_err(failed)
    }

    /// Writes a session's password anew. Only while its container has never run.
    pub(crate) fn renew_password(&self, session: SessionId, password: &SecretString) -> Result<(), FolderError> {
        let failed = |errno: Errno| FolderError::new(format!("open the folder of session {session}"), errno);
        let folder = self.open_session(session).map_err(failed)?;
        match rustix::fs::unlinkat(&folder, PASSWORD, rustix::fs::AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed(errno)),
        }
        self.write_password(&folder, password)
    }

    /// Removes a session's folder with everything in it. A folder that is not there is gone already.
    pub(crate) fn remove(&self, session: SessionId) -> Result<(), FolderError> {
        remove_tree(&self.root, &session.to_string())
            .map_err(|source| FolderError::new(format!("remove the folder of session {session}"), source))
    }

    /// The sessions that have a folder.
    pub(crate) fn list(&self) -> Result<Vec<SessionId>, FolderError> {
        let failed = |errno: Errno| FolderError::new(format!("list {}", self.path.display()), errno);
        let mut sessions = Vec::new();
        for entry in Dir::read_from(&self.root).map_err(failed)? {
            let name = entry.map_err(failed)?;
            let name = name.file_name().to_string_lossy();
            // Only the form that we write: a person's own folder in there is not ours to remove.
            sessions.extend(name.parse::<SessionId>().ok().filter(|id| id.to_string() == *name));
        }
        sessions.sort_unstable();
        Ok(sessions)
    }

    /// Opens a session's folder. The parent is ours alone, so this name is the one that is safe.
    pub(crate) fn open_session(&self, session: SessionId) -> Result<OwnedFd, Errno> {
        openat(&self.root, session.to_string(), FOLDER, Mode::empty())
    }

    fn write_password(&self, folder: &OwnedFd, password: &SecretString) -> Result<(), FolderError> {
        let failed = |source: io::Error| FolderError::new("write the desktop's password", source);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(folder, PASSWORD, flags, Mode::RUSR).map_err(|errno| failed(errno.into()))?;
        self.give(&file).map_err(|errno| failed(errno.into()))?;
        let mut file = std::fs::File::from(file);
        // In one piece and without a copy in a buffer.
        io::Write::write_all(&mut file, password.expose_secret().as_bytes()).map_err(failed)
    }

    /// Makes the workspace's user the owner.
    fn give(&self, file: &OwnedFd) -> Result<(), Errno> {
        if rustix::process::geteuid().as_raw() == self.owner {
            return Ok(());
        }
        fchown(file, Some(Uid::from_raw(self.owner)), Some(Gid::from_raw(self.owner)))
    }
}
