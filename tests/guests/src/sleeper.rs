//! Rules that behave in the self-test and misbehave once they sit on a gate.

use anyhow::Result;

use crate::component::{World, component, with_manifest};
use crate::hostile::{FOREVER, LOG};
use crate::manifest::{REASONS, SMALL, manifest};
use crate::quiet::clipboard_module;

/// A text of at least so many bytes wakes a sleeper.
pub const WAKES_AT_BYTES: usize = 64;

/// Versions of the plugin `id`: each with what it does to a text that wakes it. Shorter texts are allowed.
///
/// # Errors
/// The WIT of this repository changed and a guest no longer fits.
pub fn sleepers(id: &str) -> Result<Vec<(&'static str, String, Vec<u8>)>> {
    let bodies = [
        ("endless-loop", "", "", FOREVER),
        (
            "memory-bomb",
            "",
            "",
            "(loop $again (drop (memory.grow (i32.const 16))) (br $again)) (unreachable)",
        ),
        ("trap", "", "", "(unreachable)"),
        (
            "deep-recursion",
            "",
            "(func $down (param i64) (result i64) (i64.add (i64.const 1) (call $down (i64.add (local.get 0) (i64.const 1)))))",
            "(i32.wrap_i64 (call $down (i64.const 0)))",
        ),
        ("wild-pointer", "", "", "(i32.const 0x7ffffff0)"),
        (
            "log-flood",
            LOG,
            "",
            "(loop $again (call $write (i32.const 1) (i32.const 0) (i32.const 1000)) (br $again)) (unreachable)",
        ),
    ];
    let sleeper = |(number, (name, imports, more, body)): (usize, (&'static str, &str, &str, &str))| {
        let version = format!("9.0.{number}");
        let body = format!("(if (i32.lt_u (local.get $text_len) (i32.const {WAKES_AT_BYTES})) (then (return (i32.const 0))))\n{body}");
        let wat = clipboard_module(1, imports, more, &body);
        let manifest = manifest(id, "dlp", &version, &format!("{SMALL}{REASONS}"));
        Ok((name, version, with_manifest(component(World::Clipboard, &wat)?, &manifest)))
    };
    bodies.into_iter().enumerate().map(sleeper).collect()
}
