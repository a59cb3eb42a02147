//! A file on its way into the folder: nameless until it is whole.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};

use gatewright_core::file_name::FileName;
use gatewright_files::Failure;
use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid, fchown, fstatvfs, linkat, openat};
use rustix::io::Errno;

use crate::files::folder::failure;

/// What is left free on the node's disk.
const RESERVE_BYTES: u64 = 256 << 20;
/// Names that are tried before a folder counts as full of them.
const MAX_NUMBER: u32 = 1_000;

/// A file without a name. Dropped, it is gone, after a crash too.
#[derive(Debug)]
pub(crate) struct Incoming {
    transfer: OwnedFd,
    file: File,
    name: FileName,
    size: u64,
    written: u64,
}

impl Incoming {
    /// Begins a file of this size. Blocks.
    pub(crate) fn begin(transfer: OwnedFd, name: &str, size: u64, owner: u32) -> Result<Self, Failure> {
        let name = FileName::mend(name).map_err(|_| Failure::Name)?;
        let disk = fstatvfs(&transfer).map_err(failure)?;
        if size.saturating_add(RESERVE_BYTES) > disk.f_bavail.saturating_mul(disk.f_frsize) {
            return Err(Failure::NoRoom);
        }
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        let file = openat(&transfer, ".", flags, Mode::RUSR | Mode::WUSR).map_err(failure)?;
        if !rustix::process::geteuid().as_raw().eq(&owner) {
            fchown(&file, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner))).map_err(failure)?;
        }
        Ok(Self {
            transfer,
            file: file.into(),
            name,
            size,
            written: 0,
        })
    }

    /// Appends. Blocks.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.written += bytes.len() as u64;
        if self.written > self.size {
            return Err(Failure::Changed);
        }
        self.file.write_all(bytes).map_err(|error| match Errno::from_io_error(&error) {
            Some(errno) => failure(errno),
            None => Failure::Io,
        })
    }

    /// Gives the whole file its name, or the next free one: ` (2)`. Blocks.
    pub(crate) fn publish(self) -> Result<FileName, Failure> {
        if self.written != self.size {
            return Err(Failure::Changed);
        }
        let nameless = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        for number in 1..=MAX_NUMBER {
            let name = if number == 1 {
                self.name.clone()
            } else {
                self.name.numbered(number)
            };
            // Never over what has the name: linking does not replace, not even a link that the container puts there now.
            match linkat(CWD, &nameless, &self.transfer, name.as_str(), AtFlags::SYMLINK_FOLLOW) {
                Ok(()) => return Ok(name),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(failure(errno)),
            }
        }
        Err(Failure::Name)
    }
}
