#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
//! The guard as a whole, for Docker.

use gatewright_core::SessionId;
use gatewright_core::capacity::Resources;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::guard::{Answer, ContainerId, CreateRules, Dialect, UnexpectedAnswer};

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

#[test]
fn the_allow_list_is_rebuilt_in_our_words() {
    let a = "a".repeat(64);
    let session_1 = Scope::Session(session(1));
    let list = "/v1.41/containers/json?all=false&filters=%7B%22label%22%3A%5B%22gatewright.deployment%3Dtest%22%5D%7D";
    for (scope, method, asked, sent) in [
        (&Scope::Node, "GET", "/_ping", "/_ping"),
        (&Scope::Node, "HEAD", "/v1.24/_ping", "/_ping"),
        (&Scope::Node, "GET", "/v1.51/version", "/v1.41/version"),
        (&Scope::Node, "GET", "/info", "/v1.41/info"),
        (&Scope::Node, "GET", "/images/json?all=1&digests=true", "/v1.41/images/json"),
        (&Scope::Node, "GET", "/v1.44/images/localhost:5000/a/b:c/json", "/v1.41/images/localhost:5000/a/b:c/json"),
        (&creating(), "GET", "/images/gatewright/terminal:dev/json", "/v1.41/images/gatewright/terminal:dev/json"),
        (&Scope::Node, "GET", "/containers/json", list),
        (&session_1, "POST", &format!("/containers/{a}/start"), &format!("/v1.41/containers/{a}/start")),
        (&session_1, "POST", &format!("/containers/{a}/stop?t=3"), &format!("/v1.41/containers/{a}/stop?t=3")),
        (&session_1, "POST", &format!("/containers/{a}/stop"), &format!("/v1.41/containers/{a}/stop?t=10")),
        (&session_1, "POST", &format!("/containers/{a}/kill?signal=15"), &format!("/v1.41/containers/{a}/kill?signal=SIGTERM")),
        (&session_1, "GET", &format!("/containers/{a}/json?size=0"), &format!("/v1.41/containers/{a}/json")),
        (&session_1, "DELETE", &format!("/containers/{a}?force=1&v=0"), &format!("/v1.41/containers/{a}?force=true&v=true")),
    ] {
        assert_eq!(target(scope, method, asked).as_deref(), Ok(sent), "{method} {asked}");
    }
}

