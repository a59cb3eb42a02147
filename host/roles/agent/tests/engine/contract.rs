//! Images that break the contract, each in one part, looked at by the agent on real engines.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use gatewright_ports::agent_control::{ContractPart, Finding, SessionSpec};
use gatewright_ports::{AgentControl as _, AgentError};
use secrecy::SecretString;
use uuid::Uuid;

use crate::stand::{COMMAND, FENCE, IMAGE, PASSWORD, Stand, session, soon, spec};
use crate::witness::{Kind, on_each_engine};

on_each_engine!(
    the_terminal_keeps_all_of_it,
    each_part_that_is_broken_is_named,
    what_never_becomes_a_desktop_is_told_before,
);

/// An image made of the terminal's by a command that runs in it as root, started by another one.
struct Broken {
    kind: Kind,
    name: String,
}

impl Broken {
    fn make(kind: Kind, as_root: &str, start: &str) -> Self {
        let name = format!("localhost/test/{}:1", Uuid::now_v7());
        let container = format!("test-{}", Uuid::now_v7());
        engine(
            kind,
            &[
                "run",
                "--name",
                &container,
                "--network=none",
                "--user=0",
                IMAGE,
                "sh",
                "-c",
                as_root,
            ],
        );
        let user = "--change=USER 1000:1000";
        let command = format!("--change=CMD {}", serde_json::json!(["sh", "-c", start]));
        engine(kind, &["commit", user, &command, &container, &name]);
        engine(kind, &["rm", &container]);
        Self { kind, name }
    }

    fn spec(&self, session: gatewright_core::SessionId) -> SessionSpec {
        SessionSpec {
            image: self.name.clone(),
            ..spec(session)
        }
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        engine(self.kind, &["rmi", &self.name]);
    }
}

/// The engine's own command line.
fn engine(kind: Kind, arguments: &[&str]) {
    let address = format!("unix://{}", Path::new(&kind.socket()).display());
    let mut command = match kind {
        Kind::Docker => Command::new("docker"),
        Kind::Podman => Command::new("podman"),
    };
    match kind {
        Kind::Docker => command.args(["--host", &address]),
        Kind::Podman => command.args(["--remote", "--url", &address]),
    };
    let done = command
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{kind:?} has no command line ({error}); run: {COMMAND}"));
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

async fn checked(stand: &Stand, spec: SessionSpec) -> Vec<Finding> {
    let (agent, session) = (&stand.agent, spec.session);
    soon(agent.create(spec, FENCE)).await.unwrap();
    soon(agent.start(session, FENCE)).await.unwrap();
    soon(agent.wait_ready(session)).await.unwrap();
    let found = soon(agent.check(session, SecretString::from(PASSWORD), FENCE)).await.unwrap();
    soon(agent.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
    found
}

async fn the_terminal_keeps_all_of_it(kind: Kind) {
    let stand = Stand::new(kind).await;
    let found = checked(&stand, spec(session())).await;
    let parts = [
        ContractPart::Password,
        ContractPart::User,
        ContractPart::Transfer,
        ContractPart::Stop,
    ];
    assert_eq!(found, parts.map(|part| Finding { part, problem: None }));
    let nowhere = stand.agent.check(session(), SecretString::from(PASSWORD), FENCE).await;
    assert_eq!(nowhere, Err(AgentError::NotFound));
}

/// The first process of the terminal with one line of it changed.
fn changed(expression: &str) -> String {
    format!("sed {expression} /usr/bin/gatewright-session >/tmp/changed; exec sh /tmp/changed")
}

async fn each_part_that_is_broken_is_named(kind: Kind) {
    use ContractPart::{Password, Stop, Transfer, User};
    let whole = "exec /usr/bin/gatewright-session";
    let cases = [
        (
            ":",
            format!("echo another1 >/tmp/other; {}", changed(r#"'s|<"$folder/password"|</tmp/other|'"#)),
            vec![(Password, "its desktop refuses the password of /run/session/password")],
        ),
        (
            ":",
            changed(r#"'s|rm -f "$folder/password"|:|'"#),
            vec![(Password, "it leaves /run/session/password where it was")],
        ),
        (
            ":",
            changed("'s/-SecurityTypes VncAuth/-SecurityTypes None/'"),
            vec![(Password, "the target offers no usable security type (it offers [1])")],
        ),
        (
            "sed -i /:1000:/d /etc/passwd",
            whole.to_owned(),
            match kind {
                Kind::Docker => vec![
                    (User, "/etc/passwd has no user 1000 with a home"),
                    (Transfer, "/etc/passwd has no user 1000 with a home"),
                ],
                // It adds the line itself.
                Kind::Podman => Vec::new(),
            },
        ),
        (
            "rm /home/user/Transfer",
            whole.to_owned(),
            vec![(Transfer, "there is no /home/user/Transfer")],
        ),
        (
            "rm /home/user/Transfer; ln -s /etc /home/user/Transfer",
            whole.to_owned(),
            vec![(Transfer, "/home/user/Transfer leads to \"/etc\", not to /run/session/transfer")],
        ),
        (
            ":",
            changed("\"s/^trap stop TERM INT/trap '' TERM INT/\""),
            vec![(Stop, "it did not end within 10 seconds of SIGTERM and was killed")],
        ),
        (
            ":",
            changed("'s/    exit 0/    exit 7/'"),
            vec![(Stop, "it ended with status 7 when it was asked to end, not with 0")],
        ),
    ];
    let stand = Stand::new(kind).await;
    for (as_root, start, expected) in cases {
        let image = Broken::make(kind, as_root, &start);
        let found = checked(&stand, image.spec(session())).await;
        let broken: Vec<_> = found.iter().filter_map(|one| Some((one.part, one.problem.as_deref()?))).collect();
        assert_eq!(broken, expected, "{as_root}; {start}");
    }
}

async fn what_never_becomes_a_desktop_is_told_before(kind: Kind) {
    let stand = Stand::new(kind).await;
    let agent = &stand.agent;

    let image = Broken::make(kind, ":", "exit 3");
    let session = session();
    soon(agent.create(image.spec(session), FENCE)).await.unwrap();
    soon(agent.start(session, FENCE)).await.unwrap();
    assert_eq!(soon(agent.wait_ready(session)).await, Err(AgentError::Exited { code: 3 }));
    soon(agent.destroy(session, FENCE)).await.unwrap();

    let image = Broken::make(kind, ":", "exec sleep 600");
    soon(agent.create(image.spec(session), FENCE)).await.unwrap();
    soon(agent.start(session, FENCE)).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(2), agent.wait_ready(session)).await;
    assert!(waited.is_err(), "{waited:?}");
    soon(agent.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
}
