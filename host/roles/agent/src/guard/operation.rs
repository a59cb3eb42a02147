//! What may be asked of an engine, whatever it speaks. Every value in it was checked.

use gatewright_core::SessionId;
use gatewright_core::image_name::{is_exact, is_image_name};

use super::fields::Fields;
use super::target::Query;
use super::{ContainerId, DEPLOYMENT_LABEL, ExecId, Guard, Known, Method, Refusal, SESSION_LABEL, Scope};

/// The longest that an engine may be asked to wait for a container to end.
const MAX_STOP_SECS: u32 = 120;
/// The most lines of a log that may be asked for.
const MAX_LOG_LINES: u32 = 10_000;

/// One thing that an engine is asked to do.
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
    /// Bring an image from its registry.
    Pull {
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
    /// Freeze one.
    Pause(ContainerId),
    /// Let it go on.
    Resume(ContainerId),
    /// Look at one.
    Inspect(ContainerId),
    /// What it uses.
    Stats(ContainerId),
    /// What its first process wrote.
    Logs {
        /// Of which.
        id: ContainerId,
        /// At most so many lines, the newest.
        lines: u32,
    },
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
    /// Make a program ready to run in a container.
    ExecCreate(ContainerId),
    /// Run it, and read what it writes.
    ExecStart(ExecId),
    /// Whether it runs, and how it ended.
    ExecInspect(ExecId),
    /// Something of an engine whose language is not read.
    Unread {
        /// As asked.
        method: Method,
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
            Self::Stats(_) | Self::Logs { .. } | Self::ExecInspect(_) => Method::Get,
            Self::Pull { .. } | Self::Create { .. } | Self::Start(_) | Self::Stop { .. } | Self::Kill { .. } => Method::Post,
            Self::Pause(_) | Self::Resume(_) | Self::ExecCreate(_) | Self::ExecStart(_) => Method::Post,
            Self::Remove { .. } => Method::Delete,
            Self::Unread { method } => *method,
        }
    }

    /// Whether the engine is another after it.
    #[must_use]
    pub fn changes_something(&self) -> bool {
        match self {
            // A pull is broken off with its request: what it has brought so far is nothing to undo.
            Self::Pull { .. } => false,
            Self::Create { .. } | Self::Start(_) | Self::Stop { .. } | Self::Kill { .. } | Self::Remove { .. } => true,
            Self::Pause(_) | Self::Resume(_) | Self::ExecCreate(_) | Self::ExecStart(_) => true,
            Self::Unread { method } => !matches!(method, Method::Get | Method::Head),
            _ => false,
        }
    }
}

/// Whether the call that runs now may do this at all.
pub(super) fn in_scope(scope: &Scope, operation: &Operation) -> Result<(), Refusal> {
    let name = match operation {
        Operation::Ping
        | Operation::Version
        | Operation::Info
        | Operation::Images
        | Operation::Image { .. }
        | Operation::Inspect(_)
        | Operation::List { .. } => return Ok(()),
        Operation::Pull { .. } => "pull",
        Operation::Create { .. } => "create",
        Operation::Start(_) => "start",
        Operation::Stop { .. } => "stop",
        Operation::Kill { .. } => "kill",
        Operation::Pause(_) => "pause",
        Operation::Resume(_) => "resume",
        Operation::Stats(_) => "stats",
        Operation::Logs { .. } => "logs",
        Operation::ExecCreate(_) | Operation::ExecStart(_) | Operation::ExecInspect(_) => "exec",
        Operation::Remove { .. } => "remove",
        Operation::Unread { .. } => "of another engine",
    };
    match (scope, operation) {
        // Where the program is one of the call's was looked at before.
        (Scope::Exec(_), Operation::ExecCreate(_) | Operation::ExecStart(_) | Operation::ExecInspect(_)) => Ok(()),
        (_, Operation::ExecCreate(_) | Operation::ExecStart(_) | Operation::ExecInspect(_)) => Err(Refusal::OutOfScope(name)),
        (Scope::Session(_), operation)
            if !matches!(
                operation,
                Operation::Create { .. } | Operation::Pull { .. } | Operation::Unread { .. }
            ) =>
        {
            Ok(())
        }
        (Scope::Pull(wanted), Operation::Pull { name }) if wanted == name => Ok(()),
        (Scope::Create(_), Operation::Create { .. }) => Ok(()),
        _ => Err(Refusal::OutOfScope(name)),
    }
}

