//! The world `gatewright:dlp/file-rule@0.1.0`: decides which files may pass.

use std::marker::PhantomData;

#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: ["../wit/types@0.1.0", "../wit/dlp@0.1.0"],
        world: "gatewright:dlp/file-rule@0.1.0",
        pub_export_macro: true,
        export_macro_name: "export_generated",
        default_bindings_module: "gatewright_sdk::dlp_file::bindings",
        with: {
            "gatewright:types/types@0.1.0": crate::bindings::gatewright::types::types,
            "gatewright:types/log@0.1.0": crate::bindings::gatewright::types::log,
            "gatewright:types/config@0.1.0": crate::bindings::gatewright::types::config,
        },
    });
}

pub use bindings::exports::gatewright::dlp::file::{Direction, Error, Offer, Subject, Verdict};

use bindings::gatewright::dlp::content;

/// A piece of a file, in bytes: as much as [`Content::read`] gives at once.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// The file was cut off, cancelled, changed or longer than declared. It does not pass, whatever the rule says: give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file ended before its declared end")]
pub struct Ended;

/// The bytes of a file, in order.
pub trait Content {
    /// The next piece of at most [`CHUNK_BYTES`]; empty at the end.
    ///
    /// # Errors
    /// [`Ended`].
    fn read(&mut self) -> Result<Vec<u8>, Ended>;

    /// The beginning of the file: `bytes` of it, or all where it has fewer. Reads on from where it is, so call it first.
    ///
    /// # Errors
    /// [`Ended`].
    fn head(&mut self, bytes: usize) -> Result<Vec<u8>, Ended> {
        let mut head = self.read()?;
        while head.len() < bytes {
            let more = self.read()?;
            if more.is_empty() {
                break;
            }
            head.extend_from_slice(&more);
        }
        Ok(head)
    }
}

/// For tests: pieces, in order.
impl Content for std::vec::IntoIter<Vec<u8>> {
    fn read(&mut self) -> Result<Vec<u8>, Ended> {
        Ok(self.find(|piece| !piece.is_empty()).unwrap_or_default())
    }
}

impl Content for &content::Source {
    fn read(&mut self) -> Result<Vec<u8>, Ended> {
        content::Source::read(self, u32::try_from(CHUNK_BYTES).unwrap_or(u32::MAX)).map_err(|content::Error::Ended| Ended)
    }
}

/// A rule on the gates `upload` and `download`.
pub trait FileRule {
    /// Decides about one file. Called once for each, in a fresh instance. Read as much as the rule needs and no more: what
    /// was read is kept back until the verdict, the rest then passes as it comes.
    ///
    /// # Errors
    /// [`Error::Config`]: the gate stays closed until an administrator mends the configuration.
    fn decide(offer: Offer, content: &mut dyn Content) -> Result<Verdict, Error>;
}

impl From<crate::ConfigError> for Error {
    fn from(error: crate::ConfigError) -> Self {
        Self::Config(error.into_message())
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Exported<T>(PhantomData<T>);

impl<T: FileRule> bindings::exports::gatewright::dlp::file::Guest for Exported<T> {
    fn decide(offer: Offer, mut content: &content::Source) -> Result<Verdict, Error> {
        crate::panic_hook::set();
        T::decide(offer, &mut content)
    }
}

/// Makes the type given the component's file rule. It must implement [`dlp_file::FileRule`](crate::dlp_file::FileRule).
/// Exports nothing on other targets than wasm.
#[macro_export]
macro_rules! export_file_rule {
    ($rule:ty) => {
        const _: () = {
            #[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported from a component only"))]
            type Rule = $crate::dlp_file::Exported<$rule>;
            #[cfg(target_arch = "wasm32")]
    $crate::dlp_file::bindings::export_generated!(Rule with_types_in $crate::dlp_file::bindings);
        };
    };
}
