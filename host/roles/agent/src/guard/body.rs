//! The body of a request: only the creation of a container, and of a program in one, have one.

use std::collections::BTreeMap;

use gatewright_core::DeviceName;

use super::fields::Fields;
use super::{CreateRules, Guard, Operation, Refusal, Request, Scope, exec};

/// The largest body that is looked at, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Reads the body of a request strictly and has `build` make the engine's of it.
pub(super) fn body(
    operation: &Operation,
    scope: &Scope,
    asked: &Request<'_>,
    build: impl FnOnce(&mut Fields, &CreateRules) -> Result<String, Refusal>,
) -> Result<Option<String>, Refusal> {
    if matches!(operation, Operation::ExecCreate(_) | Operation::ExecStart(_)) {
        return exec::body(operation, scope, asked).map(Some);
    }
    match (operation, scope) {
        (Operation::Create { .. }, Scope::Create(rules)) => {
            if asked.body.len() > MAX_BODY {
                return Err(Refusal::Body("too large"));
            }
            let mut fields = Fields::parse(asked.body)?;
            let body = build(&mut fields, rules)?;
            fields.finish()?;
            Ok(Some(body))
        }
        (Operation::Create { .. }, _) => Err(Refusal::OutOfScope("create")),
        // Some clients send an empty object where there is nothing to say.
        _ if asked.body.is_empty() || asked.body == b"{}" => Ok(None),
        _ => Err(Refusal::Body("the operation has none")),
    }
}

/// Labels that the plugin sets, in the field called `name`, must be those that it was given; all of them are set in any case.
pub(super) fn labels(fields: &mut Fields, name: &str, rules: &CreateRules, guard: &Guard) -> Result<BTreeMap<String, String>, Refusal> {
    let ours: BTreeMap<String, String> = rules.labels(&guard.deployment).into_iter().collect();
    for (label, value) in fields.map(name)? {
        if ours.get(&label) != Some(&value) {
            return Err(fields.bad(name, "not the labels that the call was given"));
        }
    }
    Ok(ours)
}

/// The devices that a plugin asked for, in the field called `name`, are exactly the session's, each once: none that it was
/// not promised, and none left out, so that no session runs without what its workspace needs.
pub(super) fn devices(fields: &Fields, name: &str, mut asked: Vec<String>, rules: &CreateRules) -> Result<(), Refusal> {
    let mut ours: Vec<&str> = rules.devices.iter().map(DeviceName::as_str).collect();
    ours.sort_unstable();
    asked.sort_unstable();
    if asked == ours {
        Ok(())
    } else {
        Err(fields.bad(name, "not exactly the session's devices"))
    }
}

/// A limit must be there, and at most what the session was promised. 0 and negative numbers mean "none" to an engine.
pub(super) fn limit(fields: &mut Fields, name: &str, most: u64) -> Result<u64, Refusal> {
    match fields.number(name)? {
        None => Err(fields.bad(name, "is missing")),
        Some(value) if value > most => Err(fields.bad(name, "more than the session's limit")),
        Some(value) => Ok(value),
    }
}
