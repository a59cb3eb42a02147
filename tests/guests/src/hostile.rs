//! Guests that misbehave, each in one way.

use anyhow::Result;

use crate::component::{World, component, with_manifest};
use crate::manifest::{ENGINE, PATIENT, REASONS, SHORT, SMALL, manifest};
use crate::quiet::{PING, clipboard, clipboard_module, credential_module, placement_module, runtime_module};

/// What must become of a hostile guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is not loaded.
    NotLoaded {
        /// The stage of the upload that it fails in.
        stage: &'static str,
        /// Part of the text that the uploader reads.
        says: &'static str,
    },
    /// It is loaded, since nothing is wrong with the file, and each of its calls fails.
    CallFails {
        /// The kind of failure.
        kind: &'static str,
    },
}

/// A plugin that misbehaves.
#[derive(Debug, Clone)]
pub struct Hostile {
    /// What it does, as a name.
    pub name: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
    /// What must become of it.
    pub fate: Fate,
}

/// All of them.
///
/// # Errors
/// The WIT of this repository changed and a guest no longer fits.
pub fn hostile() -> Result<Vec<Hostile>> {
    let mut all = in_calls()?;
    all.extend(in_files()?);
    Ok(all)
}

fn fails(name: &'static str, kind: &'static str, bytes: Vec<u8>) -> Hostile {
    Hostile {
        name,
        bytes,
        fate: Fate::CallFails { kind },
    }
}

fn refused(name: &'static str, stage: &'static str, says: &'static str, bytes: Vec<u8>) -> Hostile {
    Hostile {
        name,
        bytes,
        fate: Fate::NotLoaded { stage, says },
    }
}

/// A clipboard rule whose `decide` is `body`.
fn rule(name: &str, pages: u32, imports: &str, more: &str, body: &str) -> Result<Vec<u8>> {
    let wat = clipboard_module(pages, imports, more, body);
    Ok(with_manifest(
        component(World::Clipboard, &wat)?,
        &manifest(name, "dlp", "1.0.0", &format!("{SMALL}{REASONS}")),
    ))
}

pub(crate) const LOG: &str = r#"  (import "gatewright:types/log@0.1.0" "write" (func $write (param i32 i32 i32)))"#;
pub(crate) const FOREVER: &str = "(loop $again (br $again)) (unreachable)";
/// At 64: ok(deny(reason)) whose code and parameters follow.
const DENY: &str = r#"(data (i32.const 64) "\00\00\00\00\01\00\00\00\00\01\00\00\09\00\00\00\80\00\00\00\02\00\00\00")"#;

fn in_calls() -> Result<Vec<Hostile>> {
    let mut all = clipboard_rules()?;
    all.extend(other_kinds()?);
    Ok(all)
}

