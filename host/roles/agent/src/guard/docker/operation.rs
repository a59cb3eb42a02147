//! The allow-list: what a runtime plugin may ask of a Docker engine, and how it is asked.

use gatewright_core::SessionId;

use super::image_name::is_image_name;
use super::{container_name, query};
use crate::guard::fields::Fields;
use crate::guard::refusal::quoted;
use crate::guard::target::{Query, Target};
use crate::guard::{ContainerId, DEPLOYMENT_LABEL, Guard, Known, Method, Refusal, SESSION_LABEL, Scope};

/// The longest that an engine may be asked to wait for a container to end.
const MAX_STOP_SECS: u32 = 120;

/// A minor version of the Docker Engine API, of major version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion(u16);

impl ApiVersion {
    /// The oldest that has all that the guard builds: Docker 20.10.
    pub const OLDEST: Self = Self(41);
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

/// What may be asked. Every value in it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Does it answer?
    Ping,
    /// Its version.
    Version,
    /// Its machine and abilities.
    Info,
    /// The images that it has.
    Images,
    /// One image.
    Image {
        /// Its name.
        name: String,
    },
    /// Make a container.
    Create {
        /// Whose.
        session: SessionId,
    },
    /// Start one.
    Start(ContainerId),
    /// Ask one to end, kill it after a while.
    Stop {
        /// Which.
        id: ContainerId,
        /// How long to wait.
        grace_secs: u32,
    },
    /// Send it a signal.
    Kill {
        /// Which.
        id: ContainerId,
        /// Which signal.
        signal: Signal,
    },
    /// Look at one.
    Inspect(ContainerId),
    /// Remove one, with its unnamed volumes.
    Remove {
        /// Which.
        id: ContainerId,
        /// Kill it first.
        force: bool,
    },
    /// Look at this deployment's containers.
    List {
        /// The deployment.
        deployment: String,
        /// Only this session's.
        session: Option<SessionId>,
        /// Those that don't run, too.
        all: bool,
    },
}

/// The signals that may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ends it.
    Kill,
    /// Asks it to end.
    Term,
}

impl Operation {
    /// The method to use: as asked where there is a choice.
    pub(super) fn method(&self, asked: Method) -> Method {
        match self {
            Self::Ping => asked,
            Self::Version | Self::Info | Self::Images | Self::Image { .. } | Self::Inspect(_) | Self::List { .. } => Method::Get,
            Self::Create { .. } | Self::Start(_) | Self::Stop { .. } | Self::Kill { .. } => Method::Post,
            Self::Remove { .. } => Method::Delete,
        }
    }

    /// Whether the engine is another after it.
    #[must_use]
    pub fn changes_something(&self) -> bool {
        matches!(
            self,
            Self::Create { .. } | Self::Start(_) | Self::Stop { .. } | Self::Kill { .. } | Self::Remove { .. }
        )
    }

    /// Path and query, built from checked values only.
    pub(super) fn target(&self, api: ApiVersion) -> String {
        let rest = match self {
            // Without a version: it is how the version is found out.
            Self::Ping => return "/_ping".to_owned(),
            Self::Version => "version".to_owned(),
            Self::Info => "info".to_owned(),
            Self::Images => "images/json".to_owned(),
            Self::Image { name } => format!("images/{name}/json"),
            Self::Create { session } => {
                format!("containers/create{}", query(&[("name", &container_name(*session))]))
            }
            Self::Start(id) => format!("containers/{id}/start"),
            Self::Stop { id, grace_secs } => {
                format!("containers/{id}/stop{}", query(&[("t", &grace_secs.to_string())]))
            }
            Self::Kill { id, signal } => {
                let signal = match signal {
                    Signal::Kill => "SIGKILL",
                    Signal::Term => "SIGTERM",
                };
                format!("containers/{id}/kill{}", query(&[("signal", signal)]))
            }
            Self::Inspect(id) => format!("containers/{id}/json"),
            Self::Remove { id, force } => {
                format!("containers/{id}{}", query(&[("force", flag(*force)), ("v", "true")]))
            }
            Self::List { deployment, session, all } => {
                let mut labels = vec![format!("{DEPLOYMENT_LABEL}={deployment}")];
                labels.extend(session.map(|session| format!("{SESSION_LABEL}={session}")));
                let filters = serde_json::json!({ "label": labels }).to_string();
                format!("containers/json{}", query(&[("all", flag(*all)), ("filters", &filters)]))
            }
        };
        format!("/v{api}/{rest}")
    }
}

const fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
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
            grace_secs: grace(&mut query)?,
        },
        (Method::Post, ["containers", id, "kill"]) => Operation::Kill {
            id: own(id)?,
            signal: signal(&mut query)?,
        },
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

/// Whether the call that runs now may do this at all.
fn in_scope(scope: &Scope, operation: &Operation) -> Result<(), Refusal> {
    let name = match operation {
        Operation::Ping
        | Operation::Version
        | Operation::Info
        | Operation::Images
        | Operation::Image { .. }
        | Operation::Inspect(_)
        | Operation::List { .. } => return Ok(()),
        Operation::Create { .. } => "create",
        Operation::Start(_) => "start",
        Operation::Stop { .. } => "stop",
        Operation::Kill { .. } => "kill",
        Operation::Remove { .. } => "remove",
    };
    match (scope, operation) {
        (Scope::Session(_), operation) if !matches!(operation, Operation::Create { .. }) => Ok(()),
        (Scope::Create(_), Operation::Create { .. }) => Ok(()),
        _ => Err(Refusal::OutOfScope(name)),
    }
}

/// A container's id, where it is one of ours and, if the call is about one session, of that session.
fn own_container(scope: &Scope, known: &Known, text: &str) -> Result<ContainerId, Refusal> {
    let id = ContainerId::parse(text).ok_or(Refusal::Container)?;
    let session = known.session_of(&id).ok_or(Refusal::Container)?;
    match scope.session() {
        Some(wanted) if wanted != session => Err(Refusal::Container),
        _ => Ok(id),
    }
}

fn image(scope: &Scope, name: &str) -> Result<String, Refusal> {
    let allowed = match scope {
        Scope::Create(rules) => rules.image == name,
        Scope::Node => true,
        Scope::Session(_) => false,
    };
    if !is_image_name(name) {
        return Err(Refusal::Target("not the name of an image"));
    }
    if !allowed {
        return Err(Refusal::OutOfScope("this image"));
    }
    Ok(name.to_owned())
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

fn grace(query: &mut Query) -> Result<u32, Refusal> {
    let Some(text) = query.take("t") else {
        return Ok(10);
    };
    match text.parse() {
        Ok(secs) if secs <= MAX_STOP_SECS && text.bytes().all(|b| b.is_ascii_digit()) => Ok(secs),
        _ => Err(Refusal::Query("t".to_owned())),
    }
}

fn signal(query: &mut Query) -> Result<Signal, Refusal> {
    match query.take("signal").as_deref() {
        None | Some("SIGKILL" | "KILL" | "9") => Ok(Signal::Kill),
        Some("SIGTERM" | "TERM" | "15") => Ok(Signal::Term),
        Some(_) => Err(Refusal::Query("signal".to_owned())),
    }
}

/// The filter is forced to this deployment and, in a call about one session, to that session.
fn list(guard: &Guard, scope: &Scope, query: &mut Query) -> Result<Operation, Refusal> {
    let bad = || Refusal::Query("filters".to_owned());
    let mut session = scope.session();
    let all = query.take_flag("all")?;
    if let Some(text) = query.take("filters") {
        let mut filters = Fields::parse(text.as_bytes()).map_err(|_| bad())?;
        for label in filters.texts("label").map_err(|_| bad())? {
            let (name, value) = label.split_once('=').ok_or_else(bad)?;
            match name {
                DEPLOYMENT_LABEL if value == guard.deployment => {}
                SESSION_LABEL => {
                    let asked: SessionId = value.parse().map_err(|_| bad())?;
                    if session.is_some_and(|session| session != asked) {
                        return Err(bad());
                    }
                    session = Some(asked);
                }
                _ => return Err(bad()),
            }
        }
        filters.finish().map_err(|_| bad())?;
    }
    Ok(Operation::List {
        deployment: guard.deployment.clone(),
        session,
        all,
    })
}
