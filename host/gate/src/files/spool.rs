//! The spool: what is held back of files that are too large for memory, encrypted, under a quota.
//!
//! A file has a key of its own, which is in memory only and gone with the transfer; the file on disk has no name, so that a
//! crash leaves nothing but unreadable blocks that the file system takes back.

use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use bytes::{Bytes, BytesMut};

/// Bytes that are encrypted together.
pub(crate) const SEGMENT: usize = 1 << 20;
/// What encryption adds to a segment.
const TAG: usize = 16;

/// A spool folder with its quota. Cheap to clone; all clones are the same spool.
#[derive(Debug, Clone)]
pub struct Spool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    quota: u64,
    used: AtomicU64,
}

/// Why something can't be spooled.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The quota is used up.
    #[error("spool has {free} bytes left, {wanted} are needed")]
    Full {
        /// Bytes asked for.
        wanted: u64,
        /// Bytes left.
        free: u64,
    },
    /// The disk failed.
    #[error("spool can't be used")]
    Io(#[source] io::Error),
    /// What was read is not what was written.
    #[error("spool was tampered with")]
    Tampered,
}

impl Spool {
    /// A spool in `dir`, which is made for its owner only where it is missing. At most `quota` bytes at once.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn open(dir: PathBuf, quota: u64) -> Result<Self, SpoolError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(SpoolError::Io)?;
        let used = AtomicU64::new(0);
        Ok(Self {
            inner: Arc::new(Inner { dir, quota, used }),
        })
    }

    /// Bytes that are reserved now.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.inner.used.load(Ordering::SeqCst)
    }

    /// Reserves `bytes` and makes a file for them.
    pub(crate) async fn reserve(&self, bytes: u64) -> Result<SpoolFile, SpoolError> {
        let inner = Arc::clone(&self.inner);
        let fits = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= inner.quota);
        let reserved = inner.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits);
        reserved.map_err(|used| SpoolError::Full {
            wanted: bytes,
            free: inner.quota.saturating_sub(used),
        })?;
        let held = Reserved {
            spool: self.clone(),
            bytes,
        };
        let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(&inner.dir))
            .await
            .map_err(|error| SpoolError::Io(io::Error::other(error)))?
            .map_err(SpoolError::Io)?;
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| SpoolError::Io(io::Error::other("no random numbers")))?;
        let unbound = UnboundKey::new(&AES_256_GCM, &key);
        key.fill(0);
        let key = unbound.map_err(|_| SpoolError::Io(io::Error::other("no key")))?;
        Ok(SpoolFile {
            file: Arc::new(file),
            key: Arc::new(LessSafeKey::new(key)),
            segments: 0,
            _reserved: held,
        })
    }
}

#[derive(Debug)]
struct Reserved {
    spool: Spool,
    bytes: u64,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.spool.inner.used.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

/// One file in the spool: segments of [`SEGMENT`] bytes, written in order.
#[derive(Debug)]
pub(crate) struct SpoolFile {
    file: Arc<File>,
    key: Arc<LessSafeKey>,
    segments: u64,
    _reserved: Reserved,
}

impl SpoolFile {
    pub(crate) fn segments(&self) -> u64 {
        self.segments
    }

    /// Appends a segment; all but the last have [`SEGMENT`] bytes.
    pub(crate) async fn append(&mut self, mut segment: BytesMut) -> Result<(), SpoolError> {
        let number = self.segments;
        let (file, key) = (Arc::clone(&self.file), Arc::clone(&self.key));
        blocking(move || {
            let tag = key
                .seal_in_place_separate_tag(nonce(number), Aad::empty(), &mut segment)
                .map_err(|_| SpoolError::Tampered)?;
            segment.extend_from_slice(tag.as_ref());
            file.write_all_at(&segment, place(number)).map_err(SpoolError::Io)
        })
        .await?;
        self.segments += 1;
        Ok(())
    }

    /// Reads a segment of `length` bytes.
    pub(crate) async fn read(&self, number: u64, length: usize) -> Result<Bytes, SpoolError> {
        let (file, key) = (Arc::clone(&self.file), Arc::clone(&self.key));
        blocking(move || {
            let mut segment = BytesMut::zeroed(length + TAG);
            file.read_exact_at(&mut segment, place(number)).map_err(SpoolError::Io)?;
            key.open_in_place(nonce(number), Aad::empty(), &mut segment)
                .map_err(|_| SpoolError::Tampered)?;
            segment.truncate(length);
            Ok(segment.freeze())
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, SpoolError> + Send + 'static) -> Result<T, SpoolError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(SpoolError::Io(io::Error::other(error))))
}

fn place(number: u64) -> u64 {
    number.saturating_mul((SEGMENT + TAG) as u64)
}

/// Never the same twice under one key: a segment is written once.
fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    if let Some(tail) = bytes.last_chunk_mut::<8>() {
        *tail = number.to_be_bytes();
    }
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn what_is_on_disk_is_unreadable_and_what_is_read_is_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path().join("spool"), 10 << 20).unwrap();
        let mut file = spool.reserve(3 << 20).await.unwrap();
        let text = "a secret text ".repeat(80_000);
        let whole = BytesMut::from(text.as_bytes().get(..SEGMENT).unwrap());
        file.append(whole.clone()).await.unwrap();
        file.append(BytesMut::from(&b"the end"[..])).await.unwrap();
        assert_eq!(file.read(0, SEGMENT).await.unwrap(), whole.freeze());
        assert_eq!(file.read(1, 7).await.unwrap(), "the end");

        let mut raw = vec![0; SEGMENT];
        file.file.read_exact_at(&mut raw, 0).unwrap();
        assert!(!raw.windows(8).any(|eight| eight == b"a secret"));
        assert_eq!(std::fs::read_dir(dir.path().join("spool")).unwrap().count(), 0, "it has no name");

        raw.fill(0);
        file.file.write_all_at(&raw, 0).unwrap();
        assert!(matches!(file.read(0, SEGMENT).await, Err(SpoolError::Tampered)));
    }

    #[tokio::test]
    async fn the_quota_holds_and_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path().to_owned(), 100).unwrap();
        let first = spool.reserve(60).await.unwrap();
        assert!(matches!(spool.reserve(60).await, Err(SpoolError::Full { wanted: 60, free: 40 })));
        drop(first);
        assert_eq!(spool.used_bytes(), 0);
        drop(spool.reserve(100).await.unwrap());
        assert!(matches!(spool.reserve(u64::MAX).await, Err(SpoolError::Full { .. })));
    }
}
