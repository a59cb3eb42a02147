//! What holds for requests of any form.

use proptest::prelude::*;

use super::*;

fn word() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "v4.0.0",
        "libpod",
        "containers",
        "create",
        "json",
        "start",
        "stop",
        "images",
        "info",
        "_ping",
        "exec",
        "play",
        "..",
        "",
        "%2e%2e",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    ];
    prop_oneof![9 => prop::sample::select(WORDS).prop_map(str::to_owned), 1 => "[ -~]{0,8}"]
}

fn some_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        prop::sample::select(["host", "all", "none", "/", "unconfined", FOLDER, "/run/session", "bind", "rshared"].as_slice())
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(some_field(), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn some_field() -> impl Strategy<Value = String> {
    const NAMES: &[&str] = &[
        "privileged",
        "cap_add",
        "cap_drop",
        "netns",
        "pidns",
        "userns",
        "nsmode",
        "value",
        "mounts",
        "source",
        "destination",
        "options",
        "type",
        "devices",
        "volumes",
        "resource_limits",
        "memory",
        "limit",
        "swap",
        "cpu",
        "quota",
        "period",
        "pids",
        "shm_size",
        "user",
        "env",
        "image",
        "labels",
        "systemd",
        "log_configuration",
        "rootfs",
        "pod",
        "seccomp_profile_path",
    ];
    prop_oneof![9 => prop::sample::select(NAMES).prop_map(str::to_owned), 1 => "[A-Za-z_]{1,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Whatever passes is one of the listed operations, in scope, on an own container, with a plain target.
    #[test]
    fn nothing_else_passes(
        scope in prop_oneof![Just(Scope::Node), Just(creating()), Just(Scope::Session(session(1))), Just(Scope::Session(session(3)))],
        method in prop::sample::select(["GET", "HEAD", "POST", "PUT", "DELETE"].as_slice()),
        prefixed in any::<bool>(),
        words in prop::collection::vec(word(), 0..6),
        query in prop_oneof![3 => Just(String::new()), 1 => "\\?[a-z]{1,6}=[ -~]{0,8}"],
    ) {
        let prefix = if prefixed { "v4.0.0/libpod/" } else { "" };
        let asked = format!("/{prefix}{}{query}", words.join("/"));
        if let Ok(approved) = ask(&scope, method, &asked, b"") {
            let rest = match approved.target.strip_prefix("/v4.0.0/libpod/") {
                Some(rest) => rest,
                None => { prop_assert_eq!(&approved.target, "/_ping"); return Ok(()) }
            };
            prop_assert!(rest.bytes().all(|b| matches!(b, b'!'..=b'~')));
            let path = rest.split('?').next().unwrap();
            let segments: Vec<&str> = path.split('/').collect();
            let own = |id: &str| {
                let owner = known().session_of(&ContainerId::parse(id).unwrap()).unwrap();
                scope.session().is_none_or(|session| session == owner)
            };
            let fine = match (approved.method, segments.as_slice()) {
                (Method::Get, ["version"] | ["info"] | ["images", "json"] | ["containers", "json"]) => true,
                (Method::Get, ["images", .., "json"]) => !path.contains(".."),
                (Method::Get, ["containers", id, "json"]) => own(id),
                (Method::Get, ["containers", id, "logs"]) => own(id) && scope == Scope::Session(session(1)),
                (Method::Post, ["containers", id, "start" | "stop" | "kill" | "pause" | "unpause"]) | (Method::Delete, ["containers", id]) => {
                    own(id) && scope == Scope::Session(session(1))
                }
                _ => false,
            };
            prop_assert!(fine, "{} {}", approved.method.as_str(), approved.target);
        }
    }

    /// A sensible creation with anything put over it is refused, or comes out without a privilege.
    #[test]
    fn a_container_never_has_privileges(
        top in prop::collection::vec((some_field(), some_json()), 0..3),
        deep in prop::option::of((prop::sample::select(["/resource_limits", "/resource_limits/memory", "/mounts/0", "/netns"].as_slice()), some_field(), some_json())),
    ) {
        let mut body = sensible();
        if let Some((path, name, value)) = deep {
            body.pointer_mut(path).unwrap()[&name] = value;
        }
        for (name, value) in top {
            body[&name] = value;
        }
        if let Ok(made) = create(&body) {
            holds(&made);
        }
    }
}
