//! What came of a file so far, to be read by one rule after another, and at last by whoever releases it.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use gatewright_core::plugin::Digest;
use gatewright_filetype::{FileType, NEEDED_BYTES};
use gatewright_plugin_host::{ContentEnded, FileContent};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::files::pieces::FileSource;
use crate::files::spool::{SEGMENT, Spool, SpoolError, SpoolFile};

/// What is kept in memory; what comes after it is spooled.
pub(crate) const IN_MEMORY: u64 = 1 << 20;

/// Why a file can't be read on.
#[derive(Debug)]
pub(crate) enum Broken {
    /// Its sender gave up, or it changed.
    Ended,
    /// It is longer or shorter than declared.
    Size,
    /// It can't be held.
    Spool(SpoolError),
}

/// What came of a file so far. Memory is bounded: the first MiB, a segment being filled, a segment being read.
pub(crate) struct Kept {
    source: Box<dyn FileSource>,
    spool: Spool,
    declared: u64,
    received: u64,
    ended: bool,
    broken: Option<Broken>,
    hash: Sha256,
    head: BytesMut,
    /// The first [`IN_MEMORY`] bytes or so, with the place of each piece.
    memory: VecDeque<(u64, Bytes)>,
    memory_end: u64,
    file: Option<SpoolFile>,
    filling: BytesMut,
    /// The last piece that came: a rule that reads along is there.
    last: (u64, Bytes),
    /// The segment that was read last.
    reading: Option<(u64, Bytes)>,
}

impl Kept {
    pub(crate) fn new(source: Box<dyn FileSource>, spool: Spool, declared: u64) -> Self {
        Self {
            source,
            spool,
            declared,
            received: 0,
            ended: false,
            broken: None,
            hash: Sha256::new(),
            head: BytesMut::new(),
            memory: VecDeque::new(),
            memory_end: 0,
            file: None,
            filling: BytesMut::new(),
            last: (0, Bytes::new()),
            reading: None,
        }
    }

    /// Bytes that came so far.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Whether the whole file came, of the right size.
    pub(crate) fn is_whole(&self) -> bool {
        self.ended
    }

    /// Why it can't be read on; asked once.
    pub(crate) fn take_broken(&mut self) -> Option<Broken> {
        self.broken.take()
    }

    /// The type found in what came. None before anything came.
    pub(crate) fn file_type(&self) -> Option<FileType> {
        (self.received > 0 || self.ended).then(|| gatewright_filetype::find(&self.head))
    }

    /// SHA-256 of the whole file, once it came.
    pub(crate) fn digest(&self) -> Option<Digest> {
        self.ended.then(|| Digest::from_bytes(self.hash.clone().finalize().into()))
    }

    /// SHA-256 of what came.
    pub(crate) fn digest_so_far(&self) -> Digest {
        Digest::from_bytes(self.hash.clone().finalize().into())
    }

    /// The next piece from the source, counted and hashed but not kept. None at the end.
    pub(crate) async fn pull(&mut self) -> Result<Option<Bytes>, ContentEnded> {
        if self.broken.is_some() {
            return Err(ContentEnded);
        }
        loop {
            if self.ended {
                return Ok(None);
            }
            let Ok(next) = self.source.next().await else {
                return self.fail(Broken::Ended);
            };
            let Some(piece) = next else {
                if self.received != self.declared {
                    return self.fail(Broken::Size);
                }
                self.ended = true;
                return Ok(None);
            };
            if piece.is_empty() {
                continue;
            }
            let length = piece.len() as u64;
            if length > self.declared - self.received {
                return self.fail(Broken::Size);
            }
            self.received += length;
            self.hash.update(&piece);
            let wanted = NEEDED_BYTES.saturating_sub(self.head.len()).min(piece.len());
            self.head.extend_from_slice(piece.get(..wanted).unwrap_or_default());
            return Ok(Some(piece));
        }
    }

    fn fail<T>(&mut self, why: Broken) -> Result<T, ContentEnded> {
        self.broken = Some(why);
        Err(ContentEnded)
    }

    /// Pulls a piece and keeps it. Whether there was one.
    async fn pull_and_keep(&mut self) -> Result<bool, ContentEnded> {
        let at = self.received;
        let Some(piece) = self.pull().await? else { return Ok(false) };
        self.last = (at, piece.clone());
        if at < IN_MEMORY {
            self.memory.push_back((at, piece));
            self.memory_end = self.received;
            return Ok(true);
        }
        match self.spool_piece(&piece).await {
            Ok(()) => Ok(true),
            Err(error) => self.fail(Broken::Spool(error)),
        }
    }

    async fn spool_piece(&mut self, mut piece: &[u8]) -> Result<(), SpoolError> {
        if self.file.is_none() {
            self.file = Some(self.spool.reserve(self.declared - self.memory_end).await?);
            self.filling.reserve(SEGMENT + 16);
        }
        while !piece.is_empty() {
            let room = (SEGMENT - self.filling.len()).min(piece.len());
            let (now, later) = piece.split_at(room);
            self.filling.extend_from_slice(now);
            piece = later;
            if self.filling.len() == SEGMENT
                && let Some(file) = &mut self.file
            {
                let full = std::mem::replace(&mut self.filling, BytesMut::with_capacity(SEGMENT + 16));
                file.append(full).await?;
            }
        }
        Ok(())
    }

    /// Pulls and keeps everything up to the end.
    pub(crate) async fn pull_all(&mut self) -> Result<(), ContentEnded> {
        while self.pull_and_keep().await? {}
        Ok(())
    }