fn clipboard_rules() -> Result<Vec<Hostile>> {
    let simple = |name, kind, body: &str| Ok(fails(name, kind, rule(name, 1, "", "", body)?));
    let all: Vec<Result<Hostile>> = vec![
        simple("endless-loop", "out-of-time", FOREVER),
        simple(
            "memory-bomb",
            "out-of-memory",
            "(loop $again (drop (memory.grow (i32.const 16))) (br $again)) (unreachable)",
        ),
        simple("trap", "trap", "(unreachable)"),
        simple("wild-pointer", "trap", "(i32.const 0x7ffffff0)"),
        simple("bad-case", "trap", "(i32.store8 (i32.const 0) (i32.const 77)) (i32.const 0)"),
        Ok(fails(
            "panic",
            "trap",
            rule(
                "panic",
                1,
                LOG,
                r#"(data (i32.const 256) "panicked at src/lib.rs:14:24: no such thing")"#,
                "(call $write (i32.const 3) (i32.const 256) (i32.const 43)) (unreachable)",
            )?,
        )),
        Ok(fails(
            "deep-recursion",
            "trap",
            rule(
                "deep-recursion",
                1,
                "",
                "(func $down (param i64) (result i64) (i64.add (i64.const 1) (call $down (i64.add (local.get 0) (i64.const 1)))))",
                "(i32.wrap_i64 (call $down (i64.const 0)))",
            )?,
        )),
        Ok(fails(
            "endless-allocator",
            "out-of-time",
            component_with_allocator("endless-allocator", "(loop $again (br $again)) (unreachable)")?,
        )),
        Ok(fails(
            "lying-allocator",
            "trap",
            component_with_allocator("lying-allocator", "(i32.const 0x7fffffff)")?,
        )),
        Ok(fails(
            "log-flood",
            "out-of-time",
            rule(
                "log-flood",
                17,
                LOG,
                "",
                "(loop $again (call $write (i32.const 1) (i32.const 0) (i32.const 1000000)) (br $again)) (unreachable)",
            )?,
        )),
        Ok(fails(
            "huge-log-line",
            "too-much-output",
            rule(
                "huge-log-line",
                96,
                LOG,
                "",
                "(call $write (i32.const 1) (i32.const 0) (i32.const 6000000)) (i32.const 0)",
            )?,
        )),
        // ok(redact) with a text of six million NULs.
        Ok(fails(
            "huge-output",
            "too-much-output",
            rule(
                "huge-output",
                96,
                "",
                "",
                "(i32.store (i32.const 68) (i32.const 2)) (i32.store (i32.const 76) (i32.const 6000000)) (i32.const 64)",
            )?,
        )),
        // A reason with a hundred thousand parameters.
        Ok(fails(
            "huge-list",
            "too-much-output",
            rule(
                "huge-list",
                96,
                "",
                DENY,
                "(i32.store (i32.const 84) (i32.const 200000)) (i32.const 64)",
            )?,
        )),
        Ok(fails(
            "undeclared-reason",
            "undeclared-reason",
            rule(
                "undeclared-reason",
                1,
                "",
                &format!(r#"{DENY} (data (i32.const 256) "invented!")"#),
                "(i32.store (i32.const 84) (i32.const 0)) (i32.const 64)",
            )?,
        )),
        // `too-large` declares two parameters; this one gives none.
        Ok(fails(
            "missing-parameters",
            "undeclared-reason",
            rule(
                "missing-parameters",
                1,
                "",
                &format!(r#"{DENY} (data (i32.const 256) "too-large")"#),
                "(i32.store (i32.const 84) (i32.const 0)) (i32.const 64)",
            )?,
        )),
    ];
    all.into_iter().collect()
}

fn component_with_allocator(name: &str, body: &str) -> Result<Vec<u8>> {
    let decide = crate::quiet::DECIDE;
    let wat = format!(
        "(module (memory (export \"memory\") 1)
  (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) {body})
  {decide} (i32.const 0)))"
    );
    Ok(with_manifest(
        component(World::Clipboard, &wat)?,
        &manifest(name, "dlp", "1.0.0", &format!("{SMALL}{REASONS}")),
    ))
}

fn other_kinds() -> Result<Vec<Hostile>> {
    let strategy = |name, body: &str| -> Result<Hostile> {
        let bytes = with_manifest(
            component(World::Placement, &placement_module(body))?,
            &manifest(name, "placement", "1.0.0", &format!("{SMALL}{REASONS}")),
        );
        Ok(fails(name, "bad-answer", bytes))
    };
    let runtime = |name, kind, limits: &str, health: &str| -> Result<Hostile> {
        let bytes = with_manifest(
            component(World::Runtime, &runtime_module(health))?,
            &manifest(name, "runtime", "1.0.0", &format!("{limits}{ENGINE}")),
        );
        Ok(fails(name, kind, bytes))
    };
    let resolve = "
    (i32.store (i32.const 8) (i32.const 256))
    (i32.store (i32.const 12) (i32.const 36))
    (i32.const 0)";
    Ok(vec![
        // ok(ranking) of an order with the one index 4,000,000,000; at 128.
        strategy(
            "ranks-nobody",
            "(i32.store (i32.const 128) (i32.const 4000000000)) (i32.store (i32.const 4) (i32.const 128)) (i32.store (i32.const 8) (i32.const 1)) (i32.const 0)",
        )?,
        // Index 0 twice.
        strategy(
            "ranks-twice",
            "(i32.store (i32.const 4) (i32.const 128)) (i32.store (i32.const 8) (i32.const 2)) (i32.const 0)",
        )?,
        strategy("ranks-none", "(i32.const 0)")?,
        fails(
            "invents-a-handle",
            "bad-answer",
            with_manifest(
                component(World::Credential, &credential_module(resolve))?,
                &manifest("invents-a-handle", "credential", "1.0.0", &format!("{SMALL}{REASONS}")),
            ),
        ),
        // Waits for an engine that never answers.
        runtime("waits", "timeout", SHORT, &format!("{PING} (i32.const 0)"))?,
        // Asks for a path that it was not granted until its time is up.
        runtime(
            "asks-forever",
            "out-of-time",
            PATIENT,
            "
    (loop $again
      (call $send (i32.const 256) (i32.const 6) (i32.const 0) (i32.const 288) (i32.const 8)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))
      (br $again))
    (unreachable)",
        )?,
    ])
}

