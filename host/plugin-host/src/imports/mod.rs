//! The host's side of what a plugin may import.

pub(crate) mod config;
pub(crate) mod content;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod progress;
pub(crate) mod secrets;

use wasmtime::component::{HasSelf, Linker};

use crate::bindings;
use crate::store::CallState;

type SelfData = HasSelf<CallState>;

/// INVARIANT: a world gets exactly the imports that its WIT names, whatever a component asks for.
pub(crate) fn linker(engine: &wasmtime::Engine, kind: gatewright_core::plugin::PluginKind) -> wasmtime::Result<Linker<CallState>> {
    use gatewright_core::plugin::PluginKind as Kind;
    let mut linker = Linker::new(engine);
    let types = &mut linker;
    bindings::shared::gatewright::types::types::add_to_linker::<_, SelfData>(types, |s| s)?;
    bindings::shared::gatewright::types::log::add_to_linker::<_, SelfData>(types, |s| s)?;
    bindings::shared::gatewright::types::config::add_to_linker::<_, SelfData>(types, |s| s)?;
    match kind {
        Kind::Placement => {}
        Kind::Dlp => {
            bindings::dlp_file::gatewright::dlp::content::add_to_linker::<_, SelfData>(&mut linker, |s| s)?;
        }
        Kind::Credential => {
            bindings::credential::gatewright::credential::secrets::add_to_linker::<_, SelfData>(&mut linker, |s| s)?;
        }
        Kind::Runtime => {
            bindings::shared::gatewright::types::http::add_to_linker::<_, SelfData>(&mut linker, |s| s)?;
            bindings::runtime::gatewright::runtime::progress::add_to_linker::<_, SelfData>(&mut linker, |s| s)?;
        }
    }
    Ok(linker)
}
