//! Programs that are run in a session's container: what may be asked for, alike in both dialects.

use std::fmt;
use std::time::Duration;

use gatewright_core::SessionId;
use serde::{Deserialize, Serialize};

use super::answer::{json, parse};
use super::fields::Fields;
use super::{Answer, ContainerId, Known, Operation, Refusal, Request, Scope, UnexpectedAnswer, WORKSPACE_UID};

/// The largest body that is looked at, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// What a call may run: this, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecRules {
    /// Where.
    pub session: SessionId,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// What is kept of what it writes, in bytes.
    pub bytes: u32,
    /// How long it may run.
    pub time: Duration,
    /// Tells the calls apart.
    pub call: u64,
}

/// An engine's id for a program that it runs: of the same form as a container's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExecId(ContainerId);

impl ExecId {
    /// Reads exactly the full form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        ContainerId::parse(text).map(Self)
    }
}

impl fmt::Display for ExecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A program that the guard let a call run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    /// Which.
    pub id: ExecId,
    /// Whose call it is.
    pub call: u64,
    /// Where it runs.
    pub container: ContainerId,
    /// Its process on the engine's machine, as the engine said last; none where it does not run.
    pub pid: Option<u32>,
    /// Why not all that it writes is read.
    pub cut: Option<Cut>,
}

/// Why an answer was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It is larger than what is wanted.
    TooMuch,
    /// It takes longer than it may.
    TooLong,
}

/// The container that a call may run its program in.
pub(super) fn place(scope: &Scope, id: ContainerId) -> Result<Operation, Refusal> {
    match scope {
        Scope::Exec(_) => Ok(Operation::ExecCreate(id)),
        _ => Err(Refusal::OutOfScope("exec")),
    }
}

/// A program that this very call runs.
pub(super) fn own(scope: &Scope, known: &Known, text: &str) -> Result<ExecId, Refusal> {
    let id = ExecId::parse(text).ok_or(Refusal::Exec)?;
    match scope {
        Scope::Exec(rules) if known.exec(&id).is_some_and(|exec| exec.call == rules.call) => Ok(id),
        _ => Err(Refusal::Exec),
    }
}

/// The engine's body. As the workspace's user, without a terminal, input, privilege or variables, whatever was asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Wish<'a> {
    attach_stdin: bool,
    attach_stdout: bool,
    attach_stderr: bool,
    tty: bool,
    privileged: bool,
    user: String,
    cmd: &'a [String],
}

/// Reads the body of a request about a program strictly and builds the engine's.
pub(super) fn body(operation: &Operation, scope: &Scope, asked: &Request<'_>) -> Result<String, Refusal> {
    let Scope::Exec(rules) = scope else {
        return Err(Refusal::OutOfScope("exec"));
    };
    if asked.body.len() > MAX_BODY {
        return Err(Refusal::Body("too large"));
    }
    let mut fields = Fields::parse(asked.body)?;
    if matches!(operation, Operation::ExecStart(_)) {
        fields.finish()?;
        return Ok(r#"{"Detach":false,"Tty":false}"#.to_owned());
    }
    let user = format!("{WORKSPACE_UID}:{WORKSPACE_UID}");
    fields.only("User", &[&user])?;
    fields.flag("AttachStdout")?;
    fields.flag("AttachStderr")?;
    if fields.texts("Cmd")? != rules.argv {
        return Err(fields.bad("Cmd", "not the program that the call was given"));
    }
    fields.finish()?;
    let wish = Wish {
        attach_stdin: false,
        attach_stdout: true,
        attach_stderr: true,
        tty: false,
        privileged: false,
        user,
        cmd: &rules.argv,
    };
    serde_json::to_string(&wish).map_err(|_| Refusal::Body("not JSON"))
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "ContainerID")]
    container_id: String,
    running: bool,
    exit_code: Option<i64>,
    #[serde(default)]
    pid: u32,
}

/// What the plugin learns: not which process it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    running: bool,
    exit_code: Option<i64>,
}

/// The engine made a program ready to run.
pub(super) fn created(
    scope: &Scope,
    known: &mut Known,
    container: &ContainerId,
    status: u16,
    body: &[u8],
) -> Result<Answer, UnexpectedAnswer> {
    let Scope::Exec(rules) = scope else {
        return Err(UnexpectedAnswer);
    };
    let created: Created = parse(body)?;
    known.learn_exec(Exec {
        id: ExecId::parse(&created.id).ok_or(UnexpectedAnswer)?,
        call: rules.call,
        container: container.clone(),
        pid: None,
        cut: None,
    });
    json(status, &created)
}

/// The engine told of a program.
pub(super) fn inspected(known: &mut Known, id: &ExecId, status: u16, body: &[u8]) -> Result<Answer, UnexpectedAnswer> {
    let inspected: Inspected = parse(body)?;
    let exec = known.exec_mut(id).ok_or(UnexpectedAnswer)?;
    if ExecId::parse(&inspected.id).as_ref() != Some(id) || inspected.container_id != exec.container.as_str() {
        return Err(UnexpectedAnswer);
    }
    exec.pid = Some(inspected.pid).filter(|pid| inspected.running && *pid > 0);
    let told = Told {
        running: inspected.running,
        exit_code: inspected.exit_code.filter(|_| !inspected.running),
    };
    json(status, &told)
}
