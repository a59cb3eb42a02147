//! The id of this process's node: made once, kept in the data folder.

use std::path::Path;

use anyhow::Context as _;
use gatewright_core::NodeId;
use uuid::Uuid;

const FILE: &str = "node-id";

/// The node's id.
///
/// # Errors
/// Where the file can't be read or written, or holds something else.
pub(crate) fn id(data_dir: &Path) -> anyhow::Result<NodeId> {
    let path = data_dir.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().with_context(|| format!("{} holds no node id", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = NodeId::from_uuid(Uuid::now_v7());
            std::fs::write(&path, format!("{id}\n")).with_context(|| format!("{} can't be written", path.display()))?;
            Ok(id)
        }
        Err(error) => Err(error).with_context(|| format!("{} can't be read", path.display())),
    }
}
