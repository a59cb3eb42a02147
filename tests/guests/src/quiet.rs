//! Guests that do what they should, to run beside the others.

use anyhow::Result;

use crate::component::{World, component, with_manifest};
use crate::manifest::{ENGINE, REASONS, manifest};

const PRELUDE: &str = include_str!("wat/prelude.wat");
/// The parameters of `decide`: direction, subject, text (pointer and length).
pub(crate) const DECIDE: &str = r#"(func (export "gatewright:dlp/clipboard@0.1.0#decide")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (param $text i32) (param $text_len i32) (result i32)"#;

/// A plugin that behaves.
#[derive(Debug, Clone)]
pub struct Quiet {
    /// Its id.
    pub name: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// One of each kind.
///
/// # Errors
/// The WIT of this repository changed and a guest no longer fits.
pub fn quiet() -> Result<Vec<Quiet>> {
    Ok(vec![
        Quiet {
            name: "quiet-clipboard",
            bytes: clipboard("1.0.0", 1024)?,
        },
        Quiet {
            name: "quiet-file",
            bytes: file(4096, false, false)?,
        },
        Quiet {
            name: "quiet-placement",
            bytes: placement()?,
        },
        Quiet {
            name: "quiet-credential",
            bytes: credential()?,
        },
        Quiet {
            name: "quiet-runtime",
            bytes: runtime()?,
        },
    ])
}

/// A clipboard module with memory, allocator and `decide`, whose body is `body`. `more` are further fields.
pub(crate) fn clipboard_module(pages: u32, imports: &str, more: &str, body: &str) -> String {
    format!("(module\n{imports}\n  (memory (export \"memory\") {pages})\n{PRELUDE}\n{more}\n  {DECIDE}\n{body}))")
}

/// A clipboard rule that reads the whole text, denies what is over `limit` bytes and allows the rest.
///
/// # Errors
/// As [`quiet`].
pub fn clipboard(version: &str, limit: u32) -> Result<Vec<u8>> {
    // At 0: ok(allow), all zeros. At 64: ok(deny(reason)) with two parameters at 128.
    let body = format!(
        r#"
    (local $at i32) (local $sum i32)
    (block $done
      (loop $byte
        (br_if $done (i32.ge_u (local.get $at) (local.get $text_len)))
        (local.set $sum (i32.add (local.get $sum) (i32.load8_u (i32.add (local.get $text) (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $byte)))
    (i32.store (i32.const 48) (local.get $sum))
    (if (i32.le_u (local.get $text_len) (i32.const {limit})) (then (return (i32.const 0))))
    (i64.store (i32.const 144) (i64.extend_i32_u (local.get $text_len)))
    (i64.store (i32.const 168) (i64.const {limit}))
    (i32.const 64)"#
    );
    let data = r#"
  (data (i32.const 64) "\00\00\00\00\01\00\00\00\00\01\00\00\09\00\00\00\80\00\00\00\02\00\00\00")
  (data (i32.const 128) "\10\01\00\00\06\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 152) "\20\01\00\00\05\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 256) "too-large")
  (data (i32.const 272) "actual")
  (data (i32.const 288) "limit")"#;
    let wat = clipboard_module(1, "", data, &body);
    Ok(with_manifest(
        component(World::Clipboard, &wat)?,
        &manifest("quiet-clipboard", "dlp", version, REASONS),
    ))
}

/// A file rule that reads until it has `bytes` or the end, and then says `pass`; with `hold`, `hold`. With `spin` it goes on
/// computing instead.
///
/// # Errors
/// As [`quiet`].
pub fn file(bytes: u32, hold: bool, spin: bool) -> Result<Vec<u8>> {
    // A read is answered at 32: its case, then the list's pointer and length. At 0: ok(pass); at 64: ok(hold).
    let answer = if hold { 64 } else { 0 };
    let end = if spin { crate::hostile::FOREVER } else { "" };
    let wat = format!(
        r#"(module
  (import "gatewright:dlp/content@0.1.0" "[method]source.read" (func $read (param i32 i32 i32)))
  (import "gatewright:dlp/content@0.1.0" "[resource-drop]source" (func $drop (param i32)))
  (memory (export "memory") 1)
{PRELUDE}
  (data (i32.const 68) "\01")
  (func (export "gatewright:dlp/file@0.1.0#decide")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64) (param $content i32) (result i32)
    (local $read_so_far i32)
    (block $done
      (loop $more
        (br_if $done (i32.ge_u (local.get $read_so_far) (i32.const {bytes})))
        (call $read (local.get $content) (i32.const 65536) (i32.const 32))
        (br_if $done (i32.load8_u (i32.const 32)))
        (br_if $done (i32.eqz (i32.load (i32.const 40))))
        (local.set $read_so_far (i32.add (local.get $read_so_far) (i32.load (i32.const 40))))
        ;; Every piece goes to the same place again.
        (global.set $next (i32.const 65536))
        (br $more)))
    {end}
    (call $drop (local.get $content))
    (i32.const {answer})))"#
    );
    Ok(with_manifest(
        component(World::File, &wat)?,
        &manifest("quiet-file", "dlp", "1.0.0", REASONS),
    ))
}

/// The parameters of `rank`: the request (pointer to it, for it has many), the candidates' pointer and length.
pub(crate) fn placement_module(body: &str) -> String {
    format!(
        r#"(module
  (memory (export "memory") 1)
{PRELUDE}
  (data (i32.const 256) "full")
  (func (export "gatewright:placement/strategy@0.1.0#rank")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32) (param $count i32) (result i32)
    (local $at i32) (local $list i32)
{body}))"#
    )
}