    /// Bytes from `at` on, at most `max`, pulled if need be. Empty at the end.
    pub(crate) async fn read_at(&mut self, at: u64, max: usize) -> Result<Bytes, ContentEnded> {
        while at >= self.received {
            if !self.pull_and_keep().await? {
                return Ok(Bytes::new());
            }
        }
        self.kept_at(at, max).await
    }

    /// Bytes from `at` on among those that came.
    async fn kept_at(&mut self, at: u64, max: usize) -> Result<Bytes, ContentEnded> {
        if let Some(piece) = cut(&self.last, at, max) {
            return Ok(piece);
        }
        if at < self.memory_end {
            let index = self.memory.partition_point(|(start, _)| *start <= at).saturating_sub(1);
            let piece = self.memory.get(index).and_then(|kept| cut(kept, at, max));
            return match piece {
                Some(piece) => Ok(piece),
                None => self.fail(Broken::Ended),
            };
        }
        let segment = SEGMENT as u64;
        let (number, offset) = ((at - self.memory_end) / segment, (at - self.memory_end) % segment);
        let start = self.memory_end + number * segment;
        let written = self.file.as_ref().map_or(0, SpoolFile::segments);
        if number >= written {
            let from = usize::try_from(offset).unwrap_or(usize::MAX);
            let rest = self.filling.get(from..).unwrap_or_default();
            return Ok(Bytes::copy_from_slice(rest.get(..max.min(rest.len())).unwrap_or_default()));
        }
        if self.reading.as_ref().is_none_or(|(held, _)| *held != start) {
            self.reading = None;
            let read = match &self.file {
                Some(file) => file.read(number, SEGMENT).await,
                None => Err(SpoolError::Tampered),
            };
            match read {
                Ok(bytes) => self.reading = Some((start, bytes)),
                Err(error) => return self.fail(Broken::Spool(error)),
            }
        }
        let piece = self.reading.as_ref().and_then(|held| cut(held, at, max));
        piece.map_or_else(|| self.fail(Broken::Ended), Ok)
    }

    /// Lets go of what was kept in memory before `at`: it was released.
    pub(crate) fn forget_before(&mut self, at: u64) {
        while self.memory.front().is_some_and(|(start, piece)| start + piece.len() as u64 <= at) {
            self.memory.pop_front();
        }
    }
}

fn cut((start, piece): &(u64, Bytes), at: u64, max: usize) -> Option<Bytes> {
    let from = usize::try_from(at.checked_sub(*start)?).ok()?;
    if from >= piece.len() {
        return None;
    }
    Some(piece.slice(from..piece.len().min(from + max)))
}

/// One rule's reading.
pub(crate) struct Reading {
    kept: Arc<Mutex<Kept>>,
    at: u64,
}

impl Reading {
    pub(crate) fn from_the_beginning(kept: Arc<Mutex<Kept>>) -> Self {
        Self { kept, at: 0 }
    }
}

#[async_trait]
impl FileContent for Reading {
    async fn read(&mut self, max: usize) -> Result<Bytes, ContentEnded> {
        let piece = self.kept.lock().await.read_at(self.at, max).await?;
        self.at += piece.len() as u64;
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::files::pieces::SourceEnded;

    struct Pieces(VecDeque<Bytes>);

    #[async_trait]
    impl FileSource for Pieces {
        async fn next(&mut self) -> Result<Option<Bytes>, SourceEnded> {
            Ok(self.0.pop_front())
        }
    }

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|n| u8::try_from(n * 31 % 251).unwrap()).collect()
    }

    fn kept(bytes: &[u8], piece: usize, declared: usize, quota: u64) -> (Kept, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path().to_owned(), quota).unwrap();
        let pieces = Pieces(bytes.chunks(piece).map(Bytes::copy_from_slice).collect());
        (Kept::new(Box::new(pieces), spool, declared as u64), dir)
    }

    async fn read_all(kept: &mut Kept, max: usize) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let piece = kept.read_at(all.len() as u64, max).await.unwrap();
            if piece.is_empty() {
                return all;
            }
            assert!(piece.len() <= max);
            all.extend_from_slice(&piece);
        }
    }

    #[tokio::test]
    async fn everybody_reads_the_same_bytes_from_memory_and_from_the_spool() {
        for (size, piece) in [
            (0, 1),
            (10, 3),
            (1 << 20, 65_536),
            (5_000_000, 70_001),
            (3 << 20, 1 << 20),
            (4_300_000, 2_500_000),
        ] {
            let bytes = content(size);
            let (mut kept, dir) = kept(&bytes, piece, size, 100 << 20);
            assert!(read_all(&mut kept, 65_536).await == bytes, "the first, {size} by {piece}");
            assert!(read_all(&mut kept, 65_536).await == bytes, "the second");
            assert!(read_all(&mut kept, 300_000).await == bytes, "who releases it");
            assert!(kept.is_whole());
            assert_eq!(kept.digest().unwrap(), Digest::from_bytes(Sha256::digest(&bytes).into()));
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no name on disk");
        }
    }

    #[tokio::test]
    async fn another_size_than_declared_is_no_file() {
        for declared in [999, 1001] {
            let (mut kept, _dir) = kept(&content(1000), 100, declared, 0);
            assert_eq!(kept.pull_all().await, Err(ContentEnded));
            assert!(matches!(kept.take_broken(), Some(Broken::Size)));
            assert!(!kept.is_whole() && kept.digest().is_none());
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_into_the_spool_is_not_held() {
        let (mut kept, _dir) = kept(&content(3_000_000), 65_536, 3_000_000, 1_000_000);
        assert_eq!(kept.pull_all().await, Err(ContentEnded));
        assert!(matches!(kept.take_broken(), Some(Broken::Spool(SpoolError::Full { .. }))));
    }
}
