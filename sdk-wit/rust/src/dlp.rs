//! The world `gatewright:dlp/clipboard-rule@0.1.0`: decides what may pass the clipboard.

use std::marker::PhantomData;

#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: ["../wit/types@0.1.0", "../wit/dlp@0.1.0"],
        world: "gatewright:dlp/clipboard-rule@0.1.0",
        pub_export_macro: true,
        export_macro_name: "export_generated",
        default_bindings_module: "gatewright_sdk::dlp::bindings",
        additional_derives: [PartialEq, Eq],
        with: {
            "gatewright:types/types@0.1.0": crate::bindings::gatewright::types::types,
            "gatewright:types/log@0.1.0": crate::bindings::gatewright::types::log,
            "gatewright:types/config@0.1.0": crate::bindings::gatewright::types::config,
        },
    });
}

pub use bindings::exports::gatewright::dlp::clipboard::{Direction, Error, Offer, Redaction, Subject, Verdict};

/// A rule on the gates `copy-in` and `copy-out`.
pub trait ClipboardRule {
    /// Decides about one offer of text. Called once for each, in a fresh instance.
    ///
    /// # Errors
    /// [`Error::Config`]: the gate stays closed until an administrator mends the configuration.
    fn decide(offer: Offer) -> Result<Verdict, Error>;
}

impl From<crate::ConfigError> for Error {
    fn from(error: crate::ConfigError) -> Self {
        Self::Config(error.into_message())
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Exported<T>(PhantomData<T>);

impl<T: ClipboardRule> bindings::exports::gatewright::dlp::clipboard::Guest for Exported<T> {
    fn decide(offer: Offer) -> Result<Verdict, Error> {
        crate::panic_hook::set();
        T::decide(offer)
    }
}

/// Makes the type given the component's clipboard rule. It must implement [`dlp::ClipboardRule`](crate::dlp::ClipboardRule).
/// Exports nothing on other targets than wasm.
#[macro_export]
macro_rules! export_clipboard_rule {
    ($rule:ty) => {
        const _: () = {
            #[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported from a component only"))]
            type Rule = $crate::dlp::Exported<$rule>;
            #[cfg(target_arch = "wasm32")]
    $crate::dlp::bindings::export_generated!(Rule with_types_in $crate::dlp::bindings);
        };
    };
}