/// A placement strategy that ranks all candidates in the order given.
///
/// # Errors
/// As [`quiet`].
pub fn placement() -> Result<Vec<u8>> {
    // At 0: ok(ranking): order's pointer and length at 4 and 8, rejected's at 12 and 16.
    let body = r"
    (local.set $list (call $alloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.mul (local.get $count) (i32.const 4))))
    (block $done
      (loop $next_one
        (br_if $done (i32.ge_u (local.get $at) (local.get $count)))
        (i32.store (i32.add (local.get $list) (i32.mul (local.get $at) (i32.const 4))) (local.get $at))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next_one)))
    (i32.store (i32.const 4) (local.get $list))
    (i32.store (i32.const 8) (local.get $count))
    (i32.const 0)";
    Ok(with_manifest(
        component(World::Placement, &placement_module(body))?,
        &manifest("quiet-placement", "placement", "1.0.0", REASONS),
    ))
}

/// A credential provider's module; `resolve` is `body`.
pub(crate) fn credential_module(body: &str) -> String {
    format!(
        r#"(module
  (import "gatewright:credential/secrets@0.1.0" "entries" (func $entries (param i32)))
  (memory (export "memory") 1)
{PRELUDE}
  (data (i32.const 256) "00000000-0000-7000-8000-00000000dead")
  (func (export "gatewright:credential/provider@0.1.0#resolve")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
{body})
  (func (export "gatewright:credential/provider@0.1.0#release") (param i32 i32) (result i32)
    (i32.const 512)))"#
    )
}

/// A credential provider that takes the first entry offered, for a minute.
///
/// # Errors
/// As [`quiet`].
pub fn credential() -> Result<Vec<u8>> {
    // At 0: ok(resolved): the credential's case at 4 (0, a handle), pointer and length at 8 and 12, lifetime at 32.
    // At 64: error(not-found).
    let body = r"
    (call $entries (i32.const 128))
    (i32.store (i32.const 64) (i32.const 1))
    (if (i32.eqz (i32.load (i32.const 132))) (then (return (i32.const 64))))
    (i64.store align=4 (i32.const 8) (i64.load align=4 (i32.load (i32.const 128))))
    (i32.store (i32.const 32) (i32.const 60))
    (i32.const 0)";
    Ok(with_manifest(
        component(World::Credential, &credential_module(body))?,
        &manifest("quiet-credential", "credential", "1.0.0", REASONS),
    ))
}

