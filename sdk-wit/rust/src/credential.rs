//! The world `gatewright:credential/credential@0.1.0`: says which credential opens a target.

use std::marker::PhantomData;

#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: ["../wit/types@0.1.0", "../wit/credential@0.1.0"],
        world: "gatewright:credential/credential@0.1.0",
        pub_export_macro: true,
        export_macro_name: "export_generated",
        default_bindings_module: "gatewright_sdk::credential::bindings",
        additional_derives: [PartialEq, Eq],
        with: {
            "gatewright:types/types@0.1.0": crate::bindings::gatewright::types::types,
            "gatewright:types/log@0.1.0": crate::bindings::gatewright::types::log,
            "gatewright:types/config@0.1.0": crate::bindings::gatewright::types::config,
        },
    });
}

pub use bindings::exports::gatewright::credential::provider::{Account, Claims, Credential, Error, Protocol, Resolved, Target};
pub use bindings::gatewright::credential::secrets::Entry;

/// A provider of credentials.
pub trait Provider {
    /// Says which credential opens `target` for the person in `claims`.
    ///
    /// # Errors
    /// On any error there is no connection, and the person is told which of them it was.
    fn resolve(session: String, target: Target, claims: Claims) -> Result<Resolved, Error>;

    /// The session ended: what was made for it can go. Nothing, unless the provider made something.
    ///
    /// # Errors
    /// Something may be left; the host asks again.
    fn release(session: String) -> Result<(), Error> {
        let _nothing_was_made_for = session;
        Ok(())
    }
}

/// The vault's entries that the host offers for this session's target: handles and labels, never values.
#[must_use]
pub fn entries() -> Vec<Entry> {
    #[cfg(target_arch = "wasm32")]
    return bindings::gatewright::credential::secrets::entries();
    #[cfg(not(target_arch = "wasm32"))]
    return crate::testing::entries();
}

impl From<crate::ConfigError> for Error {
    fn from(error: crate::ConfigError) -> Self {
        Self::Config(error.into_message())
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Exported<T>(PhantomData<T>);

impl<T: Provider> bindings::exports::gatewright::credential::provider::Guest for Exported<T> {
    fn resolve(session: String, target: Target, claims: Claims) -> Result<Resolved, Error> {
        crate::panic_hook::set();
        T::resolve(session, target, claims)
    }

    fn release(session: String) -> Result<(), Error> {
        crate::panic_hook::set();
        T::release(session)
    }
}

/// Makes the type given the component's provider. It must implement [`credential::Provider`](crate::credential::Provider).
/// Exports nothing on other targets than wasm.
#[macro_export]
macro_rules! export_credential {
    ($provider:ty) => {
        const _: () = {
            #[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported from a component only"))]
            type Chosen = $crate::credential::Exported<$provider>;
            #[cfg(target_arch = "wasm32")]
    $crate::credential::bindings::export_generated!(Chosen with_types_in $crate::credential::bindings);
        };
    };
}
