//! Podman's own API. Its compatibility layer for Docker clients is not in the allow-list.

mod answer;
mod create;
mod operation;
#[cfg(test)]
mod tests;

use super::{Approved, ContainerId, Guard, Known, Method, Operation, Refusal, Request, Scope, request};
use crate::guard::body::body;
use crate::guard::target::Target;

pub(super) use answer::answer;
pub(super) use operation::target;

/// The oldest version of the engine that has all that the guard builds: the first to map a rootless engine's user to a
/// chosen one inside.
pub const OLDEST: (u32, u32) = (4, 3);
/// The version of the API that is spoken. Podman 4 and 5 answer to it alike.
const API: &str = "v4.0.0";
/// Where an engine tells of itself: asked once, by the agent, to learn whose it is.
pub const INFO: &str = "/v4.0.0/libpod/info";

/// Whose engine it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Root's.
    Rootful,
    /// An ordinary user's: who a session is inside is that user outside.
    Rootless,
}

impl User {
    /// Reads an engine's version (`4.3.1`) and what it tells of itself. None where it is too old, or no Podman.
    #[must_use]
    pub fn negotiate(version: &str, info: &[u8]) -> Option<Self> {
        let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
        let (major, minor) = (parts.next()??, parts.next()??);
        if (major, minor) < OLDEST {
            return None;
        }
        answer::is_rootless(info).map(|rootless| if rootless { Self::Rootless } else { Self::Rootful })
    }
}

/// See [`Guard::inspect`].
pub(super) fn inspect(id: &ContainerId) -> String {
    operation::target(&Operation::Inspect(id.clone()))
}

/// See [`Guard::check`].
pub(super) fn check(guard: &Guard, user: User, scope: &Scope, known: &Known, asked: &Request<'_>) -> Result<Approved, Refusal> {
    let method = Method::parse(asked.method)?;
    request::check_headers(asked)?;
    let target = Target::parse(asked.target)?;
    let operation = operation::parse(guard, scope, known, method, target)?;
    let body = body(&operation, scope, asked, |fields, rules| create::build(fields, rules, guard, user))?;
    Ok(Approved {
        method: operation.method(method),
        target: operation::target(&operation),
        body,
        operation,
    })
}
