//! The plugin registry: uploaded, checked, compiled, tested, ready, activated, rolled back.

pub(crate) mod activation;
pub(crate) mod engine;
pub(crate) mod folder;
pub(crate) mod upload;
pub(crate) mod view;

pub use activation::{ActivateError, DeleteError, RollBackError};
pub use upload::{UploadError, Uploaded};
