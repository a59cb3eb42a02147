//! The plugin registry: uploaded, checked, compiled, tested, ready, activated, rolled back.

pub(crate) mod activation;
pub(crate) mod engine;
pub(crate) mod folder;
pub(crate) mod host_engine;
pub(crate) mod upload;
pub(crate) mod view;
pub(crate) mod warm;

pub use activation::{ActivateError, DeleteError, RollBackError};
pub use upload::{UploadError, Uploaded};
