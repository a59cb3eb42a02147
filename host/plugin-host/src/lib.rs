//! Runs plugins: manifest, grants, limits, pools, swap. The only crate that names wasmtime.
//!
//! The way of a plugin: [`inspect()`] reads its manifest and imports without compiling anything; [`PluginHost::load`] compiles it
//! in a limited child process, checks it against its world and what the operator approved, and prepares instances;
//! [`Plugin::self_test`] calls it once; [`PluginSlots::activate`] puts it into use while calls of the version before it finish.
//!
//! **Invariant:** every call runs in a fresh store and a fresh instance, under a budget of the guest's own processor
//! time, a wall-clock deadline, a memory limit and a limit on what it may hand back.
//!
//! **Invariant:** no type of wasmtime is part of this crate's interface, and no compiled code is loaded from a file that
//! this crate's own compiler did not write.
#![deny(unsafe_code)]

mod bindings;
mod call;
mod clipboard;
mod compile;
mod compile_child;
mod component_file;
mod counters;
mod credential;
mod engine;
mod file;
mod grants;
mod host;
mod http;
mod imports;
mod inspect;
mod limits;
mod load;
mod manifest;
mod meter;
mod permits;
mod placement;
mod plugin;
mod reasons;
mod runtime;
mod runtime_output;
mod self_test;
mod slots;
mod store;
mod text;

pub use call::{Answer, CallContext, CallError};
pub use clipboard::{ClipboardOffer, ClipboardVerdict, Direction, Subject};
pub use compile::CompileError;
pub use compile_child::{COMPILE_CACHE_ENV, compile_child_main};
pub use counters::Counts;
pub use credential::{Claims, OfferedSecret, Protocol, Resolution, Target};
pub use file::{ContentEnded, FileContent, FileDirection, FileOffer, FileVerdict};
pub use grants::{Approved, HttpGrant, InvalidPattern, Method, PathPattern};
pub use host::{HostConfig, HostCounts, HostError, PluginHost};
pub use http::{HttpBody, HttpEndpoint, HttpError, HttpRequest, HttpResponse};
pub use imports::progress::ProgressSink;
pub use inspect::{Import, InspectError, Inspected, MAX_COMPONENT_BYTES, Wit, inspect};
pub use limits::Limits;
pub use load::{LoadError, Stage};
pub use manifest::{MANIFEST_SECTION, Manifest, ManifestError};
pub use placement::{Candidate, PlacementRequest, Ranking, Rejection};
pub use plugin::Plugin;
pub use runtime::{Capabilities, Container, ContainerSpec, ContainerState, EnforcedLimits, ImageInfo, Runtime, RuntimeError};
pub use runtime_output::{ExecOutcome, OutputPiece, OutputStream, Usage};
pub use slots::{PluginSlot, PluginSlots, Swapped};
