#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
//! The guard as a whole, for Podman.

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
use crate::guard::{ContainerId, CreateRules, Dialect, Limit, Operation, UnexpectedAnswer};

const FOLDER: &str = "/var/lib/gatewright/sessions/x";
const IMAGE: &str = "gatewright/terminal:dev";

fn session(number: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number))
}

fn id(digit: char) -> ContainerId {
    ContainerId::parse(&digit.to_string().repeat(64)).unwrap()
}

fn guard_of(user: User) -> Guard {
    Guard {
        deployment: "test".into(),
        dialect: Dialect::Libpod(user),
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

fn ask(scope: &Scope, method: &str, target: &str, body: &[u8]) -> Result<Approved, Refusal> {
    let request = Request {
        method,
        target,
        headers: &[],
        body,
    };
    guard_of(User::Rootful).check(scope, &known(), &request)
}

fn target(scope: &Scope, method: &str, target: &str) -> Result<String, Refusal> {
    ask(scope, method, target, b"").map(|approved| approved.target)
}

/// What a sensible plugin sends.
fn sensible() -> Value {
    json!({
        "name": "gatewright-00000000-0000-0000-0000-000000000001",
        "image": IMAGE, "hostname": "desk", "user": "1000:1000",
        "labels": {"gatewright.deployment": "test", "gatewright.session": session(1).to_string()},
        "netns": {"nsmode": "none"}, "cap_drop": ["all"], "no_new_privileges": true, "shm_size": 64u64 << 20,
        "mounts": [{"type": "bind", "source": FOLDER, "destination": "/run/session", "options": ["rw"]}],
        "resource_limits": {
            "memory": {"limit": 512u64 << 20, "swap": 512u64 << 20},
            "cpu": {"quota": 150_000, "period": 100_000},
            "pids": {"limit": 200},
        },
        "log_configuration": {"driver": "k8s-file", "size": 1 << 20}, "restart_policy": "no",
    })
}

fn create(body: &Value) -> Result<Value, Refusal> {
    let approved = ask(&creating(), "POST", "/v4.0.0/libpod/containers/create", body.to_string().as_bytes())?;
    assert_eq!(approved.method, Method::Post);
    assert_eq!(approved.target, "/v4.0.0/libpod/containers/create");
    Ok(serde_json::from_str(&approved.body.unwrap()).unwrap())
}

/// What every container has, whatever the plugin asked for.
fn holds(made: &Value) {
    let mut rest = made.clone();
    let fields = rest.as_object_mut().unwrap();
    let most = rules().resources;
    let limits = fields.remove("resource_limits").unwrap();
    let memory = limits["memory"]["limit"].as_u64().unwrap();
    assert_eq!(
        limits,
        json!({
            "memory": {"limit": memory, "swap": memory},
            "cpu": {"quota": limits["cpu"]["quota"], "period": 100_000},
            "pids": {"limit": limits["pids"]["limit"]},
        })
    );
    let within = |value: &Value, most: u64| assert!((1..=most).contains(&value.as_u64().unwrap()), "{value} of {most}");
    within(&limits["memory"]["limit"], most.memory_bytes);
    within(&limits["cpu"]["quota"], u64::from(most.cpu_millicores) * 100);
    within(&limits["pids"]["limit"], u64::from(most.pids));
    within(&fields.remove("shm_size").unwrap(), most.shm_bytes);
    assert!(fields.remove("stop_timeout").unwrap().as_u64().unwrap() <= 60);
    let private = json!({"nsmode": "private"});
    assert_eq!(
        rest,
        json!({
            "name": "gatewright-00000000-0000-0000-0000-000000000001",
            "image": IMAGE, "image_volume_mode": "ignore", "hostname": "desk", "user": "1000:1000",
            "labels": {"gatewright.deployment": "test", "gatewright.session": session(1).to_string()},
            "netns": {"nsmode": "none"}, "ipcns": private, "pidns": private, "utsns": private, "cgroupns": private,
            "privileged": false, "cap_add": [], "cap_drop": ["all"], "no_new_privileges": true, "devices": [], "volumes": [],
            "mounts": [{"type": "bind", "source": FOLDER, "destination": "/run/session", "options": ["rw", "rprivate", "nosuid", "nodev"]}],
            "log_configuration": {"driver": "k8s-file", "size": 1 << 20}, "restart_policy": "no", "remove": false,
            "publish_image_ports": false, "env_host": false, "httpproxy": false, "sdnotifyMode": "ignore", "systemd": "false",
        })
    );
}
