//! The Docker Engine API.

mod answer;
mod create;
mod operation;
#[cfg(test)]
mod tests;

use super::{Approved, ContainerId, Guard, Known, Method, Operation, Refusal, Request, Scope, request};
use crate::guard::body::body;
use crate::guard::target::Target;

pub(super) use answer::answer;
pub use operation::ApiVersion;
pub(super) use operation::target;

/// See [`Guard::inspect`].
pub(super) fn inspect(api: ApiVersion, id: &ContainerId) -> String {
    operation::target(&Operation::Inspect(id.clone()), api)
}

/// See [`Guard::check`].
pub(super) fn check(guard: &Guard, api: ApiVersion, scope: &Scope, known: &Known, asked: &Request<'_>) -> Result<Approved, Refusal> {
    let method = Method::parse(asked.method)?;
    request::check_headers(asked)?;
    let target = Target::parse(asked.target)?;
    let operation = operation::parse(guard, scope, known, method, target)?;
    let body = body(&operation, scope, asked, |fields, rules| create::build(fields, rules, guard, api))?;
    Ok(Approved {
        method: operation.method(method),
        target: operation::target(&operation, api),
        body,
        operation,
    })
}
