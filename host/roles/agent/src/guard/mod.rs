//! The guard before an engine's socket: pure functions, no I/O.
//!
//! A runtime plugin's request is read into strict types, checked against an allow-list and **built anew**: not a byte
//! that the plugin sent reaches the engine. What must hold of a container is set here, whatever was asked for. The
//! engine's answers are read and built anew as well: a plugin learns what its work needs, and the guard learns which
//! containers are ours. Objects are addressed only by ids learnt that way.
//!
//! One module per dialect that is read; `other` has only methods and paths, which the operator approved.
//!
//! One module per dialect. To add one: a module with `check` and `answer`, a case in [`Dialect`].

mod answer;
mod body;
pub mod docker;
mod exec;
mod fields;
mod known;
pub mod libpod;
mod limits;
mod operation;
pub mod other;
mod pull;
mod refusal;
mod request;
mod target;

use std::collections::BTreeSet;
use std::sync::Arc;

use gatewright_core::capacity::Resources;
use gatewright_core::record::Network;
use gatewright_core::{DeviceName, SessionId};

pub use exec::{Cut, Exec, ExecId, ExecRules};
pub use known::{ContainerId, Known};
pub use limits::Limit;
pub use operation::{Operation, Signal};
pub use refusal::Refusal;
pub use request::{Method, Request};

/// Where the session's folder is inside of every container.
pub const SESSION_MOUNT: &str = "/run/session";
/// The label that says whose a container is.
pub const DEPLOYMENT_LABEL: &str = "gatewright.deployment";
/// The label that says which kept home a container has.
pub const HOME_LABEL: &str = "gatewright.home";
/// Where the home of a workspace's user is, in every image.
pub const HOME_MOUNT: &str = "/home/user";
/// The label that says which session a container is.
pub const SESSION_LABEL: &str = "gatewright.session";
/// Where programs in a container read which name servers to ask.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";
/// The user that everything in a container runs as, and the owner of the session's folder.
pub const WORKSPACE_UID: u32 = 1000;

/// The language that an engine speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialect {
    /// The Docker Engine API, in this version of it.
    Docker(docker::ApiVersion),
    /// Podman's own API.
    Libpod(libpod::User),
    /// Another one: these requests pass, and what they do is not understood. An *unguarded engine*.
    Other(Arc<[other::AllowedRequest]>),
}

/// What a call of the runtime plugin may do. Made anew for every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Look at the engine and at this deployment's containers; change nothing.
    Node,
    /// Make this one container, or find it made.
    Create(Box<CreateRules>),
    /// Drive what was made for this session.
    Session(SessionId),
    /// Bring this one image.
    Pull(String),
    /// Run one program in what was made for a session.
    Exec(Box<ExecRules>),
}

impl Scope {
    /// The session that the call is about.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::Node | Self::Pull(_) => None,
            Self::Create(rules) => Some(rules.session),
            Self::Session(session) => Some(*session),
            Self::Exec(rules) => Some(rules.session),
        }
    }
}

/// What a container may be, at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateRules {
    /// Whose.
    pub session: SessionId,
    /// The only image.
    pub image: String,
    /// The host name inside.
    pub hostname: String,
    /// Upper limits, all of them.
    pub resources: Resources,
    /// Those of them that the engine is not asked for, since it can't enforce them and the operator accepts that. Podman alone
    /// may fail over a limit that it can't enforce; Docker leaves it out by itself.
    pub unenforced: BTreeSet<Limit>,
    /// The session's folder on the engine's host: the only mount that a plugin asks for, at [`SESSION_MOUNT`].
    pub folder: String,
    /// For a session with a network: the file on the engine's host with its name servers, mounted read-only at [`RESOLV_CONF`].
    /// The engine gives it no network in any case: the agent does.
    pub resolv_conf: Option<String>,
    /// For a session whose home is kept: its folder on the engine's host, named by its id, mounted at [`HOME_MOUNT`].
    pub home: Option<String>,
    /// The devices that the session has. The plugin asks for exactly these, and the engine is asked for nothing else.
    pub devices: Vec<DeviceName>,
}

