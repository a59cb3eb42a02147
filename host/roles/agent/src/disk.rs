//! The disks that sessions fill: those of the data folder and of the engine.

use std::io;
use std::path::Path;

use gatewright_core::reason::size_words;

use crate::config::AgentConfig;

/// Why no session may be added, where a disk has less free than is reserved.
pub(crate) fn short(config: &AgentConfig) -> Option<String> {
    let places = [
        Some((config.data_dir.as_path(), "data folder")),
        config.engine_data_dir.as_deref().map(|dir| (dir, "engine")),
    ];
    places
        .into_iter()
        .flatten()
        .find_map(|(dir, whose)| verdict(whose, &free_bytes(dir), config.reserve.disk_bytes))
}

fn verdict(whose: &str, free: &io::Result<u64>, reserve: u64) -> Option<String> {
    match free {
        _ if reserve == 0 => None,
        Ok(free) if *free >= reserve => None,
        Ok(free) => Some(format!(
            "the disk of the {whose} has {} free, and {} are reserved",
            size_words(*free),
            size_words(reserve)
        )),
        Err(error) => Some(format!("the free space on the disk of the {whose} can't be read: {error}")),
    }
}

/// What a process without privileges could still write below `dir`.
fn free_bytes(dir: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(dir)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_disk_below_its_reserve_is_named_with_both_figures() {
        assert_eq!(verdict("engine", &Ok(2 * GIB), 2 * GIB), None);
        assert_eq!(
            verdict("engine", &Ok(300 << 20), 2 * GIB).unwrap(),
            "the disk of the engine has 300 MiB free, and 2 GiB are reserved"
        );
        assert_eq!(verdict("engine", &Ok(0), 0), None, "no reserve");
        let gone = Err(io::Error::from(io::ErrorKind::NotFound));
        assert!(verdict("engine", &gone, 1).unwrap().contains("can't be read"));
    }

    #[test]
    fn the_disk_of_a_folder_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_bytes(dir.path()).unwrap() > 0);
        assert!(free_bytes(&dir.path().join("none")).is_err());
    }
}
