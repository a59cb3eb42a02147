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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::guard::{Dialect, Guard, docker, libpod};

    fn session() -> SessionId {
        SessionId::from_uuid(Uuid::from_u128(1))
    }

    fn scope(call: u64) -> Scope {
        Scope::Exec(Box::new(ExecRules {
            session: session(),
            argv: vec!["ls".into(), "-l".into()],
            bytes: 100,
            time: Duration::from_secs(1),
            call,
        }))
    }

    fn id(digit: &str) -> String {
        digit.repeat(64)
    }

    fn known() -> Known {
        let mut known = Known::default();
        known.learn(ContainerId::parse(&id("a")).unwrap(), session());
        known.learn(ContainerId::parse(&id("b")).unwrap(), SessionId::from_uuid(Uuid::from_u128(2)));
        known
    }

    fn guards() -> [(Guard, &'static str); 2] {
        let guard = |dialect| Guard {
            deployment: "test".into(),
            dialect,
        };
        [
            (guard(Dialect::Docker(docker::ApiVersion::OLDEST)), "/v1.41"),
            (guard(Dialect::Libpod(libpod::User::Rootful)), "/v4.0.0/libpod"),
        ]
    }

    fn ask(
        guard: &Guard,
        scope: &Scope,
        known: &Known,
        method: &str,
        target: &str,
        body: &str,
    ) -> Result<(Operation, String, Value), Refusal> {
        let request = Request {
            method,
            target,
            headers: &[],
            body: body.as_bytes(),
        };
        let approved = guard.check(scope, known, &request)?;
        let body = approved.body.map_or(Value::Null, |body| serde_json::from_str(&body).unwrap());
        Ok((approved.operation, approved.target, body))
    }

    #[test]
    fn a_program_is_what_the_call_was_given_and_has_no_privilege() {
        for (guard, api) in guards() {
            let (known, target) = (known(), format!("{api}/containers/{}/exec", id("a")));
            let make = |scope: &Scope, target: &str, body: &Value| ask(&guard, scope, &known, "POST", target, &body.to_string());
            let plain = json!({"Cmd": ["ls", "-l"]});
            let built = json!({
                "AttachStdin": false, "AttachStdout": true, "AttachStderr": true, "Tty": false, "Privileged": false,
                "User": "1000:1000", "Cmd": ["ls", "-l"],
            });
            assert_eq!(make(&scope(1), &target, &plain).unwrap().2, built);
            assert_eq!(make(&scope(1), &target, &built).unwrap(), make(&scope(1), &target, &plain).unwrap());
            for (field, value) in [
                ("Cmd", json!(["ls"])),
                ("Cmd", json!(["ls", "-l", "/"])),
                ("User", json!("0")),
                ("User", json!("root")),
                ("Privileged", json!(true)),
                ("Tty", json!(true)),
                ("AttachStdin", json!(true)),
                ("Env", json!(["LD_PRELOAD=/x"])),
                ("WorkingDir", json!("/run")),
                ("DetachKeys", json!("ctrl-a")),
            ] {
                let mut body = plain.clone();
                body[field] = value;
                assert!(make(&scope(1), &target, &body).is_err(), "{body}");
            }
            // Nowhere else, and in no other call.
            assert_eq!(
                make(&scope(1), &format!("{api}/containers/{}/exec", id("b")), &plain).unwrap_err(),
                Refusal::Container
            );
            for other in [Scope::Node, Scope::Session(session())] {
                assert!(make(&other, &target, &plain).is_err());
            }
            for verb in ["start", "stop", "kill", "pause"] {
                let target = format!("{api}/containers/{}/{verb}", id("a"));
                assert!(ask(&guard, &scope(1), &known, "POST", &target, "").is_err(), "{verb}");
            }
        }
    }

    #[test]
    fn only_the_calls_own_program_is_started_and_looked_at() {
        for (guard, api) in guards() {
            let mut known = known();
            let (start, look) = (format!("{api}/exec/{}/start", id("e")), format!("{api}/exec/{}/json", id("e")));
            assert_eq!(ask(&guard, &scope(1), &known, "POST", &start, "{}").unwrap_err(), Refusal::Exec);
            let made = Operation::ExecCreate(ContainerId::parse(&id("a")).unwrap());
            let answer = json!({"Id": id("e")}).to_string();
            guard.answer(&scope(1), &mut known, &made, 201, answer.as_bytes()).unwrap();
            let (operation, target, body) = ask(&guard, &scope(1), &known, "POST", &start, "{}").unwrap();
            assert_eq!((target, body), (start.clone(), json!({"Detach": false, "Tty": false})));
            for bad in [r#"{"Detach":true}"#, r#"{"Tty":true}"#, r#"{"h":1}"#, ""] {
                assert!(ask(&guard, &scope(1), &known, "POST", &start, bad).is_err(), "{bad}");
            }
            assert_eq!(ask(&guard, &scope(2), &known, "POST", &start, "{}").unwrap_err(), Refusal::Exec);
            assert_eq!(ask(&guard, &scope(2), &known, "GET", &look, "").unwrap_err(), Refusal::Exec);

            // What it wrote, to the last byte that is there.
            let cut = [1, 0, 0, 0, 0, 0, 0, 2, b'a', b'b', 2, 0, 0, 0, 0, 0, 0, 9, b'c'];
            let told = guard.answer(&scope(1), &mut known, &operation, 200, &cut).unwrap().body;
            assert_eq!(told, [1, 0, 0, 0, 0, 0, 0, 2, b'a', b'b', 2, 0, 0, 0, 0, 0, 0, 1, b'c']);
            let no_stream = guard.answer(&scope(1), &mut known, &operation, 200, b"a terminal's bytes");
            assert_eq!(no_stream, Err(UnexpectedAnswer));

            // Which process it is, is none of the plugin's business.
            let (operation, ..) = ask(&guard, &scope(1), &known, "GET", &look, "").unwrap();
            assert_eq!(guard.inspect_exec(&ExecId::parse(&id("e")).unwrap()).unwrap().target, look);
            let seen = |running, container: &str| {
                json!({"ID": id("e"), "ContainerID": container, "Running": running, "ExitCode": 3, "Pid": 4711}).to_string()
            };
            let told = guard
                .answer(&scope(1), &mut known, &operation, 200, seen(true, &id("a")).as_bytes())
                .unwrap();
            assert_eq!(String::from_utf8(told.body).unwrap(), r#"{"Running":true,"ExitCode":null}"#);
            assert_eq!(known.execs_of(1)[0].pid, Some(4711));
            let foreign = guard.answer(&scope(1), &mut known, &operation, 200, seen(true, &id("b")).as_bytes());
            assert_eq!(foreign, Err(UnexpectedAnswer));
            guard
                .answer(&scope(1), &mut known, &operation, 200, seen(false, &id("a")).as_bytes())
                .unwrap();
            assert_eq!(known.execs_of(1)[0].pid, None);
            known.forget_execs_of(1);
            assert!(known.execs_of(1).is_empty());
        }
    }
}
