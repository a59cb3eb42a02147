//! A file on its way out of the folder.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, OwnedFd};

use gatewright_files::Failure;
use rustix::fs::{Mode, OFlags, Stat, fstat};

use crate::files::folder::{check, failure, pin};

/// A plain file that is open for reading, as it was when it was opened.
#[derive(Debug)]
pub(crate) struct Outgoing {
    file: File,
    before: Stat,
    owner: u32,
    left: u64,
}

impl Outgoing {
    /// Opens the very file that was looked at, whatever has its name by now. Blocks.
    pub(crate) fn open(transfer: &OwnedFd, name: &str, owner: u32) -> Result<Self, Failure> {
        let pinned = pin(transfer, name, owner)?;
        let link = format!("/proc/self/fd/{}", pinned.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::open(&link, flags, Mode::empty()).map_err(failure)?;
        let before = fstat(&file).map_err(failure)?;
        check(&before, owner)?;
        Ok(Self {
            file: file.into(),
            before,
            owner,
            left: u64::try_from(before.st_size).map_err(|_| Failure::NotAFile)?,
        })
    }

    /// Bytes that are still to be read.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes: as many as fit into `buffer` and belong to the file. Blocks.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let part = buffer.get_mut(..wanted).unwrap_or_default();
        // Cut shorter meanwhile.
        self.file.read_exact(part).map_err(|_| Failure::Changed)?;
        self.left -= wanted as u64;
        Ok(wanted)
    }

    /// Whether it is still the file that was opened: not written to, not linked to. Blocks.
    pub(crate) fn unchanged(&self) -> Result<(), Failure> {
        let now = fstat(&self.file).map_err(failure)?;
        let stamp = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
        if stamp(&now) != stamp(&self.before) {
            return Err(Failure::Changed);
        }
        // Removed meanwhile is no harm: what was asked for was read.
        match now.st_nlink {
            0 => Ok(()),
            _ => check(&now, self.owner),
        }
    }
}
