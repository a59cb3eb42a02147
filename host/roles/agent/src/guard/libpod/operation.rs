//! The allow-list: what a runtime plugin may ask of a Podman engine, and how it is asked.

use super::API;
use crate::guard::exec;
use crate::guard::operation::{Operation, grace, image, in_scope, label_filter, list, logs, logs_query, own_container, pulled, signal};
use crate::guard::refusal::quoted;
use crate::guard::target::{Target, flag, query};
use crate::guard::{Guard, Known, Method, Refusal, Scope};

/// Path and query, built from checked values only.
pub(in crate::guard) fn target(operation: &Operation) -> String {
    let rest = match operation {
        // Without a version: it is how the version is found out.
        // What is not read is never made by `parse`.
        Operation::Ping | Operation::Unread { .. } => return "/_ping".to_owned(),
        Operation::Version => "version".to_owned(),
        Operation::Info => "info".to_owned(),
        Operation::Images => "images/json".to_owned(),
        Operation::Image { name } => format!("images/{name}/json"),
        Operation::Pull { name } => format!("images/pull{}", query(&[("reference", name), ("quiet", "false")])),
        // The name is in the body.
        Operation::Create { .. } => "containers/create".to_owned(),
        Operation::Start(id) => format!("containers/{id}/start"),
        Operation::Stop { id, grace_secs } => {
            format!("containers/{id}/stop{}", query(&[("timeout", &grace_secs.to_string())]))
        }
        Operation::Kill { id, signal } => {
            format!("containers/{id}/kill{}", query(&[("signal", signal.as_str())]))
        }
        Operation::Pause(id) => format!("containers/{id}/pause"),
        Operation::Resume(id) => format!("containers/{id}/unpause"),
        Operation::Inspect(id) => format!("containers/{id}/json"),
        Operation::Stats(id) => {
            format!("containers/stats{}", query(&[("containers", id.as_str()), ("stream", "false")]))
        }
        Operation::Logs { id, lines } => format!("containers/{id}/logs{}", logs_query(*lines)),
        Operation::Remove { id, force: true } => {
            // Without a timeout of 0 the engine waits for it to end by itself.
            format!("containers/{id}{}", query(&[("force", "true"), ("timeout", "0"), ("v", "true")]))
        }
        Operation::Remove { id, force: false } => format!("containers/{id}{}", query(&[("v", "true")])),
        Operation::ExecCreate(id) => format!("containers/{id}/exec"),
        Operation::ExecStart(id) => format!("exec/{id}/start"),
        Operation::ExecInspect(id) => format!("exec/{id}/json"),
        Operation::List { deployment, session, all } => {
            let filters = label_filter(deployment, *session);
            format!("containers/json{}", query(&[("all", flag(*all)), ("filters", &filters)]))
        }
    };
    format!("/{API}/libpod/{rest}")
}

/// Finds the operation that a request asks for.
pub(super) fn parse(guard: &Guard, scope: &Scope, known: &Known, method: Method, target: Target<'_>) -> Result<Operation, Refusal> {
    let Target { segments, mut query } = target;
    let path = match segments.as_slice() {
        [version, "libpod", path @ ..] if is_api_version(version) => path,
        // The one path that all of them have.
        ["_ping"] => &["_ping"],
        _ => &[],
    };
    let own = |id: &str| own_container(scope, known, id);
    let operation = match (method, path) {
        (Method::Get | Method::Head, ["_ping"]) => Operation::Ping,
        (Method::Get, ["version"]) => Operation::Version,
        (Method::Get, ["info"]) => Operation::Info,
        (Method::Get, ["images", "json"]) => {
            // It changes nothing that the answer's form lets through.
            query.take_flag("all")?;
            Operation::Images
        }
        (Method::Get, ["images", name @ .., "json"]) => Operation::Image {
            name: image(scope, &name.join("/"))?,
        },
        // Its other parameters switch off the check of the registry's certificate, and send passwords.
        (Method::Post, ["images", "pull"]) => {
            let name = query.take("reference");
            if query.take_flag("quiet")? {
                return Err(Refusal::Query("quiet".to_owned()));
            }
            pulled(scope, name)?
        }
        (Method::Post, ["containers", "create"]) => match scope {
            Scope::Create(rules) => Operation::Create { session: rules.session },
            _ => return Err(Refusal::OutOfScope("create")),
        },
        (Method::Get, ["containers", "json"]) => list(guard, scope, &mut query)?,
        (Method::Get, ["containers", id, "json"]) => Operation::Inspect(own(id)?),
        (Method::Post, ["containers", id, "start"]) => Operation::Start(own(id)?),
        (Method::Post, ["containers", id, "stop"]) => Operation::Stop {
            id: own(id)?,
            grace_secs: grace(&mut query, "timeout")?,
        },
        (Method::Post, ["containers", id, "kill"]) => Operation::Kill {
            id: own(id)?,
            signal: signal(&mut query)?,
        },
        (Method::Post, ["containers", id, "pause"]) => Operation::Pause(own(id)?),
        (Method::Post, ["containers", id, "unpause"]) => Operation::Resume(own(id)?),
        (Method::Get, ["containers", "stats"]) => {
            let id = own(&query.take("containers").unwrap_or_default())?;
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
            return Err(Refusal::Operation(quoted(&format!("{} /{}", method.as_str(), segments.join("/")))));
        }
    };
    query.finish()?;
    in_scope(scope, &operation)?;
    Ok(operation)
}

/// `v4.0.0` to `v5.99.99`; the guard speaks its own version in any case.
fn is_api_version(segment: &str) -> bool {
    let Some((major, rest)) = segment.split_once('.') else {
        return false;
    };
    let number = |text: &str| matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    matches!(major, "v4" | "v5") && rest.split_once('.').is_some_and(|(minor, patch)| number(minor) && number(patch))
}
