//! A disk that is small enough to be filled.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use gatewright_suite::root_command;

/// How large it is: an agent leaves a quarter of a GiB to others before it takes a file.
const SIZE: u64 = 448 << 20;
/// With less free, a node takes no new sessions.
pub(crate) const RESERVE: u64 = 32 << 20;

/// A file system in memory. Unmounted when dropped.
pub(crate) struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one on a folder, which is made.
    pub(crate) fn mount(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let done = root_command("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={SIZE},uid={user},gid={group},mode=700"),
                "tmpfs",
            ])
            .arg(folder)
            .output()?;
        ensure!(done.status.success(), "mount: {}", String::from_utf8_lossy(&done.stderr).trim());
        Ok(Self { folder: folder.to_owned() })
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }

    /// Leaves not a byte.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::create(self.filler())?;
        let block = vec![0; 64 << 10];
        while file.write_all(&block).is_ok() {}
        Ok(())
    }

    /// Gives the room back.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.filler())?)
    }
}

impl Drop for SmallDisk {
    #[expect(clippy::print_stderr, reason = "a destructor has nobody else to tell")]
    fn drop(&mut self) {
        let done = root_command("umount").arg(&self.folder).output();
        if !done.as_ref().is_ok_and(|done| done.status.success()) {
            eprintln!("umount {}: {done:?}", self.folder.display());
        }
    }
}
