//! What is said.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One thing said on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Asks for what lies in the folder.
    List,
    /// Asks to make a file.
    Put {
        /// Its name; a taken one gets a number.
        name: String,
        /// Its size in bytes. Another size is not published.
        size: u64,
    },
    /// Asks for a file.
    Get {
        /// Its name as `Entries` gave it.
        name: String,
    },
    /// The next bytes of the file.
    Data(Bytes),
    /// The file is whole: publish it.
    Commit,
    /// What lies in the folder.
    Entries(Vec<Entry>),
    /// `Data` may come.
    Ready,
    /// The file is there and open.
    Found {
        /// Its size in bytes when it was opened. So many bytes come, or `Failed`.
        size: u64,
    },
    /// It is done.
    Done {
        /// The name that it has in the folder.
        name: String,
    },
    /// It is not done.
    Failed(Failure),
}

/// A file in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name, as it is. A name that is no UTF-8 has replacement characters and can't be asked for.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was changed, in seconds since 1970.
    pub modified: i64,
    /// Why it can't be had, where it can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Failure>,
}

/// Why something can't be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// There is no such file, or no transfer folder.
    #[error("file is not there")]
    NotFound,
    /// A link, or a file with a second name elsewhere.
    #[error("a link is not followed")]
    Link,
    /// A folder, a device, a pipe, or another owner's file.
    #[error("not a plain file of the session")]
    NotAFile,
    /// A name that can't be used.
    #[error("name can't be used")]
    Name,
    /// The node's disk is full.
    #[error("no room on the node")]
    NoRoom,
    /// The file was changed while it was read, or differs in size from what was declared.
    #[error("file changed meanwhile")]
    Changed,
    /// The other side broke the protocol.
    #[error("protocol violation")]
    Protocol,
    /// Reading or writing failed.
    #[error("reading or writing failed")]
    Io,
    /// What a newer version says.
    #[serde(other)]
    #[error("failed")]
    Other,
}