fn in_files() -> Result<Vec<Hostile>> {
    let good = clipboard("1.0.0", 1024)?;
    let bare = component(World::Clipboard, &clipboard_module(1, "", "", "(i32.const 0)"))?;
    let dlp = |id: &str, more: &str| manifest(id, "dlp", "1.0.0", more);
    let sockets = clipboard_module(
        1,
        r#"  (import "wasi:sockets/tcp@0.2.0" "connect" (func $connect (param i32 i32) (result i32)))"#,
        "",
        "(drop (call $connect (i32.const 0) (i32.const 0))) (i32.const 0)",
    );
    let misshapen = r#"(module (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "gatewright:dlp/clipboard@0.1.0#decide") (param i32 i32) (result i32) (i32.const 0)))"#;
    let strategy = component(World::Placement, &placement_module("(i32.const 0)"))?;
    let invalid = without_its_code(&bare)?;
    Ok(vec![
        refused("empty", "manifest", "not a WebAssembly file", Vec::new()),
        refused(
            "not-wasm",
            "manifest",
            "not a WebAssembly file",
            b"#!/bin/sh\necho hello\n".to_vec(),
        ),
        refused("core-module", "manifest", "a plugin is a component", wat::parse_str("(module)")?),
        refused(
            "truncated",
            "manifest",
            "damaged or cut off",
            good.get(..good.len() / 2).unwrap_or_default().to_vec(),
        ),
        refused("no-manifest", "manifest", "has no manifest", bare.clone()),
        refused(
            "two-manifests",
            "manifest",
            "more than one manifest",
            with_manifest(good.clone(), &dlp("other", "")),
        ),
        refused(
            "huge-manifest",
            "manifest",
            "larger than 64 KiB",
            with_manifest(bare.clone(), &dlp("huge", &"#".repeat(70_000))),
        ),
        refused(
            "wrong-id",
            "manifest",
            "plugin's id",
            with_manifest(bare.clone(), &dlp("../../etc/passwd", "")),
        ),
        refused(
            "wrong-version",
            "manifest",
            "semantic version",
            with_manifest(bare.clone(), &manifest("x", "dlp", "latest", "")),
        ),
        refused(
            "greedy-limits",
            "manifest",
            "limits.deadline_ms",
            with_manifest(bare.clone(), &dlp("greedy", "[limits]\ndeadline_ms = 3600000\n")),
        ),
        refused(
            "wants-http",
            "manifest",
            "can't have HTTP",
            with_manifest(bare.clone(), &dlp("wants-http", ENGINE)),
        ),
        refused(
            "forbidden-import",
            "imports",
            "wasi:sockets/tcp@0.2.0, which a dlp plugin may not have",
            with_manifest(component(World::ClipboardWithSockets, &sockets)?, &dlp("forbidden-import", "")),
        ),
        refused(
            "wrong-world",
            "imports",
            "does not export gatewright:dlp/clipboard",
            with_manifest(strategy, &dlp("wrong-world", "")),
        ),
        refused(
            "misshapen-world",
            "imports",
            "does not fit its world",
            with_manifest(component(World::ClipboardMisshapen, misshapen)?, &dlp("misshapen-world", "")),
        ),
        refused(
            "endless-start",
            "self-test",
            "processor time",
            rule(
                "endless-start",
                1,
                "",
                "(func $start (loop $again (br $again))) (start $start)",
                "(i32.const 0)",
            )?,
        ),
        // More memory from the start than its manifest allows.
        refused(
            "born-too-large",
            "self-test",
            "more than its 8 MiB of memory",
            rule("born-too-large", 256, "", "", "(i32.const 0)")?,
        ),
        refused(
            "invalid-code",
            "compile",
            "not valid",
            with_manifest(invalid, &dlp("invalid-code", "")),
        ),
    ])
}

/// `decide` is `i32.const 0`; its first byte becomes an operation that does not exist.
fn without_its_code(component: &[u8]) -> Result<Vec<u8>> {
    const BODY: &[u8] = b"\x41\x00\x0b";
    let at = component.windows(BODY.len()).rposition(|window| window == BODY);
    let mut out = component.to_vec();
    match at.and_then(|at| out.get_mut(at)) {
        Some(byte) => *byte = 0xff,
        None => anyhow::bail!("the code of `decide` is not where it was"),
    }
    Ok(out)
}
