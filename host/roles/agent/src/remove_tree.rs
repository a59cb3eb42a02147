//! Removes a folder that a stranger filled.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::fs::{
    AtFlags, CWD, Dir, Gid, Mode, OFlags, RenameFlags, ResolveFlags, Uid, chmodat, chownat, openat2, renameat_with, unlinkat,
};
use rustix::io::Errno;
use uuid::Uuid;

/// How often the folder is read again when something was put into it meanwhile.
const MAX_PASSES: usize = 64;

/// Removes the folder `name` in `parent` with everything in it; whatever else has this name is just unlinked.
/// Blocks. Nothing there: nothing to do.
///
/// No link is followed and no mount crossed. A folder within is emptied by moving its own folders up to the first
/// level, so that a deep tree takes neither stack nor file descriptors nor long paths.
pub(crate) fn remove_tree(parent: &OwnedFd, name: &str) -> io::Result<()> {
    let name = CString::new(name)?;
    if try_unlink(parent, &name)? {
        return Ok(());
    }
    let top = match open_folder(parent, &name) {
        Ok(top) => top,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    };
    for _ in 0..MAX_PASSES {
        let mut names = names_in(&top)?;
        if names.is_empty() {
            match unlinkat(parent, &name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                Err(Errno::NOTEMPTY) => continue,
                Err(errno) => return Err(errno.into()),
            }
        }
        while let Some(name) = names.pop() {
            if !try_unlink(&top, &name)? {
                remove_folder(&top, &name, &mut names)?;
            }
        }
    }
    Err(Errno::NOTEMPTY.into())
}

/// Empties and removes the folder `name` in `top`. Its own folders become folders of `top`, noted in `moved`.
fn remove_folder(top: &OwnedFd, name: &CStr, moved: &mut Vec<CString>) -> io::Result<()> {
    let folder = match open_folder(top, name) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    };
    for inner in names_in(&folder)? {
        if try_unlink(&folder, &inner)? {
            continue;
        }
        // To change its parent, its owner needs to be able to write to it.
        match open_folder(&folder, &inner) {
            Ok(_) => {}
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(errno.into()),
        }
        let fresh = CString::new(format!("removed-{}", Uuid::now_v7()))?;
        match renameat_with(&folder, &inner, top, &fresh, RenameFlags::NOREPLACE) {
            Ok(()) => moved.push(fresh),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    match unlinkat(top, name, AtFlags::REMOVEDIR) {
        // Not empty: something was put into it; the next pass finds it.
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Unlinks what is not a folder. Whether there is nothing left to do for this name.
fn try_unlink(folder: &OwnedFd, name: &CStr) -> io::Result<bool> {
    match unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        // Linux says ISDIR, POSIX says PERM; where PERM means a file that can't be removed, opening it as a folder fails.
        Err(Errno::ISDIR | Errno::PERM) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Opens a folder and makes it ours alone, whatever its mode says: whoever still works in it can add nothing more.
/// Without the right to change owners we are the workspace's user ourselves.
fn open_folder(parent: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // O_PATH needs no right on the folder itself; the link in /proc then names exactly this folder.
    let pinned = openat2(parent, name, flags | OFlags::PATH, Mode::empty(), resolve)?;
    let link = format!("/proc/self/fd/{}", pinned.as_raw_fd());
    if rustix::process::geteuid().is_root() {
        chownat(CWD, &link, Some(Uid::ROOT), Some(Gid::ROOT), AtFlags::empty())?;
    }
    chmodat(CWD, &link, Mode::RWXU, AtFlags::empty())?;
    let folder = rustix::fs::open(&link, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(folder)
}

fn names_in(folder: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    Ok(names)
}
