#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
//! The guard as a whole, for Docker.

mod allow_list;
mod answers;
mod creation;
mod properties;
mod pulling;

use std::collections::BTreeSet;

use gatewright_core::SessionId;
use gatewright_core::capacity::Resources;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::guard::target::encode;
use crate::guard::{Answer, ContainerId, CreateRules, Dialect, Operation, UnexpectedAnswer};

const FOLDER: &str = "/var/lib/gatewright/sessions/x";
const IMAGE: &str = "gatewright/terminal:dev";

fn session(number: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number))
}

fn id(digit: char) -> ContainerId {
    ContainerId::parse(&digit.to_string().repeat(64)).unwrap()
}

fn guard() -> Guard {
    Guard {
        deployment: "test".into(),
        dialect: Dialect::Docker(ApiVersion::OLDEST),
    }
}

fn rules() -> CreateRules {
    CreateRules {
        session: session(1),
        image: IMAGE.into(),
        hostname: "desk".into(),
        resources: Resources {
            cpu_millicores: 1500,
            memory_bytes: 512 << 20,
            pids: 200,
            shm_bytes: 64 << 20,
        },
        folder: FOLDER.into(),
        unenforced: BTreeSet::new(),
        resolv_conf: None,
        home: None,
        devices: Vec::new(),
    }
}

fn creating() -> Scope {
    Scope::Create(Box::new(rules()))
}

/// Container `a` is session 1's, `b` is session 2's.
fn known() -> Known {
    let mut known = Known::default();
    known.learn(id('a'), session(1));
    known.learn(id('b'), session(2));
    known
}

fn ask(scope: &Scope, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Approved, Refusal> {
    let headers: Vec<(String, String)> = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    let request = Request {
        method,
        target,
        headers: &headers,
        body,
    };
    guard().check(scope, &known(), &request)
}

fn target(scope: &Scope, method: &str, target: &str) -> Result<String, Refusal> {
    ask(scope, method, target, &[], b"").map(|approved| approved.target)
}

/// What a sensible plugin sends.
fn sensible() -> Value {
    json!({
        "Image": IMAGE, "Hostname": "desk", "User": "1000:1000",
        "Labels": {"gatewright.deployment": "test", "gatewright.session": session(1).to_string()},
        "HostConfig": {
            "Memory": 512u64 << 20, "MemorySwap": 512u64 << 20, "NanoCpus": 1_500_000_000u64, "PidsLimit": 200,
            "ShmSize": 64u64 << 20, "NetworkMode": "none", "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"],
            "Mounts": [{"Type": "bind", "Source": FOLDER, "Target": "/run/session"}],
        },
    })
}

fn create(body: &Value) -> Result<Value, Refusal> {
    let body = body.to_string();
    let approved = ask(&creating(), "POST", "/containers/create", &[], body.as_bytes())?;
    assert_eq!(approved.method, Method::Post);
    assert_eq!(
        approved.target,
        "/v1.41/containers/create?name=gatewright-00000000-0000-0000-0000-000000000001"
    );
    Ok(serde_json::from_str(&approved.body.unwrap()).unwrap())
}

/// What every container has, whatever the plugin asked for.
fn holds(made: &Value) {
    let host = &made["HostConfig"];
    assert_eq!(made["User"], "1000:1000");
    assert_eq!(made["NetworkDisabled"], true);
    assert_eq!(made["Image"], IMAGE);
    assert_eq!(
        made["Labels"],
        json!({"gatewright.deployment": "test", "gatewright.session": session(1).to_string()})
    );
    assert_eq!(host["Privileged"], false);
    assert_eq!(host["CapAdd"], json!([]));
    assert_eq!(host["CapDrop"], json!(["ALL"]));
    assert_eq!(host["SecurityOpt"], json!(["no-new-privileges"]));
    assert_eq!(host["NetworkMode"], "none");
    assert_eq!(host["IpcMode"], "private");
    for mode in ["PidMode", "UTSMode", "UsernsMode"] {
        assert_eq!(host[mode], "", "{mode}");
    }
    assert_eq!(host["Devices"], json!([]));
    assert_eq!(host["RestartPolicy"]["Name"], "no");
    assert_eq!(
        host["LogConfig"],
        json!({"Type": "json-file", "Config": {"max-file": "1", "max-size": "1m"}})
    );
    assert_eq!(host["MemorySwap"], host["Memory"]);
    assert_eq!(
        host["Mounts"],
        json!([{"Type": "bind", "Source": FOLDER, "Target": "/run/session", "ReadOnly": false, "BindOptions": {"Propagation": "rprivate"}}])
    );
    let most = rules().resources;
    let within = |name: &str, most: u64| assert!((1..=most).contains(&host[name].as_u64().unwrap()), "{name}");
    within("Memory", most.memory_bytes);
    within("NanoCpus", u64::from(most.cpu_millicores) * 1_000_000);
    within("PidsLimit", u64::from(most.pids));
    within("ShmSize", most.shm_bytes);
    let mut names: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
    names.extend(host.as_object().unwrap().keys().map(String::as_str));
    names.sort_unstable();
    assert_eq!(
        names.join(" "),
        "AutoRemove CapAdd CapDrop Devices HostConfig Hostname Image IpcMode Labels LogConfig Memory MemorySwap Mounts \
         NanoCpus NetworkDisabled NetworkMode OomKillDisable PidMode PidsLimit Privileged PublishAllPorts RestartPolicy \
         SecurityOpt ShmSize StopTimeout UTSMode User UsernsMode"
    );
}