impl CreateRules {
    /// The labels that the container gets.
    #[must_use]
    pub fn labels(&self, deployment: &str) -> Vec<(String, String)> {
        let network = self
            .resolv_conf
            .as_ref()
            .map(|_| (Network::LABEL.to_owned(), Network::INTERNET.to_owned()));
        let whose = [
            (DEPLOYMENT_LABEL.to_owned(), deployment.to_owned()),
            (SESSION_LABEL.to_owned(), self.session.to_string()),
        ];
        let home = self
            .home
            .as_deref()
            .and_then(|path| path.rsplit('/').next())
            .map(|id| (HOME_LABEL.to_owned(), id.to_owned()));
        whose.into_iter().chain(network).chain(home).collect()
    }
}

/// The guard of one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Whose containers are ours.
    pub deployment: String,
    /// What the engine speaks.
    pub dialect: Dialect,
}

/// A request that may go to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The body, JSON; none where the operation has none.
    pub body: Option<String>,
    /// What it does, needed to read the answer.
    pub operation: Operation,
}

/// An engine's answer that a plugin may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Its type; none where there is no body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer that is not what the operation gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine's answer is not of the expected form")]
pub struct UnexpectedAnswer;

pub use pull::MAX_PULL_LINE;

impl Guard {
    /// Checks a request of a plugin and builds the engine's.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, scope: &Scope, known: &Known, request: &Request<'_>) -> Result<Approved, Refusal> {
        match &self.dialect {
            Dialect::Docker(api) => docker::check(self, *api, scope, known, request),
            Dialect::Libpod(user) => libpod::check(self, *user, scope, known, request),
            Dialect::Other(allowed) => other::check(allowed, request),
        }
    }

    /// The path at which the agent itself looks at a container. None where the engine's language is not read.
    #[must_use]
    pub fn inspect(&self, id: &ContainerId) -> Option<String> {
        match &self.dialect {
            Dialect::Docker(api) => Some(docker::inspect(*api, id)),
            Dialect::Libpod(_) => Some(libpod::inspect(id)),
            Dialect::Other(_) => None,
        }
    }

    /// Reads one line of the engine's answer to a pull, and builds the plugin's. Both dialects have the same form.
    ///
    /// # Errors
    /// [`UnexpectedAnswer`]: nothing of it may be used.
    pub fn pull_line(line: &[u8]) -> Result<Vec<u8>, UnexpectedAnswer> {
        pull::line(line)
    }

    /// The agent's own question about a program that a call runs. None of an engine whose language is not read: there are no
    /// such programs.
    #[must_use]
    pub fn inspect_exec(&self, id: &ExecId) -> Option<Approved> {
        let operation = Operation::ExecInspect(id.clone());
        let target = match &self.dialect {
            Dialect::Docker(api) => docker::target(&operation, *api),
            Dialect::Libpod(_) => libpod::target(&operation),
            Dialect::Other(_) => return None,
        };
        Some(Approved {
            method: Method::Get,
            target,
            body: None,
            operation,
        })
    }

    /// Reads the engine's answer to an approved request, learns from it, and builds the plugin's.
    ///
    /// # Errors
    /// [`UnexpectedAnswer`]: nothing of it may be used.
    pub fn answer(
        &self,
        scope: &Scope,
        known: &mut Known,
        operation: &Operation,
        status: u16,
        body: &[u8],
    ) -> Result<Answer, UnexpectedAnswer> {
        match &self.dialect {
            Dialect::Docker(_) => docker::answer(self, scope, known, operation, status, body),
            Dialect::Libpod(_) => libpod::answer(self, scope, known, operation, status, body),
            Dialect::Other(_) => other::answer(status, body),
        }
    }
}
