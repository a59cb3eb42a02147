//! The outside of a component: its imports, exports and manifest section. Reads, compiles nothing.

use wasmparser::{ComponentExternalKind, ComponentTypeRef, Encoding, Parser, Payload};

use crate::inspect::InspectError;
use crate::manifest::{MANIFEST_SECTION, MAX_MANIFEST_BYTES};
use crate::text::bounded;

const MAX_NAMES: usize = 256;

/// What stands at the top level of a component.
pub(crate) struct Outside<'a> {
    /// Names of imported instances.
    pub(crate) imports: Vec<String>,
    /// Names of exported instances.
    pub(crate) exports: Vec<String>,
    /// The one manifest section.
    pub(crate) manifest: &'a [u8],
}

/// Walks the file's top level. Nested modules and components are skipped by their length.
pub(crate) fn read(bytes: &[u8]) -> Result<Outside<'_>, InspectError> {
    if !bytes.starts_with(b"\0asm") {
        return Err(InspectError::NotWasm);
    }
    if !Parser::is_component(bytes) {
        return Err(if Parser::is_core_wasm(bytes) {
            InspectError::CoreModule
        } else {
            InspectError::NotWasm
        });
    }
    let mut imports = Vec::new();
    let mut exports = Vec::new();
    let mut manifest = None;
    let mut parser = Parser::new(0);
    let mut rest = bytes;
    loop {
        let (consumed, payload) = match parser.parse(rest, true).map_err(damaged)? {
            wasmparser::Chunk::Parsed { consumed, payload } => (consumed, payload),
            wasmparser::Chunk::NeedMoreData(_) => {
                return Err(InspectError::Damaged {
                    offset: bytes.len() as u64,
                });
            }
        };
        rest = rest.get(consumed..).unwrap_or_default();
        match payload {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => {}
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import.map_err(damaged)?;
                    match import.ty {
                        ComponentTypeRef::Instance(_) => add(&mut imports, import.name.name)?,
                        _ => {
                            return Err(InspectError::BareImport {
                                name: bounded(import.name.name, 128),
                            });
                        }
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export.map_err(damaged)?;
                    if export.kind == ComponentExternalKind::Instance {
                        add(&mut exports, export.name.name)?;
                    }
                }
            }
            Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => {
                if section.data().len() > MAX_MANIFEST_BYTES {
                    return Err(InspectError::ManifestTooLarge);
                }
                if manifest.replace(section.data()).is_some() {
                    return Err(InspectError::ManifestTwice);
                }
            }
            Payload::ModuleSection { unchecked_range, .. } | Payload::ComponentSection { unchecked_range, .. } => {
                let length = unchecked_range.end.saturating_sub(unchecked_range.start);
                rest = usize::try_from(length)
                    .ok()
                    .and_then(|length| rest.get(length..))
                    .ok_or(InspectError::Damaged {
                        offset: bytes.len() as u64,
                    })?;
            }
            Payload::End(_) => break,
            _ => {}
        }
    }
    Ok(Outside {
        imports,
        exports,
        manifest: manifest.ok_or(InspectError::ManifestMissing)?,
    })
}

fn add(names: &mut Vec<String>, name: &str) -> Result<(), InspectError> {
    if names.len() >= MAX_NAMES {
        return Err(InspectError::TooManyNames);
    }
    names.push(name.to_owned());
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn damaged(error: wasmparser::BinaryReaderError) -> InspectError {
    InspectError::Damaged { offset: error.offset() }
}
