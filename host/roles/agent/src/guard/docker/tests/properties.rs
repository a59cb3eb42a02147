//! What holds for requests of any form.

use proptest::prelude::*;

use super::*;

/// Words of the engine's interface, so that random requests come near to real ones.
fn word() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "containers",
        "create",
        "json",
        "start",
        "stop",
        "kill",
        "pause",
        "unpause",
        "stats",
        "logs",
        "images",
        "version",
        "info",
        "_ping",
        "v1.41",
        "exec",
        "archive",
        "attach",
        "build",
        "..",
        ".",
        "",
        "%2e%2e",
        "gatewright",
        "terminal:dev",
        "volumes",
        "x",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        "gatewright-00000000-0000-0000-0000-000000000001",
    ];
    prop_oneof![9 => prop::sample::select(WORDS).prop_map(str::to_owned), 1 => "[ -~]{0,8}"]
}

fn some_scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        Just(Scope::Node),
        Just(creating()),
        Just(Scope::Session(session(1))),
        Just(Scope::Session(session(3)))
    ]
}

fn some_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        prop::sample::select(["host", "ALL", "none", "/", "seccomp=unconfined", FOLDER, "/run/session", "bind"].as_slice())
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[A-Za-z]{1,10}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn some_field() -> impl Strategy<Value = String> {
    const NAMES: &[&str] = &[
        "Privileged",
        "CapAdd",
        "CapDrop",
        "Binds",
        "Mounts",
        "Devices",
        "DeviceRequests",
        "SecurityOpt",
        "NetworkMode",
        "PidMode",
        "IpcMode",
        "UTSMode",
        "UsernsMode",
        "Memory",
        "MemorySwap",
        "NanoCpus",
        "PidsLimit",
        "ShmSize",
        "User",
        "Env",
        "Image",
        "Labels",
        "Runtime",
        "LogConfig",
        "RestartPolicy",
        "VolumesFrom",
        "CgroupParent",
        "StopTimeout",
        "NetworkDisabled",
        "HostConfig",
        "Volumes",
    ];
    prop_oneof![9 => prop::sample::select(NAMES).prop_map(str::to_owned), 1 => "[A-Za-z]{1,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Whatever passes is one of the listed operations, in scope, on an own container, with a plain target.
    #[test]
    fn nothing_else_passes(
        scope in some_scope(),
        method in prop::sample::select(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "get"].as_slice()),
        words in prop::collection::vec(word(), 0..6),
        query in prop_oneof![3 => Just(String::new()), 1 => "\\?[a-z]{1,6}=[ -~]{0,8}", 1 => "[ -~]{0,12}"],
    ) {
        let asked = format!("/{}{query}", words.join("/"));
        if let Ok(approved) = ask(&scope, method, &asked, &[], b"") {
            let rest = match approved.target.strip_prefix("/v1.41/") {
                Some(rest) => rest,
                None => { prop_assert_eq!(&approved.target, "/_ping"); return Ok(()) }
            };
            let path = rest.split('?').next().unwrap();
            let segments: Vec<&str> = path.split('/').collect();
            prop_assert!(rest.bytes().all(|b| matches!(b, b'!'..=b'~')));
            let own = |id: &str| {
                let owner = known().session_of(&ContainerId::parse(id).unwrap()).unwrap();
                scope.session().is_none_or(|session| session == owner)
            };
            let fine = match (approved.method, segments.as_slice()) {
                (Method::Get, ["version"] | ["info"] | ["images", "json"] | ["containers", "json"]) => true,
                (Method::Get, ["images", .., "json"]) => !path.contains(".."),
                (Method::Get, ["containers", id, "json"]) => own(id),
                (Method::Get, ["containers", id, "stats" | "logs"]) => own(id) && scope == Scope::Session(session(1)),
                (Method::Post, ["containers", id, "start" | "stop" | "kill" | "pause" | "unpause"]) | (Method::Delete, ["containers", id]) => {
                    own(id) && scope == Scope::Session(session(1))
                }
                _ => false,
            };
            prop_assert!(fine, "{} {}", approved.method.as_str(), approved.target);
        }
    }

    /// Bytes of any kind never panic, and never pass as a creation unless they are one.
    #[test]
    fn any_bytes_are_read_safely(target in "[\\x00-\\x7f]{0,64}", body in prop::collection::vec(any::<u8>(), 0..256)) {
        if let Ok(approved) = ask(&creating(), "POST", &target, &[], &body) {
            holds(&serde_json::from_str(&approved.body.unwrap()).unwrap());
        }
    }

    /// A sensible creation with anything put over it is refused, or comes out without a privilege.
    #[test]
    fn a_container_never_has_privileges(
        top in prop::collection::vec((some_field(), some_json()), 0..2),
        host in prop::collection::vec((some_field(), some_json()), 0..3),
    ) {
        let mut body = sensible();
        for (name, value) in host {
            body["HostConfig"][&name] = value;
        }
        for (name, value) in top {
            body[&name] = value;
        }
        if let Ok(made) = create(&body) {
            holds(&made);
        }
    }
}
