//! The allow-list: what a runtime plugin may ask of a Docker engine, and how it is asked.

use crate::guard::exec;
use crate::guard::operation::{
    Operation, container_name, grace, image, in_scope, label_filter, list, logs, logs_query, own_container, pulled, signal,
};
use crate::guard::refusal::quoted;
use crate::guard::target::{Query, Target, flag, query};
use crate::guard::{Guard, Known, Method, Refusal, Scope};

/// A minor version of the Docker Engine API, of major version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion(u16);

impl ApiVersion {
    /// The oldest that has all that the guard builds: Docker 20.10.
    pub const OLDEST: Self = Self(41);
    /// The first that gives devices by their CDI names: Docker 25.
    pub const CDI: Self = Self(44);
    /// The newest that the guard's requests were checked against the documentation of.
    pub const NEWEST: Self = Self(51);

    /// The version to speak with an engine whose newest is `text` (`1.41`): that one, or the newest we know.
    /// None where it is too old or not a version.
    #[must_use]
    pub fn negotiate(text: &str) -> Option<Self> {
        let minor = text.strip_prefix("1.")?.parse().ok().map(Self)?;
        (minor >= Self::OLDEST).then_some(minor.min(Self::NEWEST))
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

/// Path and query, built from checked values only.
pub(in crate::guard) fn target(operation: &Operation, api: ApiVersion) -> String {
    let rest = match operation {
        // Without a version: it is how the version is found out.
        // What is not read is never made by `parse`.
        Operation::Ping | Operation::Unread { .. } => return "/_ping".to_owned(),
        Operation::Version => "version".to_owned(),
        Operation::Info => "info".to_owned(),
        Operation::Images => "images/json".to_owned(),
        Operation::Image { name } => format!("images/{name}/json"),
        Operation::Pull { name } => format!("images/create{}", query(&[("fromImage", name)])),
        Operation::Create { session } => {
            format!("containers/create{}", query(&[("name", &container_name(*session))]))
        }
        Operation::Start(id) => format!("containers/{id}/start"),
        Operation::Stop { id, grace_secs } => {
            format!("containers/{id}/stop{}", query(&[("t", &grace_secs.to_string())]))
        }
        Operation::Kill { id, signal } => {
            format!("containers/{id}/kill{}", query(&[("signal", signal.as_str())]))
        }
        Operation::Pause(id) => format!("containers/{id}/pause"),
        Operation::Resume(id) => format!("containers/{id}/unpause"),
        Operation::Inspect(id) => format!("containers/{id}/json"),
        Operation::Stats(id) => {
            format!("containers/{id}/stats{}", query(&[("one-shot", "true"), ("stream", "false")]))
        }
        Operation::Logs { id, lines } => format!("containers/{id}/logs{}", logs_query(*lines)),
        Operation::Remove { id, force } => {
            format!("containers/{id}{}", query(&[("force", flag(*force)), ("v", "true")]))
        }
        Operation::ExecCreate(id) => format!("containers/{id}/exec"),
        Operation::ExecStart(id) => format!("exec/{id}/start"),
        Operation::ExecInspect(id) => format!("exec/{id}/json"),
        Operation::List { deployment, session, all } => {
            let filters = label_filter(deployment, *session);
            format!("containers/json{}", query(&[("all", flag(*all)), ("filters", &filters)]))
        }
    };
    format!("/v{api}/{rest}")
}

/// Finds the operation that a request asks for.
pub(super) fn parse(guard: &Guard, scope: &Scope, known: &Known, method: Method, target: Target<'_>) -> Result<Operation, Refusal> {
    let Target { segments, mut query } = target;
    let path = match segments.split_first() {
        Some((first, rest)) if is_api_version(first) => rest,
        _ => segments.as_slice(),
    };
    let own = |id: &str| own_container(scope, known, id);
    let operation = match (method, path) {
        (Method::Get | Method::Head, ["_ping"]) => Operation::Ping,
        (Method::Get, ["version"]) => Operation::Version,
        (Method::Get, ["info"]) => Operation::Info,
        (Method::Get, ["images", "json"]) => {
            // All three change nothing that the answer's form lets through.
            query.take_flag("all")?;
            query.take_flag("digests")?;
            Operation::Images
        }
        (Method::Get, ["images", name @ .., "json"]) => Operation::Image {
            name: image(scope, &name.join("/"))?,
        },
        // Its other parameters make images of archives and rename them; no registry's password is ever sent.
        (Method::Post, ["images", "create"]) => pulled(scope, query.take("fromImage"))?,
        (Method::Post, ["containers", "create"]) => create(scope, &mut query)?,
        (Method::Get, ["containers", "json"]) => list(guard, scope, &mut query)?,
        (Method::Get, ["containers", id, "json"]) => {
            let id = own(id)?;
            if query.take_flag("size")? {
                return Err(Refusal::Query("size".to_owned()));
            }
            Operation::Inspect(id)
        }
        (Method::Post, ["containers", id, "start"]) => Operation::Start(own(id)?),
        (Method::Post, ["containers", id, "stop"]) => Operation::Stop {
            id: own(id)?,
            grace_secs: grace(&mut query, "t")?,
        },
        (Method::Post, ["containers", id, "kill"]) => Operation::Kill {
            id: own(id)?,
            signal: signal(&mut query)?,
        },
        (Method::Post, ["containers", id, "pause"]) => Operation::Pause(own(id)?),
        (Method::Post, ["containers", id, "unpause"]) => Operation::Resume(own(id)?),
        (Method::Get, ["containers", id, "stats"]) => {
            let id = own(id)?;
            if query.take_flag("stream")? {
                return Err(Refusal::Query("stream".to_owned()));
            }
            Operation::Stats(id)
        }
        (Method::Get, ["containers", id, "logs"]) => logs(own(id)?, &mut query)?,
        (Method::Post, ["containers", id, "exec"]) => exec::place(scope, own(id)?)?,
        (Method::Post, ["exec", id, "start"]) => Operation::ExecStart(exec::own(scope, known, id)?),
        (Method::Get, ["exec", id, "json"]) => Operation::ExecInspect(exec::own(scope, known, id)?),
        (Method::Delete, ["containers", id]) => {
            let id = own(id)?;
            // Unnamed volumes are always removed with it.
            query.take_flag("v")?;
            Operation::Remove {
                id,
                force: query.take_flag("force")?,
            }
        }
        _ => {
            return Err(Refusal::Operation(quoted(&format!("{} /{}", method.as_str(), path.join("/")))));
        }
    };
    query.finish()?;
    in_scope(scope, &operation)?;
    Ok(operation)
}

/// `v1.24` to `v1.51`; the guard speaks its own version in any case.
fn is_api_version(segment: &str) -> bool {
    segment
        .strip_prefix("v1.")
        .filter(|minor| minor.len() == 2)
        .and_then(|minor| minor.parse::<u16>().ok())
        .is_some_and(|minor| (24..=ApiVersion::NEWEST.0).contains(&minor))
}

fn create(scope: &Scope, query: &mut Query) -> Result<Operation, Refusal> {
    let Scope::Create(rules) = scope else {
        return Err(Refusal::OutOfScope("create"));
    };
    match query.take("name") {
        Some(name) if name != container_name(rules.session) => Err(Refusal::Query("name".to_owned())),
        _ => Ok(Operation::Create { session: rules.session }),
    }
}
