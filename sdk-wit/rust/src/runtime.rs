//! The world `gatewright:runtime/runtime@0.1.0`: runs workspaces on one engine.

use std::marker::PhantomData;

#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: ["../wit/types@0.1.0", "../wit/runtime@0.1.0"],
        world: "gatewright:runtime/runtime@0.1.0",
        pub_export_macro: true,
        export_macro_name: "export_generated",
        default_bindings_module: "gatewright_sdk::runtime::bindings",
        additional_derives: [PartialEq, Eq],
        with: {
            "gatewright:types/log@0.1.0": crate::bindings::gatewright::types::log,
            "gatewright:types/config@0.1.0": crate::bindings::gatewright::types::config,
            "gatewright:types/http@0.1.0": crate::bindings::gatewright::types::http,
        },
    });
}

pub use bindings::exports::gatewright::runtime::execution::Outcome;
pub use bindings::exports::gatewright::runtime::images::ImageInfo;
pub use bindings::exports::gatewright::runtime::inspection::{OutputPiece, OutputStream, Traffic, Usage};
pub use bindings::exports::gatewright::runtime::lifecycle::{Container, EngineInfo, Error, Limits, Network, Spec, State};

/// Makes, runs and removes containers. Called in a fresh instance each time: what must be remembered is in the engine.
pub trait Lifecycle {
    /// What the engine is, has and enforces.
    ///
    /// # Errors
    /// The engine failed.
    fn capabilities() -> Result<EngineInfo, Error>;

    /// Whether the engine answers.
    ///
    /// # Errors
    /// It does not.
    fn health() -> Result<(), Error>;

    /// Makes a container without starting it and gives its id. Where one of this session is there already, its id.
    ///
    /// # Errors
    /// `ImageMissing`, `NoCapacity`, `Refused`, `Unsupported` (a limit or network that the engine lacks), or the engine failed.
    fn create(spec: Spec) -> Result<String, Error>;

    /// Starts a container. Idempotent.
    ///
    /// # Errors
    /// `NotFound`, or the engine failed.
    fn start(id: String) -> Result<(), Error>;

    /// Asks a container to end, then kills it after `grace_secs`. Idempotent.
    ///
    /// # Errors
    /// `NotFound`, or the engine failed.
    fn stop(id: String, grace_secs: u32) -> Result<(), Error>;

    /// Kills and removes a container with what the engine made for it. Idempotent: what is not there is gone.
    ///
    /// # Errors
    /// The engine failed: something may be left.
    fn destroy(id: String) -> Result<(), Error>;

    /// How a container is.
    ///
    /// # Errors
    /// `NotFound`, or the engine failed.
    fn inspect(id: String) -> Result<Container, Error>;

    /// Every container that this deployment made, running or not.
    ///
    /// # Errors
    /// The engine failed.
    fn list() -> Result<Vec<Container>, Error>;
}

/// The engine's images.
pub trait Images {
    /// Names of the images that the engine has.
    ///
    /// # Errors
    /// The engine failed.
    fn list() -> Result<Vec<String>, Error>;

    /// What the engine has under this name; none where it has nothing. Left out: as much as the list says.
    ///
    /// # Errors
    /// The engine failed.
    fn present(name: String) -> Result<Option<ImageInfo>, Error> {
        let found = Self::list()?.into_iter().find(|one| *one == name);
        Ok(found.map(|id| ImageInfo {
            id,
            size_bytes: 0,
            created: String::new(),
            user: String::new(),
        }))
    }

    /// Brings an image from its registry, and returns once it is there. It may take long: say how far it is by
    /// [`report_progress`]. Left out: images have to be there already.
    ///
    /// # Errors
    /// `Unsupported`, or the engine failed.
    fn pull(name: String) -> Result<(), Error> {
        Err(Error::Unsupported(format!(
            "image {name} can't be brought: this plugin does not pull"
        )))
    }
}

/// Says how far a pull is: what the engine does, in its words, the bytes that came, and those of all that is known to come.
/// Nobody listens outside of [`Images::pull`].
pub fn report_progress(step: &str, done_bytes: u64, total_bytes: u64) {
    #[cfg(target_arch = "wasm32")]
    bindings::gatewright::runtime::progress::report(step, done_bytes, total_bytes);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::reported(step, done_bytes, total_bytes);
}

/// Freezing a workspace as it is. What is not written answers `Unsupported`.
pub trait Suspension {
    /// Freezes all that runs in a container, which keeps its memory. Idempotent.
    ///
    /// # Errors
    /// `NotFound`, `Unsupported`, or the engine failed.
    fn pause(_id: String) -> Result<(), Error> {
        Err(unsupported("pausing"))
    }

    /// Lets it go on where it stood. Idempotent.
    ///
    /// # Errors
    /// `NotFound`, `Unsupported`, or the engine failed.
    fn resume(_id: String) -> Result<(), Error> {
        Err(unsupported("pausing"))
    }
}

/// Looking at a workspace from outside. What is not written answers `Unsupported`.
pub trait Inspection {
    /// What a container uses.
    ///
    /// # Errors
    /// `NotFound`, `Unsupported`, or the engine failed.
    fn stats(_id: String) -> Result<Usage, Error> {
        Err(unsupported("telling what a workspace uses"))
    }

