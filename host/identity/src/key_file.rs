//! Private keys on disk: written whole and with mode 0600, refused where others may read them.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Larger than any key or certificate chain that we read.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A key or certificate file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Not readable.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Not writable.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody else may have read it.
    #[error("{} is open to other users: set its mode to 0600, or remove it to have a new key made", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
    },
    /// Not a key or certificate file.
    #[error("{} is larger than 1 MiB", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
}

/// Reads a file that holds no secret. None where there is none.
pub(crate) fn read_public(path: &Path) -> Result<Option<Vec<u8>>, KeyFileError> {
    Ok(read(path)?.map(|(mut bytes, _)| std::mem::take(&mut *bytes)))
}

/// Reads a file that holds a private key and belongs to us. None where there is none.
pub(crate) fn read_private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeyFileError> {
    match read(path)? {
        Some((_, mode)) if mode & 0o077 != 0 => Err(KeyFileError::Exposed { path: path.into() }),
        Some((bytes, _)) => Ok(Some(bytes)),
        None => Ok(None),
    }
}

/// Reads a file that holds the operator's private key: who may read it is the operator's choice.
pub(crate) fn read_operators(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    read(path)?.map(|(bytes, _)| bytes).ok_or_else(|| KeyFileError::Read {
        path: path.into(),
        source: io::ErrorKind::NotFound.into(),
    })
}

/// Puts `bytes` at `path`, whole or not at all, replacing what was there. `mode` from the first moment on.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyFileError> {
    let temporary = path.with_extension("new");
    replace(path, &temporary, bytes, mode).map_err(|source| {
        // The name is ours alone, and what is left there would be a private key.
        let _ = fs::remove_file(&temporary);
        KeyFileError::Write { path: path.into(), source }
    })
}

fn replace(path: &Path, temporary: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

type Content = (Zeroizing<Vec<u8>>, u32);

fn read(path: &Path) -> Result<Option<Content>, KeyFileError> {
    let failed = |source| KeyFileError::Read { path: path.into(), source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if metadata.len() > MAX_FILE_BYTES {
        return Err(KeyFileError::TooLarge { path: path.into() });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0)));
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some((bytes, metadata.mode())))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_private_key_is_only_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.key");
        assert!(read_private(&path).unwrap().is_none());
        write(&path, b"first", 0o600).unwrap();
        write(&path, b"second", 0o600).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(&**read_private(&path).unwrap().unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_private(&path), Err(KeyFileError::Exposed { .. })));
    }

    #[test]
    fn a_huge_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge");
        fs::File::create(&path).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        assert!(matches!(read_public(&path), Err(KeyFileError::TooLarge { .. })));
    }
}
