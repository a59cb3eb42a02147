//! The transfer folder: opened, listed.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use gatewright_core::SessionId;
use gatewright_core::file_name::FileName;
use gatewright_files::{Entry, Failure};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, openat2, statat};
use rustix::io::Errno;

use crate::folder::{FOLDER, Folders};

/// Where files come in and go out.
const TRANSFER: &CStr = c"transfer";
/// Entries of one list: more than a person reads.
const MAX_ENTRIES: usize = 2_000;
/// No link, not out of the folder, not into another file system.
pub(crate) const RESOLVE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// Opens a session's transfer folder. Blocks.
pub(crate) fn open(folders: &Folders, session: SessionId) -> Result<OwnedFd, Failure> {
    let folder = folders.open_session(session).map_err(failure)?;
    openat2(&folder, TRANSFER, FOLDER, Mode::empty(), RESOLVE).map_err(|errno| match errno {
        // A link is told apart from a folder only after it was not followed.
        Errno::NOTDIR => Failure::Link,
        errno => failure(errno),
    })
}

/// What lies in it, newest first. Blocks.
pub(crate) fn list(transfer: &OwnedFd, owner: u32) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for found in Dir::read_from(transfer).map_err(failure)? {
        let found = found.map_err(failure)?;
        let name = found.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if entries.len() == MAX_ENTRIES {
            break;
        }
        // Gone meanwhile: then it is not listed.
        let Ok(stat) = statat(transfer, name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        let refused = match name.to_str() {
            Ok(text) if FileName::mend(text).is_ok() => check(&stat, owner).err(),
            _ => Some(Failure::Name),
        };
        entries.push(Entry {
            name: name.to_string_lossy().into_owned(),
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: stat.st_mtime,
            refused,
        });
    }
    entries.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.name.cmp(&b.name)));
    Ok(entries)
}

/// A plain file of the session's own, with no second name: one could lie where the session may not read.
pub(crate) fn check(stat: &Stat, owner: u32) -> Result<(), Failure> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if stat.st_nlink != 1 => Err(Failure::Link),
        FileType::RegularFile if stat.st_uid != owner => Err(Failure::NotAFile),
        FileType::RegularFile => Ok(()),
        FileType::Symlink => Err(Failure::Link),
        _ => Err(Failure::NotAFile),
    }
}

/// Pins the plain file `name`, and nothing else. Blocks.
pub(crate) fn pin(transfer: &OwnedFd, name: &str, owner: u32) -> Result<OwnedFd, Failure> {
    if name.is_empty() || name.contains(['/', '\0']) || matches!(name, "." | "..") {
        return Err(Failure::Name);
    }
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let pinned = openat2(transfer, name, flags, Mode::empty(), RESOLVE).map_err(failure)?;
    let stat = rustix::fs::fstat(&pinned).map_err(failure)?;
    check(&stat, owner)?;
    Ok(pinned)
}

pub(crate) fn failure(errno: Errno) -> Failure {
    match errno {
        Errno::NOENT => Failure::NotFound,
        Errno::LOOP | Errno::XDEV => Failure::Link,
        Errno::NOTDIR | Errno::NXIO => Failure::NotAFile,
        Errno::NAMETOOLONG | Errno::INVAL => Failure::Name,
        Errno::NOSPC | Errno::DQUOT => Failure::NoRoom,
        _ => Failure::Io,
    }
}