    /// The newest lines that a container's first process wrote, oldest first.
    ///
    /// # Errors
    /// `NotFound`, `Unsupported`, or the engine failed.
    fn logs(_id: String, _max_lines: u32, _max_bytes: u32) -> Result<Vec<OutputPiece>, Error> {
        Err(unsupported("keeping what a workspace writes"))
    }
}

/// Running a program in a workspace. What is not written answers `Unsupported`.
pub trait Execution {
    /// Runs a program to its end, as the workspace's user, and keeps at most `max_bytes` of what it writes.
    ///
    /// # Errors
    /// `NotFound`, `Unsupported`, or the engine failed.
    fn exec(_id: String, _argv: Vec<String>, _max_bytes: u32) -> Result<Outcome, Error> {
        Err(unsupported("running a program in a workspace"))
    }
}

fn unsupported(what: &str) -> Error {
    Error::Unsupported(format!("{what} is not part of this plugin"))
}

impl From<crate::http::Error> for Error {
    fn from(error: crate::http::Error) -> Self {
        match error {
            crate::http::Error::Refused(why) => Self::Refused(why),
            crate::http::Error::NotGranted => Self::Refused(error.to_string()),
            crate::http::Error::Unreachable | crate::http::Error::Timeout => Self::Unreachable,
            crate::http::Error::TooLarge | crate::http::Error::Protocol | crate::http::Error::Json(_) => Self::Engine(error.to_string()),
        }
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Exported<T>(PhantomData<T>);

impl<T: Lifecycle> bindings::exports::gatewright::runtime::lifecycle::Guest for Exported<T> {
    fn capabilities() -> Result<EngineInfo, Error> {
        crate::panic_hook::set();
        T::capabilities()
    }

    fn health() -> Result<(), Error> {
        crate::panic_hook::set();
        T::health()
    }

    fn create(spec: Spec) -> Result<String, Error> {
        crate::panic_hook::set();
        T::create(spec)
    }

    fn start(id: String) -> Result<(), Error> {
        crate::panic_hook::set();
        T::start(id)
    }

    fn stop(id: String, grace_secs: u32) -> Result<(), Error> {
        crate::panic_hook::set();
        T::stop(id, grace_secs)
    }

    fn destroy(id: String) -> Result<(), Error> {
        crate::panic_hook::set();
        T::destroy(id)
    }

    fn inspect(id: String) -> Result<Container, Error> {
        crate::panic_hook::set();
        T::inspect(id)
    }

    fn list() -> Result<Vec<Container>, Error> {
        crate::panic_hook::set();
        T::list()
    }
}

impl<T: Images> bindings::exports::gatewright::runtime::images::Guest for Exported<T> {
    fn list() -> Result<Vec<String>, Error> {
        crate::panic_hook::set();
        T::list()
    }

    fn present(name: String) -> Result<Option<ImageInfo>, Error> {
        crate::panic_hook::set();
        T::present(name)
    }

    fn pull(name: String) -> Result<(), Error> {
        crate::panic_hook::set();
        T::pull(name)
    }
}

impl<T: Suspension> bindings::exports::gatewright::runtime::suspension::Guest for Exported<T> {
    fn pause(id: String) -> Result<(), Error> {
        crate::panic_hook::set();
        T::pause(id)
    }

    fn resume(id: String) -> Result<(), Error> {
        crate::panic_hook::set();
        T::resume(id)
    }
}

impl<T: Inspection> bindings::exports::gatewright::runtime::inspection::Guest for Exported<T> {
    fn stats(id: String) -> Result<Usage, Error> {
        crate::panic_hook::set();
        T::stats(id)
    }

    fn logs(id: String, max_lines: u32, max_bytes: u32) -> Result<Vec<OutputPiece>, Error> {
        crate::panic_hook::set();
        T::logs(id, max_lines, max_bytes)
    }
}

impl<T: Execution> bindings::exports::gatewright::runtime::execution::Guest for Exported<T> {
    fn exec(id: String, argv: Vec<String>, max_bytes: u32) -> Result<Outcome, Error> {
        crate::panic_hook::set();
        T::exec(id, argv, max_bytes)
    }
}

/// Makes the type given the component's backend. It must implement [`runtime::Lifecycle`](crate::runtime::Lifecycle),
/// [`runtime::Images`](crate::runtime::Images), [`runtime::Suspension`](crate::runtime::Suspension),
/// [`runtime::Inspection`](crate::runtime::Inspection) and [`runtime::Execution`](crate::runtime::Execution); the last three
/// with nothing in them where the engine can't do it. Exports nothing on other targets than wasm.
#[macro_export]
macro_rules! export_runtime {
    ($backend:ty) => {
        const _: () = {
            #[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported from a component only"))]
            type Chosen = $crate::runtime::Exported<$backend>;
            #[cfg(target_arch = "wasm32")]
    $crate::runtime::bindings::export_generated!(Chosen with_types_in $crate::runtime::bindings);
        };
    };
}
