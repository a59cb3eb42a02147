//! The Docker Engine API.

mod answer;
mod create;
mod image_name;
mod operation;
#[cfg(test)]
mod tests;

use super::{Approved, Guard, Known, Method, Refusal, Request, Scope, request};
use crate::guard::fields::Fields;
use crate::guard::target::{Target, encode};

pub(super) use answer::answer;
pub use operation::{ApiVersion, Operation, Signal};

/// See [`Guard::check`].
pub(super) fn check(guard: &Guard, api: ApiVersion, scope: &Scope, known: &Known, asked: &Request<'_>) -> Result<Approved, Refusal> {
    let method = Method::parse(asked.method)?;
    request::check_headers(asked)?;
    let target = Target::parse(asked.target)?;
    let operation = operation::parse(guard, scope, known, method, target)?;
    let body = match (&operation, scope) {
        (Operation::Create { .. }, Scope::Create(rules)) => {
            if asked.body.len() > create::MAX_BODY {
                return Err(Refusal::Body("too large"));
            }
            let mut fields = Fields::parse(asked.body)?;
            let body = create::build(&mut fields, rules, guard)?;
            fields.finish()?;
            Some(body)
        }
        (Operation::Create { .. }, _) => return Err(Refusal::OutOfScope("create")),
        // Some clients send an empty object where there is nothing to say.
        _ if asked.body.is_empty() || asked.body == b"{}" => None,
        _ => return Err(Refusal::Body("the operation has none")),
    };
    Ok(Approved {
        method: operation.method(method),
        target: operation.target(api),
        body,
        operation,
    })
}

/// The name of a session's container. One that exists keeps a second from being made.
fn container_name(session: gatewright_core::SessionId) -> String {
    format!("gatewright-{session}")
}

/// Builds a query of names that need no encoding and values that may.
fn query(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        out.push(if out.is_empty() { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        out.push_str(&encode(value));
    }
    out
}