/// A runtime's module; `health` is `health`, the rest traps.
pub(crate) fn runtime_module(health: &str) -> String {
    let lifecycle = |name: &str, params: &str| {
        format!("  (func (export \"gatewright:runtime/lifecycle@0.1.0#{name}\") {params} (result i32) (unreachable))\n")
    };
    let rest: String = [
        ("capabilities", ""),
        ("create", "(param i32)"),
        ("start", "(param i32 i32)"),
        ("stop", "(param i32 i32 i32)"),
        ("destroy", "(param i32 i32)"),
        ("inspect", "(param i32 i32)"),
        ("list", ""),
    ]
    .map(|(name, params)| lifecycle(name, params))
    .concat();
    let others: String = [
        ("suspension", "pause", "(param i32 i32)"),
        ("suspension", "resume", "(param i32 i32)"),
        ("inspection", "stats", "(param i32 i32)"),
        ("inspection", "logs", "(param i32 i32 i32 i32)"),
        ("execution", "exec", "(param i32 i32 i32 i32 i32)"),
    ]
    .map(|(interface, name, params)| {
        format!("  (func (export \"gatewright:runtime/{interface}@0.1.0#{name}\") {params} (result i32) (unreachable))\n")
    })
    .concat();
    format!(
        r#"(module
  (import "gatewright:types/http@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "gatewright:types/http@0.1.0" "[method]body.read" (func $read (param i32 i32 i32)))
  (import "gatewright:types/http@0.1.0" "[resource-drop]body" (func $drop_body (param i32)))
  (memory (export "memory") 1)
{PRELUDE}
  (data (i32.const 256) "engine")
  (data (i32.const 272) "/_ping")
  (data (i32.const 288) "/secrets")
{rest}{others}
  (func (export "gatewright:runtime/images@0.1.0#list") (result i32) (unreachable))
  (func (export "gatewright:runtime/images@0.1.0#present") (param i32 i32) (result i32) (unreachable))
  (func (export "gatewright:runtime/images@0.1.0#pull") (param i32 i32) (result i32) (unreachable))
  (func (export "gatewright:runtime/lifecycle@0.1.0#health") (result i32)
{health}))"#
    )
}

/// Sends GET `/_ping` to `engine`, the answer at 512: its case at 512, the body's handle at 528.
pub(crate) const PING: &str = "
    (call $send (i32.const 256) (i32.const 6) (i32.const 0) (i32.const 272) (i32.const 6)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))";

/// A runtime that is healthy where `GET /_ping` on `engine` gives a body, and reads all of it.
///
/// # Errors
/// As [`quiet`].
pub fn runtime() -> Result<Vec<u8>> {
    // At 0: ok. At 32: error(unreachable), which is case 4.
    let health = format!(
        "
    (i32.store (i32.const 32) (i32.const 1))
    (i32.store (i32.const 36) (i32.const 4))
    {PING}
    (if (i32.load8_u (i32.const 512)) (then (return (i32.const 32))))
    (block $end
      (loop $piece
        (call $read (i32.load (i32.const 528)) (i32.const 65536) (i32.const 640))
        (if (i32.load8_u (i32.const 640)) (then (return (i32.const 32))))
        (br_if $end (i32.eqz (i32.load (i32.const 648))))
        (br $piece)))
    (call $drop_body (i32.load (i32.const 528)))
    (i32.const 0)"
    );
    Ok(with_manifest(
        component(World::Runtime, &runtime_module(&health))?,
        &manifest("quiet-runtime", "runtime", "1.0.0", ENGINE),
    ))
}
