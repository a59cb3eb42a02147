//! Devices by their CDI names: in a session that has them, in no other, and refused where they can't be given.

use std::path::{Path, PathBuf};

use gatewright_core::{DeviceName, SessionId};
use gatewright_ports::agent_control::SessionSpec;
use gatewright_ports::{AgentControl as _, AgentError};
use serde_json::json;
use uuid::Uuid;

use crate::stand::{FENCE, Stand, session, soon, spec};
use crate::witness::{Kind, on_each_engine};

on_each_engine!(a_device_that_the_node_does_not_have_is_refused,);

/// Where engines look for what is made while a machine runs.
const FOLDER: &str = "/var/run/cdi";

/// Two devices that do no harm, described to every engine of this machine until this is dropped: each a node of what
/// `/dev/null` is, and a variable.
struct Probe {
    kind: String,
    file: PathBuf,
}

impl Probe {
    fn new() -> Self {
        let word = Uuid::now_v7().simple().to_string();
        let kind = format!("test-{word}.example/probe");
        let device = |name: &str| {
            json!({ "name": name, "containerEdits": {
                "env": [format!("PROBE_{}=here", name.to_uppercase())],
                "deviceNodes": [{ "path": format!("/dev/probe-{name}"), "type": "c", "major": 1, "minor": 3 }],
            }})
        };
        let described = json!({ "cdiVersion": "0.3.0", "kind": kind, "devices": [device("one"), device("two")] });
        let file = Path::new(FOLDER).join(format!("gatewright-test-{word}.json"));
        let make = || std::fs::create_dir_all(FOLDER).and_then(|()| std::fs::write(&file, described.to_string()));
        // Another test may have removed the folder in between.
        let made = make().or_else(|_| make());
        made.unwrap_or_else(|error| panic!("{} can't be written ({error}): run the tests as root", file.display()));
        Self { kind, file }
    }

    fn device(&self, name: &str) -> DeviceName {
        format!("{}={name}", self.kind).parse().unwrap()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.file));
        // Only where nothing else is in it.
        drop(std::fs::remove_dir(FOLDER));
    }
}

fn with_devices(session: SessionId, devices: &[DeviceName]) -> SessionSpec {
    SessionSpec {
        devices: devices.into(),
        ..spec(session)
    }
}

#[tokio::test]
async fn podman_gives_a_session_its_devices_and_no_other() {
    let probe = Probe::new();
    let (one, two) = (probe.device("one"), probe.device("two"));
    let stand = Stand::with_devices(Kind::Podman, &[one.clone(), two.clone()]).await;
    let agent = &stand.agent;
    assert_eq!(agent.status().await.unwrap().devices, [one.clone(), two.clone()]);
    let look = "ls /dev | grep probe; test -c /dev/probe-one && echo gone > /dev/probe-one && stat -c %t:%T /dev/probe-one; \
                tr '\\0' '\\n' < /proc/1/environ | grep PROBE";
    for (devices, there) in [
        (&[one.clone()][..], &["probe-one", "1:3", "PROBE_ONE=here"][..]),
        (
            &[two.clone(), one.clone()],
            &["probe-one", "probe-two", "1:3", "PROBE_TWO=here", "PROBE_ONE=here"],
        ),
        (&[], &[]),
    ] {
        let session = session();
        soon(agent.create(with_devices(session, devices), FENCE)).await.unwrap();
        soon(agent.start(session, FENCE)).await.unwrap();
        soon(agent.wait_ready(session)).await.unwrap();
        let said = stand.inside(session, look).await;
        assert_eq!(said.split_whitespace().collect::<Vec<_>>(), there, "{devices:?}");
        soon(agent.destroy(session, FENCE)).await.unwrap();
    }
    stand.nothing_is_left().await;
}

#[tokio::test]
async fn what_the_operator_says_and_podman_does_not_know_ends_the_start() {
    let probe = Probe::new();
    let unknown = probe.device("three");
    let stand = Stand::with_devices(Kind::Podman, std::slice::from_ref(&unknown)).await;
    let session = session();
    soon(stand.agent.create(with_devices(session, std::slice::from_ref(&unknown)), FENCE))
        .await
        .unwrap();
    match soon(stand.agent.start(session, FENCE)).await {
        Err(AgentError::Engine { why }) => assert!(why.contains(unknown.as_str()), "{why}"),
        other => panic!("{other:?}"),
    }
    soon(stand.agent.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
}

#[tokio::test]
async fn a_docker_that_is_too_old_says_so() {
    let probe = Probe::new();
    let one = probe.device("one");
    let stand = Stand::with_devices(Kind::Docker, std::slice::from_ref(&one)).await;
    let version = stand.agent.status().await.unwrap().engine;
    let major: u32 = version
        .strip_prefix("docker ")
        .and_then(|version| version.split('.').next()?.parse().ok())
        .unwrap();
    let session = session();
    let made = soon(stand.agent.create(with_devices(session, std::slice::from_ref(&one)), FENCE)).await;
    if major < 25 {
        // Another node may.
        let why = format!("{version} gives containers no devices: that needs version 25 or newer");
        assert_eq!(made, Err(AgentError::NoCapacity { why }));
    } else {
        made.unwrap();
        soon(stand.agent.start(session, FENCE)).await.unwrap();
        assert!(stand.inside(session, "ls /dev").await.contains("probe-one"));
        soon(stand.agent.destroy(session, FENCE)).await.unwrap();
    }
    stand.nothing_is_left().await;
}

/// Whatever placement believed.
async fn a_device_that_the_node_does_not_have_is_refused(kind: Kind) {
    let (one, two): (DeviceName, DeviceName) = (
        "vendor.example/probe=one".parse().unwrap(),
        "vendor.example/probe=two".parse().unwrap(),
    );
    let stand = Stand::with_devices(kind, std::slice::from_ref(&one)).await;
    let made = soon(stand.agent.create(with_devices(session(), &[one, two]), FENCE)).await;
    let why = "has no vendor.example/probe=two".to_owned();
    assert_eq!(made, Err(AgentError::NoCapacity { why }));
    stand.nothing_is_left().await;
}
