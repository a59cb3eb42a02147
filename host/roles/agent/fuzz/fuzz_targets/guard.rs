//! Requests and answers of any form against the guard: nothing panics, whatever passes is well-formed, and a container
//! that is made has no privilege.
#![no_main]

use std::collections::BTreeSet;

use arbitrary::Arbitrary;
use gatewright_core::SessionId;
use gatewright_core::capacity::Resources;
use guard::docker::ApiVersion;
use guard::libpod::User;
use guard::{ContainerId, CreateRules, Dialect, ExecRules, Guard, Known, Operation, Request, Scope};
use libfuzzer_sys::fuzz_target;

// The guard's source itself, without the plugin host that the agent's crate brings.
#[allow(dead_code, unused_imports)]
#[path = "../../src/guard/mod.rs"]
mod guard;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    dialect: u8,
    scope: u8,
    method: u8,
    target: &'a str,
    header: Option<(String, String)>,
    body: &'a [u8],
    status: u16,
    answer: &'a [u8],
}

const SESSION: &str = "00000000-0000-0000-0000-000000000001";

fuzz_target!(|input: Input<'_>| {
    let session: SessionId = SESSION.parse().expect("a constant");
    let rules = CreateRules {
        session,
        image: "a/b:c".into(),
        hostname: "desk".into(),
        resources: Resources { cpu_millicores: 1000, memory_bytes: 1 << 30, pids: 100, shm_bytes: 1 << 20 },
        folder: "/f".into(),
        unenforced: BTreeSet::new(),
        resolv_conf: None,
        home: None,
        devices: Vec::new(),
    };
    let program = ExecRules {
        session,
        argv: vec!["a".into(), "b c".into()],
        bytes: 100,
        time: std::time::Duration::from_secs(1),
        call: 1,
    };
    let scope = match input.scope % 5 {
        0 => Scope::Node,
        1 => Scope::Create(Box::new(rules)),
        2 => Scope::Session(session),
        3 => Scope::Exec(Box::new(program)),
        _ => Scope::Pull("a/b:c".into()),
    };
    let dialect = match input.dialect % 4 {
        0 => Dialect::Docker(ApiVersion::OLDEST),
        1 => Dialect::Libpod(User::Rootful),
        2 => Dialect::Libpod(User::Rootless),
        _ => Dialect::Other(["POST /boxes/*".parse().expect("a constant")].into()),
    };
    let guard = Guard { deployment: "d".into(), dialect: dialect.clone() };
    let mut known = Known::default();
    let container = ContainerId::parse(&"a".repeat(64)).expect("a constant");
    known.learn(container.clone(), session);
    // A program of this call, made as the engine would.
    if let Scope::Exec(_) = scope {
        let made = format!("{{\"Id\":\"{}\"}}", "e".repeat(64));
        let _learnt = guard.answer(&scope, &mut known, &Operation::ExecCreate(container), 201, made.as_bytes());
    }
    let methods = ["GET", "HEAD", "POST", "DELETE", "PUT"];
    let headers: Vec<(String, String)> = input.header.into_iter().collect();
    let request = Request {
        method: methods[usize::from(input.method) % methods.len()],
        target: input.target,
        headers: &headers,
        body: input.body,
    };
    let Ok(approved) = guard.check(&scope, &known, &request) else { return };
    let prefix = match dialect {
        Dialect::Docker(_) => "/v1.41/",
        Dialect::Libpod(_) => "/v4.0.0/libpod/",
        Dialect::Other(_) => "/boxes/",
    };
    assert!(approved.target == "/_ping" || approved.target.starts_with(prefix));
    assert!(approved.target.bytes().all(|byte| matches!(byte, b'!'..=b'~')));
    assert!(!approved.target.split('?').next().unwrap_or_default().contains(".."));
    if let Some(body) = &approved.body {
        let made: serde_json::Value = serde_json::from_str(body).expect("what the guard builds is JSON");
        match (&approved.operation, dialect) {
            (Operation::ExecCreate(_), _) => program_holds(&made),
            (Operation::ExecStart(_), _) => assert_eq!(made, serde_json::json!({ "Detach": false, "Tty": false })),
            (Operation::Unread { .. }, Dialect::Other(_)) => {}
            (Operation::Create { .. }, dialect) => match dialect {
            Dialect::Docker(_) => docker_holds(&made["HostConfig"]),
            Dialect::Libpod(user) => libpod_holds(&made, user),
                Dialect::Other(_) => panic!("it makes nothing that is understood"),
            },
            other => panic!("{other:?} has no body"),
        }
    }
    if let Ok(answer) = guard.answer(&scope, &mut known, &approved.operation, input.status, input.answer) {
        assert!((200..600).contains(&answer.status));
    }
});

fn program_holds(made: &serde_json::Value) {
    assert_eq!(made["Privileged"], false);
    assert_eq!(made["Tty"], false);
    assert_eq!(made["AttachStdin"], false);
    assert_eq!(made["User"], "1000:1000");
    assert_eq!(made["Cmd"], serde_json::json!(["a", "b c"]));
    assert_eq!(made.as_object().map(serde_json::Map::len), Some(7));
}

fn docker_holds(host: &serde_json::Value) {
    assert_eq!(host["Privileged"], false);
    assert_eq!(host["CapDrop"][0], "ALL");
    assert_eq!(host["CapAdd"].as_array().map(Vec::len), Some(0));
    assert_eq!(host["SecurityOpt"], serde_json::json!(["no-new-privileges"]));
    assert!(host.get("DeviceRequests").is_none());
    assert_eq!(host["NetworkMode"], "none");
    assert_eq!(host["Mounts"].as_array().map(Vec::len), Some(1));
    assert_eq!(host["Mounts"][0]["Source"], "/f");
    assert!((1..=1u64 << 30).contains(&host["Memory"].as_u64().unwrap_or(0)));
}

fn libpod_holds(made: &serde_json::Value, user: User) {
    assert_eq!(made["privileged"], false);
    assert_eq!(made["cap_drop"], serde_json::json!(["all"]));
    assert_eq!(made["cap_add"], serde_json::json!([]));
    assert_eq!(made["no_new_privileges"], true);
    assert!(made.get("seccomp_profile_path").is_none());
    for (name, mode) in [("netns", "none"), ("pidns", "private"), ("ipcns", "private"), ("utsns", "private"), ("cgroupns", "private")] {
        assert_eq!(made[name], serde_json::json!({ "nsmode": mode }));
    }
    assert_eq!(made["devices"], serde_json::json!([]));
    assert_eq!(made.get("userns").is_some(), user == User::Rootless);
    assert_eq!(made["mounts"].as_array().map(Vec::len), Some(1));
    assert_eq!(made["mounts"][0]["source"], "/f");
    let limits = &made["resource_limits"];
    assert!((1..=1u64 << 30).contains(&limits["memory"]["limit"].as_u64().unwrap_or(0)));
    assert!((1..=100_000).contains(&limits["cpu"]["quota"].as_u64().unwrap_or(0)));
    assert!((1..=100).contains(&limits["pids"]["limit"].as_u64().unwrap_or(0)));
}
