//! The newest lease by which each session was driven: who has an older one is refused.
//!
//! A driver may stall between asking the database and asking the agent, and another may have taken over and destroyed the
//! session meanwhile. So a number outlives its session, and this process: one small file each, kept for days. All functions
//! block.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gatewright_core::SessionId;
use gatewright_ports::AgentError;
use gatewright_ports::agent_control::Fence;
use tracing::warn;

use crate::folder::FolderError;

/// A number that was not used for so long has no driver that is older and still about to act.
const KEPT: Duration = Duration::from_secs(7 * 86_400);

/// The numbers of all sessions. Each is read and written in its session's turn only.
#[derive(Debug)]
pub(crate) struct Fences {
    folder: PathBuf,
}

impl Fences {
    /// Opens `<data_dir>/fences`, and makes it where it is missing.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, FolderError> {
        let folder = data_dir.join("fences");
        std::fs::create_dir_all(&folder).map_err(|source| FolderError::new(format!("open {}", folder.display()), source))?;
        Ok(Self { folder })
    }

    /// Remembers that a session is driven by this lease.
    ///
    /// # Errors
    /// `Fenced` where a newer one was there; `Node` where it can't be remembered.
    pub(crate) fn pass(&self, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        let failed = |error: &io::Error| AgentError::Node {
            why: format!("the lease of a session can't be kept: {error}"),
        };
        let newest = self.newest(session).map_err(|error| failed(&error))?;
        if fence < newest {
            return Err(AgentError::Fenced);
        }
        if fence > newest {
            self.keep(session, fence).map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    fn newest(&self, session: SessionId) -> io::Result<Fence> {
        match std::fs::read_to_string(self.path(session)) {
            Ok(text) => text
                .trim()
                .parse()
                .map(Fence)
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no number")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Fence::NONE),
            Err(error) => Err(error),
        }
    }

    /// By renaming: a number is there whole, or the one before it.
    fn keep(&self, session: SessionId, fence: Fence) -> io::Result<()> {
        let path = self.path(session);
        let new = path.with_extension("new");
        std::fs::write(&new, fence.0.to_string())?;
        std::fs::rename(new, path)
    }

    fn path(&self, session: SessionId) -> PathBuf {
        self.folder.join(session.to_string())
    }

    /// Forgets what was not used for days, but for the sessions that `lives` knows.
    pub(crate) fn sweep(&self, now: SystemTime, lives: impl Fn(SessionId) -> bool) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            warn!("The leases of sessions can't be looked through");
            return;
        };
        for entry in entries.flatten() {
            let old = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > KEPT));
            let session = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if old && !session.is_some_and(&lives) && std::fs::remove_file(entry.path()).is_err() {
                warn!(file = %entry.path().display(), "The lease of a session that is over can't be removed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use uuid::Uuid;

    #[test]
    fn an_older_lease_is_refused_also_after_a_restart() {
        let dir = tempfile::TempDir::new().unwrap();
        let fences = Fences::open(dir.path()).unwrap();
        let (one, two) = (SessionId::from_uuid(Uuid::from_u128(1)), SessionId::from_uuid(Uuid::from_u128(2)));
        // Who names no lease passes as long as nobody did.
        fences.pass(one, Fence::NONE).unwrap();
        fences.pass(one, Fence(2)).unwrap();
        fences.pass(one, Fence(2)).unwrap();
        let again = Fences::open(dir.path()).unwrap();
        assert_eq!(again.pass(one, Fence(1)), Err(AgentError::Fenced));
        assert_eq!(again.pass(one, Fence::NONE), Err(AgentError::Fenced));
        again.pass(two, Fence(1)).unwrap();
        again.pass(one, Fence::OVER).unwrap();
        assert_eq!(again.pass(one, Fence(u64::MAX - 1)), Err(AgentError::Fenced));
        again.pass(one, Fence::OVER).unwrap();
    }

    #[test]
    fn what_is_old_is_forgotten_unless_its_session_lives() {
        let dir = tempfile::TempDir::new().unwrap();
        let fences = Fences::open(dir.path()).unwrap();
        let (one, two) = (SessionId::from_uuid(Uuid::from_u128(1)), SessionId::from_uuid(Uuid::from_u128(2)));
        fences.pass(one, Fence(5)).unwrap();
        fences.pass(two, Fence(5)).unwrap();
        fences.sweep(SystemTime::now(), |_| false);
        assert_eq!(fences.pass(one, Fence(4)), Err(AgentError::Fenced));
        fences.sweep(SystemTime::now() + KEPT * 2, |session| session == two);
        fences.pass(one, Fence(4)).unwrap();
        assert_eq!(fences.pass(two, Fence(4)), Err(AgentError::Fenced));
    }

    #[test]
    fn a_number_that_cannot_be_read_lets_nobody_pass() {
        let dir = tempfile::TempDir::new().unwrap();
        let fences = Fences::open(dir.path()).unwrap();
        let session = SessionId::from_uuid(Uuid::from_u128(1));
        std::fs::write(dir.path().join("fences").join(session.to_string()), "x").unwrap();
        assert!(matches!(fences.pass(session, Fence(1)), Err(AgentError::Node { .. })));
    }
}
