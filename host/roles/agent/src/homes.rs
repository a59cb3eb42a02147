//! Homes that outlive their sessions: folders that are mounted into one container after the other.
//!
//! What is in a home is its person's and hostile, as what is in a session's folder: it is mounted and removed, and never
//! looked into. Only [`Inner::remove_home`] removes one.

use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatewright_core::HomeId;
use gatewright_ports::AgentError;
use gatewright_ports::agent_control::KeptHome;
use rustix::fs::{AtFlags, Gid, Mode, Uid, chownat, fchmod, fchown, fsync, mkdirat, open, openat, renameat, symlinkat, unlinkat};
use rustix::io::Errno;
use tracing::{info, warn};

use crate::agent::Inner;
use crate::folder::{FOLDER, FolderError};
use crate::remove_tree::remove_tree;

/// A folder that only its owner enters.
const PRIVATE: Mode = Mode::RWXU;
/// The link that every image has in its home, which a kept home hides.
const TRANSFER: &CStr = c"Transfer";
/// Where it leads, inside of the container.
const TRANSFER_TARGET: &CStr = c"/run/session/transfer";

/// All homes on this node.
#[derive(Debug)]
pub(crate) struct Homes {
    path: PathBuf,
    root: OwnedFd,
    owner: u32,
}

impl Homes {
    /// Opens `<data_dir>/homes`, and makes it where it is missing. Homes in it belong to `owner`.
    pub(crate) fn open(data_dir: &Path, owner: u32) -> Result<Self, FolderError> {
        let failed = |source| FolderError::new(format!("open {}", data_dir.display()), source);
        let path = data_dir.canonicalize().map_err(failed)?.join("homes");
        let failed = |errno: Errno| FolderError::new(format!("open {}", path.display()), errno);
        match rustix::fs::mkdir(&path, PRIVATE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed(errno)),
        }
        let root = open(&path, FOLDER, Mode::empty()).map_err(failed)?;
        fchmod(&root, PRIVATE).map_err(failed)?;
        Ok(Self { path, root, owner })
    }

    /// The path of a home on the host.
    pub(crate) fn path(&self, home: HomeId) -> PathBuf {
        self.path.join(home.to_string())
    }

    fn is_there(&self, home: HomeId) -> Result<bool, FolderError> {
        match openat(&self.root, home.to_string(), FOLDER, Mode::empty()) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(FolderError::new(format!("open home {home}"), errno)),
        }
    }

    /// Makes a home. It gets its name once all of it is there, so that half a home is never taken for one.
    fn make(&self, home: HomeId) -> Result<(), FolderError> {
        let unfinished = format!("{home}.new");
        let made = (|| -> io::Result<()> {
            remove_tree(&self.root, &unfinished)?;
            mkdirat(&self.root, &unfinished, PRIVATE)?;
            let folder = openat(&self.root, &unfinished, FOLDER, Mode::empty())?;
            symlinkat(TRANSFER_TARGET, &folder, TRANSFER)?;
            if rustix::process::geteuid().as_raw() != self.owner {
                let (user, group) = (Some(Uid::from_raw(self.owner)), Some(Gid::from_raw(self.owner)));
                chownat(&folder, TRANSFER, user, group, AtFlags::SYMLINK_NOFOLLOW)?;
                fchown(&folder, user, group)?;
            }
            renameat(&self.root, &unfinished, &self.root, home.to_string())?;
            // The control plane is told that it is there, and never has it made again.
            Ok(fsync(&self.root)?)
        })();
        made.map_err(|source| FolderError::new(format!("make home {home}"), source))
    }

    /// Removes a home in which nobody has ever been. Should anything be in it all the same, it stays.
    fn unmake(&self, home: HomeId) -> Result<(), FolderError> {
        let unmade = (|| {
            let folder = openat(&self.root, home.to_string(), FOLDER, Mode::empty())?;
            unlinkat(&folder, TRANSFER, AtFlags::empty())?;
            unlinkat(&self.root, home.to_string(), AtFlags::REMOVEDIR)
        })();
        unmade.map_err(|errno: Errno| FolderError::new(format!("remove the new home {home}"), errno))
    }

    /// Removes a home with everything in it.
    fn remove(&self, home: HomeId) -> Result<(), FolderError> {
        remove_tree(&self.root, &home.to_string()).map_err(|source| FolderError::new(format!("remove home {home}"), source))
    }
}

impl Inner {
    /// Makes sure that a home is there, and makes it only where that is allowed. True where it was made.
    pub(crate) async fn open_home(&self, home: KeptHome) -> Result<bool, AgentError> {
        self.on_homes(move |homes| {
            if homes.is_there(home.id)? {
                return Ok(Ok(false));
            }
            if !home.new {
                return Ok(Err(AgentError::HomeMissing { home: home.id }));
            }
            homes.make(home.id)?;
            info!(home = %home.id, "Home made");
            Ok(Ok(true))
        })
        .await?
    }

    /// Undoes [`Self::open_home`] where it made one.
    pub(crate) async fn drop_new_home(&self, home: HomeId) {
        // What failed was told, and an empty folder harms nobody.
        drop(self.on_homes(move |homes| homes.unmake(home)).await);
    }

    /// See [`gatewright_ports::AgentControl::remove_home`].
    pub(crate) async fn remove_home(&self, home: HomeId) -> Result<(), AgentError> {
        for (session, container) in self.calls.all().await? {
            for (id, _) in self.calls.of_session(session).await? {
                if self.calls.wish(&id).await?.home == Some(home) {
                    return Err(AgentError::Refused {
                        why: format!("session {session} has home {home}, and is {:?}", container.state),
                    });
                }
            }
        }
        self.on_homes(move |homes| homes.remove(home)).await?;
        info!(%home, "Home removed");
        Ok(())
    }

    async fn on_homes<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Homes) -> Result<T, FolderError> + Send + 'static,
    ) -> Result<T, AgentError> {
        let homes = Arc::clone(&self.homes);
        self.on_disk(move || {
            work(&homes).map_err(|error| {
                warn!(error = &error as &dyn std::error::Error, "Work on a home failed");
                AgentError::Node { why: error.to_string() }
            })
        })
        .await
    }
}
