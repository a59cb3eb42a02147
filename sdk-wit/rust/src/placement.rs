//! The world `gatewright:placement/placement@0.1.0`: chooses the node for a session.

use std::marker::PhantomData;

#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: ["../wit/types@0.1.0", "../wit/placement@0.1.0"],
        world: "gatewright:placement/placement@0.1.0",
        pub_export_macro: true,
        export_macro_name: "export_generated",
        default_bindings_module: "gatewright_sdk::placement::bindings",
        additional_derives: [PartialEq, Eq],
        with: {
            "gatewright:types/types@0.1.0": crate::bindings::gatewright::types::types,
            "gatewright:types/log@0.1.0": crate::bindings::gatewright::types::log,
            "gatewright:types/config@0.1.0": crate::bindings::gatewright::types::config,
        },
    });
}

pub use bindings::exports::gatewright::placement::strategy::{Candidate, Error, Ranking, Rejection, Request};

/// A strategy that chooses the node for a session.
pub trait Strategy {
    /// Orders the candidates, best first, and gives a reason for each that it leaves out.
    ///
    /// # Errors
    /// [`Error::Config`]: the host falls back to its built-in strategy and raises an alarm.
    fn rank(request: Request, candidates: Vec<Candidate>) -> Result<Ranking, Error>;
}

impl From<crate::ConfigError> for Error {
    fn from(error: crate::ConfigError) -> Self {
        Self::Config(error.into_message())
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Exported<T>(PhantomData<T>);

impl<T: Strategy> bindings::exports::gatewright::placement::strategy::Guest for Exported<T> {
    fn rank(request: Request, candidates: Vec<Candidate>) -> Result<Ranking, Error> {
        crate::panic_hook::set();
        T::rank(request, candidates)
    }
}

/// Makes the type given the component's strategy. It must implement [`placement::Strategy`](crate::placement::Strategy).
/// Exports nothing on other targets than wasm.
#[macro_export]
macro_rules! export_placement {
    ($strategy:ty) => {
        const _: () = {
            #[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported from a component only"))]
            type Chosen = $crate::placement::Exported<$strategy>;
            #[cfg(target_arch = "wasm32")]
    $crate::placement::bindings::export_generated!(Chosen with_types_in $crate::placement::bindings);
        };
    };
}
