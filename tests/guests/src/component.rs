//! From WebAssembly text to a component with a manifest.

use anyhow::{Context, Result};
use wasm_encoder::{ComponentSection, CustomSection};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, UnresolvedPackageGroup};

const TYPES: &str = include_str!("../../../sdk-wit/wit/types@0.1.0/types.wit");

/// A world that a guest is built for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum World {
    Clipboard,
    File,
    Placement,
    Credential,
    Runtime,
    /// The clipboard's, and a socket beside it.
    ClipboardWithSockets,
    /// Calls itself the clipboard's, with another function.
    ClipboardMisshapen,
}

impl World {
    /// Packages after `types`, then the world.
    fn sources(self) -> (&'static [&'static str], &'static str) {
        const DLP: &str = include_str!("../../../sdk-wit/wit/dlp@0.1.0/dlp.wit");
        match self {
            Self::Clipboard => (&[DLP], "clipboard-rule"),
            // The second file of the package has no head of its own.
            Self::File => (
                &[concat!(
                    include_str!("../../../sdk-wit/wit/dlp@0.1.0/dlp.wit"),
                    include_str!("../../../sdk-wit/wit/dlp@0.1.0/file.wit")
                )],
                "file-rule",
            ),
            Self::Placement => (&[include_str!("../../../sdk-wit/wit/placement@0.1.0/placement.wit")], "placement"),
            Self::Credential => (
                &[include_str!("../../../sdk-wit/wit/credential@0.1.0/credential.wit")],
                "credential",
            ),
            Self::Runtime => (&[include_str!("../../../sdk-wit/wit/runtime@0.1.0/runtime.wit")], "runtime"),
            Self::ClipboardWithSockets => (
                &[DLP, include_str!("../wit/sockets.wit"), include_str!("../wit/with-sockets.wit")],
                "with-sockets",
            ),
            Self::ClipboardMisshapen => (&[include_str!("../wit/misshapen.wit")], "clipboard-rule"),
        }
    }
}

/// Assembles `wat` and wraps it into a component of `world`.
pub(crate) fn component(world: World, wat: &str) -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let (sources, name) = world.sources();
    let mut package = None;
    for source in std::iter::once(&TYPES).chain(sources) {
        let group = UnresolvedPackageGroup::parse("guest.wit", source).map_err(|error| anyhow::anyhow!("WIT: {error:?}"))?;
        package = Some(resolve.push_group(group)?);
    }
    let package = package.context("a package")?;
    let world = resolve.select_world(&[package], Some(name))?;
    let mut module = wat::parse_str(wat)?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
    ComponentEncoder::default().validate(true).module(&module)?.encode()
}

/// `component` with a manifest at its end.
pub(crate) fn with_manifest(mut component: Vec<u8>, manifest: &str) -> Vec<u8> {
    let section = CustomSection {
        name: "gatewright:manifest".into(),
        data: manifest.as_bytes().into(),
    };
    section.append_to_component(&mut component);
    component
}