#[test]
fn a_list_is_forced_to_this_deployment_and_session() {
    let filters = |json: &str| format!("/containers/json?all=1&filters={}", encode(json));
    let both = target(&Scope::Session(session(1)), "GET", &filters(r#"{"label":["gatewright.deployment=test"]}"#)).unwrap();
    assert!(both.contains("all=true") && both.contains("gatewright.deployment%3Dtest") && both.contains("gatewright.session%3D00000000-0000-0000-0000-000000000001"), "{both}");
    for bad in [
        r#"{"label":["gatewright.deployment=other"]}"#,
        r#"{"label":["gatewright.session=00000000-0000-0000-0000-000000000002"]}"#,
        r#"{"label":["x=y"]}"#,
        r#"{"label":["gatewright.deployment"]}"#,
        r#"{"name":["x"]}"#,
        r#"{"label":{"gatewright.deployment=other":true}}"#,
        r#"{"label":[],"label":["x"]}"#,
        "[]",
        "",
    ] {
        assert_eq!(target(&Scope::Session(session(1)), "GET", &filters(bad)), Err(Refusal::Query("filters".into())), "{bad}");
    }
    assert!(target(&Scope::Node, "GET", "/containers/json?size=1").is_err());
    assert!(target(&Scope::Node, "GET", "/containers/json?limit=1").is_err());
}

#[test]
fn everything_else_is_refused() {
    let a = "a".repeat(64);
    let b = "b".repeat(64);
    let scope = Scope::Session(session(1));
    for (method, asked) in [
        ("GET", "/".to_owned()),
        ("get", "/_ping".into()),
        ("PUT", format!("/containers/{a}/archive?path=/")),
        ("GET", format!("/containers/{a}/archive?path=/")),
        ("POST", format!("/containers/{a}/exec")),
        ("POST", format!("/containers/{a}/attach?stream=1")),
        ("POST", format!("/containers/{a}/update")),
        ("POST", format!("/containers/{a}/rename?name=x")),
        ("POST", format!("/containers/{a}/restart")),
        ("GET", format!("/containers/{a}/logs?stdout=1")),
        ("GET", format!("/containers/{a}/export")),
        ("GET", format!("/containers/{a}")),
        ("POST", format!("/containers/{a}/start?detachKeys=x")),
        ("POST", format!("/containers/{a}/start/")),
        ("POST", format!("/containers/{a}/../{b}/start")),
        ("POST", format!("/containers/{a}%2f..%2f{b}/start")),
        ("POST", format!("/containers/{a}/stop?t=-1")),
        ("POST", format!("/containers/{a}/stop?t=121")),
        ("POST", format!("/containers/{a}/stop?t=1&t=2")),
        ("POST", format!("/containers/{a}/stop?t=1&signal=SIGKILL")),
        ("POST", format!("/containers/{a}/kill?signal=SIGSTOP")),
        ("DELETE", format!("/containers/{a}?link=1")),
        ("DELETE", format!("/containers/{a}?force=yes")),
        ("GET", format!("/containers/{a}/json?size=1")),
        ("POST", "/build".into()),
        ("POST", "/build?remote=http://x".into()),
        ("POST", "/images/create?fromImage=x".into()),
        ("POST", "/images/load".into()),
        ("DELETE", "/images/x".into()),
        ("POST", "/volumes/create".into()),
        ("POST", "/networks/create".into()),
        ("GET", "/networks".into()),
        ("POST", "/session".into()),
        ("POST", "/grpc".into()),
        ("GET", "/events".into()),
        ("POST", "/swarm/init".into()),
        ("POST", "/plugins/pull".into()),
        ("GET", "/v1.23/version".into()),
        ("GET", "/v1.52/version".into()),
        ("GET", "/v2/version".into()),
        ("GET", "/v1.041/version".into()),
        ("GET", "/v1.+41/version".into()),
        ("GET", "/v1.41/v1.41/version".into()),
        ("GET", "http://engine/version".into()),
        ("GET", "//engine/version".into()),
        ("GET", "/version HTTP/1.1\r\nX: y".into()),
        ("CONNECT", "engine:80".into()),
        ("OPTIONS", "*".into()),
    ] {
        assert!(target(&scope, method, &asked).is_err(), "{method} {asked}");
    }
}

#[test]
fn only_own_containers_of_this_session_are_addressed() {
    let scope = Scope::Session(session(1));
    let (a, b, c) = ("a".repeat(64), "b".repeat(64), "c".repeat(64));
    for other in [b.as_str(), &c, &a[..12], &a.to_uppercase(), "gatewright-00000000-0000-0000-0000-000000000001", "etc"] {
        for (method, tail) in [("POST", "/start"), ("POST", "/stop"), ("POST", "/kill"), ("GET", "/json"), ("DELETE", "")] {
            let asked = format!("/containers/{other}{tail}");
            assert_eq!(target(&scope, method, &asked), Err(Refusal::Container), "{method} {asked}");
        }
    }
    // A call about the node looks, but changes nothing; one that creates does not start.
    for scope in [Scope::Node, creating()] {
        assert!(matches!(target(&scope, "POST", &format!("/containers/{a}/start")), Err(Refusal::OutOfScope("start"))));
        assert!(matches!(target(&scope, "DELETE", &format!("/containers/{a}")), Err(Refusal::OutOfScope("remove"))));
        assert!(target(&scope, "GET", &format!("/containers/{a}/json")).is_ok());
    }
    assert!(matches!(ask(&scope, "POST", "/containers/create", &[], b"{}"), Err(Refusal::OutOfScope("create"))));
    assert!(matches!(target(&creating(), "GET", "/images/other:dev/json"), Err(Refusal::OutOfScope(_))));
    assert!(target(&scope, "GET", "/images/gatewright/terminal:dev/json").is_err());
}

#[test]
fn headers_that_say_something_are_refused() {
    let fine = [("accept", "*/*"), ("Host", "x"), ("user-agent", "y"), ("Content-Length", "0"), ("content-type", "application/json")];
    assert!(ask(&Scope::Node, "GET", "/version", &fine, b"").is_ok());
    for bad in [
        ("transfer-encoding", "chunked"),
        ("connection", "upgrade"),
        ("upgrade", "tcp"),
        ("expect", "100-continue"),
        ("content-length", "5"),
        ("content-length", "+0"),
        ("content-type", "application/x-tar"),
        ("x-registry-auth", "e30="),
        ("x-http-method-override", "DELETE"),
        ("te", "trailers"),
        ("host", "x\r\nTransfer-Encoding: chunked"),
        ("host ", "x"),
        ("", ""),
    ] {
        assert!(matches!(ask(&Scope::Node, "GET", "/version", &[bad], b""), Err(Refusal::Header(_))), "{bad:?}");
    }
    let twice = [("content-length", "0"), ("Content-Length", "0")];
    assert!(ask(&Scope::Node, "GET", "/version", &twice, b"").is_err());
    assert_eq!(ask(&Scope::Node, "GET", "/version", &[], b"x").unwrap_err(), Refusal::Body("the operation has none"));
}

#[test]
fn what_must_hold_is_set() {
    let made = create(&sensible()).unwrap();
    holds(&made);
    // A plugin that says only what it must gets the same.
    let short = json!({"HostConfig": {
        "Memory": 512u64 << 20, "NanoCpus": 1_500_000_000u64, "PidsLimit": 200, "ShmSize": 64u64 << 20,
        "Binds": [format!("{FOLDER}:/run/session:rw")],
    }});
    assert_eq!(create(&short).unwrap(), made);
    assert_eq!(made["HostConfig"]["Memory"], 512u64 << 20);
    assert_eq!(made["HostConfig"]["NanoCpus"], 1_500_000_000u64);
    assert_eq!(made["Image"], IMAGE);
    assert_eq!(made["Hostname"], "desk");
    // Less than promised is the plugin's business.
    let mut less = sensible();
    less["HostConfig"]["Memory"] = json!(256u64 << 20);
    less["HostConfig"]["MemorySwap"] = json!(0);
    assert_eq!(create(&less).unwrap()["HostConfig"]["MemorySwap"], 256u64 << 20);
}

#[test]
fn privileges_are_refused_by_name() {
    let long_name = "x".repeat(200);
    for (path, value, named) in [
        ("/HostConfig/Privileged", json!(true), "HostConfig.Privileged"),
        ("/HostConfig/CapAdd", json!(["SYS_ADMIN"]), "HostConfig.CapAdd"),
        ("/HostConfig/CapDrop", json!(["CHOWN"]), "HostConfig.CapDrop"),
        ("/HostConfig/SecurityOpt", json!(["seccomp=unconfined"]), "HostConfig.SecurityOpt"),
        ("/HostConfig/SecurityOpt", json!(["no-new-privileges:false"]), "HostConfig.SecurityOpt"),
        ("/HostConfig/SecurityOpt", json!(["apparmor=unconfined"]), "HostConfig.SecurityOpt"),
        ("/HostConfig/NetworkMode", json!("host"), "HostConfig.NetworkMode"),
        ("/HostConfig/NetworkMode", json!("container:x"), "HostConfig.NetworkMode"),
        ("/HostConfig/PidMode", json!("host"), "HostConfig.PidMode"),
        ("/HostConfig/IpcMode", json!("host"), "HostConfig.IpcMode"),
        ("/HostConfig/UTSMode", json!("host"), "HostConfig.UTSMode"),
        ("/HostConfig/UsernsMode", json!("host"), "HostConfig.UsernsMode"),
        ("/HostConfig/CgroupnsMode", json!("host"), "HostConfig.CgroupnsMode"),
        ("/HostConfig/CgroupParent", json!("/"), "HostConfig.CgroupParent"),
        ("/HostConfig/Cgroup", json!("host"), "HostConfig.Cgroup"),
        ("/HostConfig/Devices", json!([{"PathOnHost": "/dev/sda"}]), "HostConfig.Devices"),
        ("/HostConfig/DeviceRequests", json!([{"Count": -1}]), "HostConfig.DeviceRequests"),
        ("/HostConfig/DeviceCgroupRules", json!(["a *:* rwm"]), "HostConfig.DeviceCgroupRules"),
        ("/HostConfig/VolumesFrom", json!(["x"]), "HostConfig.VolumesFrom"),
        ("/HostConfig/Binds", json!(["/:/host"]), "HostConfig.Binds"),
        ("/HostConfig/Binds", json!([format!("{FOLDER}/..:/run/session")]), "HostConfig.Binds"),
        ("/HostConfig/Mounts", json!([{"Type": "bind", "Source": "/", "Target": "/run/session"}]), "HostConfig.Mounts"),
        ("/HostConfig/Mounts", json!([{"Type": "bind", "Source": FOLDER, "Target": "/etc"}]), "HostConfig.Mounts"),
        ("/HostConfig/Mounts", json!([]), "HostConfig.Mounts"),
        ("/HostConfig/Mounts", json!([{"Type": "bind", "Source": FOLDER, "Target": "/run/session", "BindOptions": {"Propagation": "shared"}}]), "HostConfig.Mounts.BindOptions.Propagation"),
        ("/HostConfig/Mounts", json!([{"Type": "bind", "Source": FOLDER, "Target": "/run/session", "BindOptions": {"CreateMountpoint": true}}]), "HostConfig.Mounts.BindOptions.CreateMountpoint"),
        ("/HostConfig/Tmpfs", json!({"/run": "exec"}), "HostConfig.Tmpfs"),
        ("/HostConfig/MaskedPaths", json!(["/x"]), "HostConfig.MaskedPaths"),
        ("/HostConfig/ReadonlyPaths", json!(["/x"]), "HostConfig.ReadonlyPaths"),
        ("/HostConfig/Sysctls", json!({"kernel.msgmax": "1"}), "HostConfig.Sysctls"),
        ("/HostConfig/Ulimits", json!([{"Name": "core", "Soft": -1}]), "HostConfig.Ulimits"),
        ("/HostConfig/OomScoreAdj", json!(-1000), "HostConfig.OomScoreAdj"),
        ("/HostConfig/OomKillDisable", json!(true), "HostConfig.OomKillDisable"),
        ("/HostConfig/RestartPolicy", json!({"Name": "always"}), "HostConfig.RestartPolicy.Name"),
        ("/HostConfig/LogConfig", json!({"Type": "syslog"}), "HostConfig.LogConfig.Type"),
        ("/HostConfig/LogConfig", json!({"Type": "json-file", "Config": {"env": "x"}}), "HostConfig.LogConfig.Config"),
        ("/HostConfig/Runtime", json!("other"), "HostConfig.Runtime"),
        ("/HostConfig/PortBindings", json!({"1/tcp": [{"HostPort": "1"}]}), "HostConfig.PortBindings"),
        ("/HostConfig/PublishAllPorts", json!(true), "HostConfig.PublishAllPorts"),
        ("/HostConfig/ExtraHosts", json!(["a:1.2.3.4"]), "HostConfig.ExtraHosts"),
        ("/HostConfig/Links", json!(["x"]), "HostConfig.Links"),
        ("/HostConfig/ContainerIDFile", json!("/etc/x"), "HostConfig.ContainerIDFile"),
        ("/HostConfig/AutoRemove", json!(true), "HostConfig.AutoRemove"),
        ("/HostConfig/privileged", json!(true), "HostConfig.privileged"),
        ("/HostConfig/Memory", json!(0), "HostConfig.Memory"),
        ("/HostConfig/Memory", json!(-1), "HostConfig.Memory"),
        ("/HostConfig/Memory", json!((512u64 << 20) + 1), "HostConfig.Memory"),
        ("/HostConfig/Memory", json!("1"), "HostConfig.Memory"),
        ("/HostConfig/Memory", json!(1.5), "HostConfig.Memory"),
        ("/HostConfig/MemorySwap", json!(-1), "HostConfig.MemorySwap"),
        ("/HostConfig/MemorySwap", json!(1u64 << 40), "HostConfig.MemorySwap"),
        ("/HostConfig/NanoCpus", json!(1_500_000_001u64), "HostConfig.NanoCpus"),
        ("/HostConfig/CpuQuota", json!(1), "HostConfig.CpuQuota"),
        ("/HostConfig/PidsLimit", json!(-1), "HostConfig.PidsLimit"),
        ("/HostConfig/PidsLimit", json!(201), "HostConfig.PidsLimit"),
        ("/HostConfig/ShmSize", json!(1u64 << 40), "HostConfig.ShmSize"),
        ("/HostConfig", json!(null), "HostConfig"),
        ("/HostConfig", json!([]), "HostConfig"),
        ("/Image", json!("other"), "Image"),
        ("/Hostname", json!("other"), "Hostname"),
        ("/User", json!("root"), "User"),
        ("/User", json!("1000:0"), "User"),
        ("/Labels", json!({"gatewright.session": session(2).to_string()}), "Labels"),
        ("/Labels", json!({"other": "x"}), "Labels"),
        ("/Env", json!(["LD_PRELOAD=x"]), "Env"),
        ("/Cmd", json!(["sh"]), "Cmd"),
        ("/Entrypoint", json!(["sh"]), "Entrypoint"),
        ("/Volumes", json!({"/x": {}, "/y": {"a": 1}}), "Volumes"),
        ("/NetworkingConfig", json!({"EndpointsConfig": {"bridge": {"IPAMConfig": {"IPv4Address": "1"}}}}), "NetworkingConfig"),
        ("/ExposedPorts", json!({"1/tcp": 1}), "ExposedPorts"),
        ("/StopTimeout", json!(61), "StopTimeout"),
        ("/Healthcheck", json!({"Test": ["CMD", "x"]}), "Healthcheck"),
        ("/\u{1b}[2J", json!(1), "\\u{1b}[2J"),
        (&format!("/{long_name}"), json!(1), &format!("{}…", "x".repeat(80))),
    ] {
        let mut body = sensible();
        let (parent, name) = path.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.into(), value.clone());
        match create(&body) {
            Err(Refusal::Field(field) | Refusal::Value { field, .. }) => assert_eq!(field, named, "{path} = {value}"),
            other => panic!("{path} = {value}: {other:?}"),
        }
    }
    assert!(ask(&creating(), "POST", "/containers/create?name=other", &[], b"{}").is_err());
    assert!(ask(&creating(), "POST", "/containers/create?platform=x", &[], b"{}").is_err());
    assert_eq!(ask(&creating(), "POST", "/containers/create", &[], &vec![b' '; 65 * 1024]).unwrap_err(), Refusal::Body("too large"));
}

#[test]
fn answers_are_rebuilt_and_learnt_from() {
    let mut known = Known::default();
    let answer = |known: &mut Known, operation: &Operation, status, body: &Value| {
        guard().answer(&creating(), known, operation, status, body.to_string().as_bytes())
    };
    let c = "c".repeat(64);
    let made = Operation::Create { session: session(1) };
    assert_eq!(answer(&mut known, &made, 201, &json!({"Id": "short"})), Err(UnexpectedAnswer));
    assert_eq!(known.session_of(&id('c')), None);
    answer(&mut known, &made, 201, &json!({"Id": c, "Warnings": null})).unwrap();
    assert_eq!(known.session_of(&id('c')), Some(session(1)));
    // A failed creation teaches nothing, whatever its text says.
    let conflict = answer(&mut known, &made, 409, &json!({"message": format!("in use by {}", "d".repeat(64)), "Id": "d".repeat(64)})).unwrap();
    assert_eq!(conflict.status, 409);
    assert_eq!(known.session_of(&id('d')), None);

    let labels = |deployment: &str, number| json!({"gatewright.deployment": deployment, "gatewright.session": session(number).to_string(), "x": "y"});
    let entry = |digit: char, labels: Value| json!({"Id": digit.to_string().repeat(64), "Labels": labels, "State": "running", "Mounts": [{"Source": "/secret"}]});
    let list = Operation::List { deployment: "test".into(), session: None, all: true };
    let body = json!([entry('d', labels("test", 1)), entry('e', labels("other", 1)), entry('f', json!(null)), entry('0', labels("test", 2))]);
    let Answer { body, .. } = answer(&mut known, &list, 200, &body).unwrap();
    let listed: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert!(!listed.to_string().contains("secret"));
    // A full list of a session is all there is of it: `c` is gone.
    assert_eq!(known.of_session(session(1)), [id('d')]);
    assert!(known.of_session(session(2)).is_empty(), "the call was about session 1");

    let inspect = Operation::Inspect(id('d'));
    let inspected = json!({"Id": "d".repeat(64), "State": {"Status": "exited", "ExitCode": 3}, "Config": {"Labels": labels("test", 1), "Env": ["SECRET=1"]}, "HostConfig": {}});
    let seen = answer(&mut known, &inspect, 200, &inspected).unwrap();
    let seen = String::from_utf8(seen.body).unwrap();
    assert!(seen.contains("\"ExitCode\":3") && !seen.contains("SECRET"), "{seen}");
    let foreign = json!({"Id": "d".repeat(64), "State": {}, "Config": {"Labels": labels("test", 2)}});
    assert_eq!(answer(&mut known, &inspect, 200, &foreign), Err(UnexpectedAnswer));

    let remove = Operation::Remove { id: id('d'), force: true };
    answer(&mut known, &remove, 409, &json!({"message": "removal in progress"})).unwrap();
    assert_eq!(known.session_of(&id('d')), Some(session(1)));
    answer(&mut known, &remove, 404, &json!({"message": "no such container"})).unwrap();
    assert_eq!(known.session_of(&id('d')), None);

    for status in [100, 101, 199, 202, 206, 301, 302, 307, 600, 0] {
        assert_eq!(answer(&mut known, &Operation::Version, status, &json!({})), Err(UnexpectedAnswer), "{status}");
    }
    let long = answer(&mut known, &Operation::Version, 500, &json!({"message": "x".repeat(100_000)})).unwrap();
    assert!(long.body.len() < 2000);
}

#[test]
fn versions_are_negotiated() {
    for (engine, ours) in [("1.41", Some("1.41")), ("1.43", Some("1.43")), ("1.99", Some("1.51")), ("1.40", None), ("2.0", None), ("", None), ("1.x", None)] {
        assert_eq!(ApiVersion::negotiate(engine).map(|version| version.to_string()).as_deref(), ours, "{engine}");
    }
}

/// What every container has, whatever the plugin asked for.
fn holds(made: &Value) {
    let host = &made["HostConfig"];
    assert_eq!(made["User"], "1000:1000");
    assert_eq!(made["NetworkDisabled"], true);
    assert_eq!(made["Image"], IMAGE);
    assert_eq!(made["Labels"], json!({"gatewright.deployment": "test", "gatewright.session": session(1).to_string()}));
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
    assert_eq!(host["LogConfig"], json!({"Type": "json-file", "Config": {"max-file": "1", "max-size": "1m"}}));
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

/// Words of the engine's interface, so that random requests come near to real ones.
fn word() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "containers", "create", "json", "start", "stop", "kill", "images", "version", "info", "_ping", "v1.41", "exec",
        "archive", "attach", "build", "..", ".", "", "%2e%2e", "gatewright", "terminal:dev", "volumes", "x",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        "gatewright-00000000-0000-0000-0000-000000000001",
    ];
    prop_oneof![9 => prop::sample::select(WORDS).prop_map(str::to_owned), 1 => "[ -~]{0,8}"]
}

fn some_scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Node), Just(creating()), Just(Scope::Session(session(1))), Just(Scope::Session(session(3)))]
}

fn some_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        prop::sample::select(["host", "ALL", "none", "/", "seccomp=unconfined", FOLDER, "/run/session", "bind"].as_slice()).prop_map(Value::from),
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
        "Privileged", "CapAdd", "CapDrop", "Binds", "Mounts", "Devices", "SecurityOpt", "NetworkMode", "PidMode", "IpcMode", "UTSMode",
        "UsernsMode", "Memory", "MemorySwap", "NanoCpus", "PidsLimit", "ShmSize", "User", "Env", "Image", "Labels", "Runtime", "LogConfig",
        "RestartPolicy", "VolumesFrom", "CgroupParent", "StopTimeout", "NetworkDisabled", "HostConfig", "Volumes",
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
                (Method::Post, ["containers", id, "start" | "stop" | "kill"]) | (Method::Delete, ["containers", id]) => {
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
