//! Where a file comes from and where it goes.

use async_trait::async_trait;
use bytes::Bytes;

/// A file's bytes as its sender gives them.
#[async_trait]
pub trait FileSource: Send + 'static {
    /// The next bytes; None at the end. Gives up by itself when nothing comes for long.
    ///
    /// # Errors
    /// [`SourceEnded`]: the file will not be whole.
    async fn next(&mut self) -> Result<Option<Bytes>, SourceEnded>;
}

/// The sender gave up, was cut off, or the file changed while it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("file was not sent to its end")]
pub struct SourceEnded;

/// Where a file goes once it may. Dropped before [`Self::finish`], it must leave nothing.
#[async_trait]
pub trait FileSink: Send {
    /// Takes the next bytes. Nothing is given before the rules have spoken.
    ///
    /// # Errors
    /// [`SinkFailed`]: the file does not get there.
    async fn write(&mut self, piece: Bytes) -> Result<(), SinkFailed>;

    /// Takes the last bytes: the file is whole and may be published. Its record is durable by then. Gives the name that the
    /// file has there.
    ///
    /// # Errors
    /// [`SinkFailed`].
    async fn finish(&mut self, last: Bytes) -> Result<String, SinkFailed>;
}

/// The receiver gave up or has no room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("file was not taken: {0}")]
pub struct SinkFailed(pub String);