/// A container's id, where it is one of ours and, if the call is about one session, of that session.
pub(super) fn own_container(scope: &Scope, known: &Known, text: &str) -> Result<ContainerId, Refusal> {
    let id = ContainerId::parse(text).ok_or(Refusal::Container)?;
    let session = known.session_of(&id).ok_or(Refusal::Container)?;
    match scope.session() {
        Some(wanted) if wanted != session => Err(Refusal::Container),
        _ => Ok(id),
    }
}

/// The name of an image, where the call may look at it.
pub(super) fn image(scope: &Scope, name: &str) -> Result<String, Refusal> {
    let allowed = match scope {
        Scope::Create(rules) => rules.image == name,
        Scope::Node => true,
        Scope::Pull(wanted) => wanted == name,
        Scope::Session(_) | Scope::Exec(_) => false,
    };
    if !is_image_name(name) {
        return Err(Refusal::Target("not the name of an image"));
    }
    if !allowed {
        return Err(Refusal::OutOfScope("this image"));
    }
    Ok(name.to_owned())
}

/// The name of the image that is to be brought: one image, whose registry the engine finds in it. An id names nothing that
/// a registry has, and a name without a tag is all images of that name to some engines.
pub(super) fn pulled(scope: &Scope, name: Option<String>) -> Result<Operation, Refusal> {
    let name = name.ok_or(Refusal::Target("no image is named"))?;
    if !is_exact(&name) || name.starts_with("sha256:") {
        return Err(Refusal::Target("not the name of one image"));
    }
    Ok(Operation::Pull {
        name: image(scope, &name)?,
    })
}

/// How long to wait for a container to end: the parameter called `name`, in whole seconds.
pub(super) fn grace(query: &mut Query, name: &str) -> Result<u32, Refusal> {
    let Some(text) = query.take(name) else {
        return Ok(10);
    };
    match text.parse() {
        Ok(secs) if secs <= MAX_STOP_SECS && text.bytes().all(|b| b.is_ascii_digit()) => Ok(secs),
        _ => Err(Refusal::Query(name.to_owned())),
    }
}

/// The newest lines of a log: both streams, and what is there now.
pub(super) fn logs(id: ContainerId, query: &mut Query) -> Result<Operation, Refusal> {
    query.take_flag("stdout")?;
    query.take_flag("stderr")?;
    let lines = query.take("tail").and_then(|text| text.parse().ok());
    match lines {
        Some(lines @ 1..=MAX_LOG_LINES) => Ok(Operation::Logs { id, lines }),
        _ => Err(Refusal::Query("tail".to_owned())),
    }
}

/// How both dialects ask for a log.
pub(super) fn logs_query(lines: u32) -> String {
    super::target::query(&[("stderr", "true"), ("stdout", "true"), ("tail", &lines.to_string())])
}

/// The signal of `kill`.
pub(super) fn signal(query: &mut Query) -> Result<Signal, Refusal> {
    match query.take("signal").as_deref() {
        None | Some("SIGKILL" | "KILL" | "9") => Ok(Signal::Kill),
        Some("SIGTERM" | "TERM" | "15") => Ok(Signal::Term),
        Some(_) => Err(Refusal::Query("signal".to_owned())),
    }
}

/// The filter is forced to this deployment and, in a call about one session, to that session.
pub(super) fn list(guard: &Guard, scope: &Scope, query: &mut Query) -> Result<Operation, Refusal> {
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

/// The filter that names this deployment and, where there is one, the session. Docker and Podman read the same form.
pub(super) fn label_filter(deployment: &str, session: Option<SessionId>) -> String {
    let mut labels = vec![format!("{DEPLOYMENT_LABEL}={deployment}")];
    labels.extend(session.map(|session| format!("{SESSION_LABEL}={session}")));
    serde_json::json!({ "label": labels }).to_string()
}

/// The name of a session's container. One that exists keeps a second from being made.
pub(super) fn container_name(session: SessionId) -> String {
    format!("gatewright-{session}")
}

impl Signal {
    /// As engines read it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::Term => "SIGTERM",
        }
    }
}
