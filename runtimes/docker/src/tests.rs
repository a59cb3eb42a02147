//! Against answers recorded from Docker 20.10.24, and against the shortened ones that the host's guard makes of them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::cell::RefCell;
use std::rc::Rc;

use gatewright_sdk::http::{self, Method, Request};
use gatewright_sdk::runtime::{Container, Error, Lifecycle as _, Limits, Network, Spec, State};
use gatewright_sdk::runtime::{ImageInfo, Images as _};
use gatewright_sdk::testing::{Answer, set_http, take_progress};
use serde_json::{Value, json};

use crate::Docker;

const SESSION: &str = "0193a1b2-0000-7000-8000-00000000feed";
const ID: &str = "b8150a8208a76ff60cba8e8424198f51f21fcee90e6d0387316078db64245054";

/// What was asked of the engine.
type Asked = Rc<RefCell<Vec<Request>>>;

/// An engine that gives these answers, in order.
fn engine(answers: Vec<(u16, Vec<u8>)>) -> Asked {
    let asked = Asked::default();
    let log = Rc::clone(&asked);
    let mut answers = answers.into_iter();
    set_http(move |endpoint, request| {
        assert_eq!(endpoint, "engine");
        log.borrow_mut().push(request.clone());
        let (status, body) = answers.next().unwrap_or_else(|| panic!("one request too many: {}", request.path));
        Ok(Answer { status, body })
    });
    asked
}

fn lines(asked: &Asked) -> Vec<String> {
    asked
        .borrow()
        .iter()
        .map(|request| format!("{:?} {}", request.method, request.path))
        .collect()
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn said(message: &str) -> Vec<u8> {
    json!({ "message": message }).to_string().into_bytes()
}

fn spec() -> Spec {
    Spec {
        session: SESSION.into(),
        image: "gatewright/terminal:dev".into(),
        hostname: "terminal".into(),
        cpu_millicores: 1500,
        memory_bytes: 512 << 20,
        pids: 256,
        shm_bytes: 64 << 20,
        network: Network::None,
        devices: Vec::new(),
        session_folder: format!("/var/lib/gatewright/sessions/{SESSION}"),
        session_mount: "/run/session".into(),
        labels: vec![
            ("gatewright.deployment".into(), "d".into()),
            ("gatewright.session".into(), SESSION.into()),
        ],
    }
}

fn container(state: State, exit_code: Option<i32>) -> Container {
    Container {
        id: ID.into(),
        session: SESSION.into(),
        state,
        exit_code,
    }
}

#[test]
fn create_sends_every_limit_and_nothing_else() {
    let asked = engine(vec![(201, fixture("created"))]);
    assert_eq!(Docker::create(spec()), Ok(ID.to_owned()));
    assert_eq!(
        lines(&asked),
        [format!("Method::Post /v1.41/containers/create?name=gatewright-{SESSION}")]
    );
    let request = asked.borrow().first().cloned().unwrap();
    assert_eq!(request.headers, [("content-type".to_owned(), "application/json".to_owned())]);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body,
        json!({
            "Image": "gatewright/terminal:dev",
            "Hostname": "terminal",
            "NetworkDisabled": true,
            "Labels": { "gatewright.deployment": "d", "gatewright.session": SESSION },
            "HostConfig": {
                "NetworkMode": "none",
                "Memory": 512 << 20,
                "MemorySwap": 512 << 20,
                "NanoCpus": 1_500_000_000,
                "PidsLimit": 256,
                "ShmSize": 64 << 20,
                "Mounts": [{ "Type": "bind", "Source": format!("/var/lib/gatewright/sessions/{SESSION}"), "Target": "/run/session" }],
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "RestartPolicy": { "Name": "no" },
                "LogConfig": { "Type": "json-file", "Config": { "max-size": "1m", "max-file": "1" } }
            }
        })
    );
}

#[test]
fn devices_are_asked_for_by_name_of_an_engine_that_is_new_enough() {
    let with_devices = || Spec {
        devices: vec!["nvidia.com/gpu=all".into(), "vendor.example/probe=one".into()],
        ..spec()
    };
    let version = |version: &str| json!({ "ServerVersion": version }).to_string().into_bytes();
    for new in ["25.0.0", "28.1.1", "25.0.0-rc.1", "100.0"] {
        let asked = engine(vec![(200, version(new)), (201, fixture("created"))]);
        assert_eq!(Docker::create(with_devices()), Ok(ID.to_owned()), "{new}");
        let request = asked.borrow().get(1).cloned().unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            body.pointer("/HostConfig/DeviceRequests"),
            Some(&json!([{ "Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all", "vendor.example/probe=one"] }]))
        );
    }
    for old in ["20.10.24+dfsg1", "24.0.9", "", "dev"] {
        let asked = engine(vec![(200, version(old))]);
        let why = format!("docker {old} gives containers no devices: that needs version 25 or newer");
        assert_eq!(Docker::create(with_devices()), Err(Error::Unsupported(why)));
        assert_eq!(lines(&asked), ["Method::Get /v1.41/info"]);
    }
}

#[test]
fn create_finds_what_an_earlier_call_made() {
    let asked = engine(vec![
        (409, said("Conflict. The container name is already in use")),
        (200, fixture("list")),
    ]);
    assert_eq!(Docker::create(spec()), Ok(ID.to_owned()));
    let list = lines(&asked).pop().unwrap();
    assert_eq!(
        list,
        format!("Method::Get /v1.41/containers/json?all=true&filters=%7B%22label%22%3A%5B%22gatewright.session%3D{SESSION}%22%5D%7D")
    );
    // The name is taken by something that is not the session's: that is an error and not somebody else's container.
    engine(vec![(409, said("Conflict.")), (200, b"[]".to_vec())]);
    assert_eq!(Docker::create(spec()), Err(Error::Engine("Conflict.".into())));
}

#[test]
fn what_create_fails_with_is_told_apart() {
    engine(vec![(404, said("No such image: gatewright/terminal:dev"))]);
    assert_eq!(Docker::create(spec()), Err(Error::ImageMissing("gatewright/terminal:dev".into())));
    engine(vec![(400, said("Minimum memory limit allowed is 6MB"))]);
    assert_eq!(
        Docker::create(spec()),
        Err(Error::Engine("Minimum memory limit allowed is 6MB".into()))
    );
    engine(vec![(500, said("write /var/lib/docker: no space left on device"))]);
    assert!(matches!(Docker::create(spec()), Err(Error::NoCapacity(_))));
    engine(vec![(502, b"<html>bad gateway</html>".to_vec())]);
    assert_eq!(Docker::create(spec()), Err(Error::Engine("status 502".into())));
    engine(vec![(500, said(&format!("{}\u{1b}[2J", "x".repeat(5000))))]);
    assert!(matches!(Docker::create(spec()), Err(Error::Engine(words)) if words.len() == 300));
}

#[test]
fn a_limit_of_nothing_is_no_limit_and_so_refused() {
    for spec in [
        Spec { memory_bytes: 0, ..spec() },
        Spec {
            cpu_millicores: 0,
            ..spec()
        },
        Spec { pids: 0, ..spec() },
        Spec { shm_bytes: 0, ..spec() },
        Spec {
            memory_bytes: u64::MAX,
            ..spec()
        },
    ] {
        let asked = engine(Vec::new());
        assert!(matches!(Docker::create(spec), Err(Error::Unsupported(_))));
        assert!(lines(&asked).is_empty());
    }
}

#[test]
fn start_and_stop_are_idempotent() {
    let asked = engine(vec![(204, Vec::new()), (304, Vec::new()), (204, Vec::new()), (304, Vec::new())]);
    for _ in 0..2 {
        assert_eq!(Docker::start(ID.into()), Ok(()));
    }
    for _ in 0..2 {
        assert_eq!(Docker::stop(ID.into(), 7), Ok(()));
    }
    let start = format!("Method::Post /v1.41/containers/{ID}/start");
    let stop = format!("Method::Post /v1.41/containers/{ID}/stop?t=7");
    assert_eq!(lines(&asked), [start.clone(), start, stop.clone(), stop]);
    engine(vec![(404, said("No such container")), (404, said("No such container"))]);
    assert_eq!(Docker::start(ID.into()), Err(Error::NotFound));
    assert_eq!(Docker::stop(ID.into(), 1), Err(Error::NotFound));
}

#[test]
fn destroy_is_done_when_it_is_gone() {
    let path = format!("/v1.41/containers/{ID}");
    let asked = engine(vec![(204, Vec::new())]);
    assert_eq!(Docker::destroy(ID.into()), Ok(()));
    assert_eq!(lines(&asked), [format!("Method::Delete {path}?force=true&v=true")]);

    engine(vec![(404, said("No such container"))]);
    assert_eq!(Docker::destroy(ID.into()), Ok(()));

    let busy = || (409, said(&format!("removal of container {ID} is already in progress")));
    let asked = engine(vec![
        busy(),
        (200, fixture("inspect-running")),
        (200, fixture("inspect-exited")),
        (404, said("No such container")),
    ]);
    assert_eq!(Docker::destroy(ID.into()), Ok(()));
    assert_eq!(lines(&asked).pop(), Some(format!("Method::Get {path}/json")));

    // It ends in any case, and says that something is left.
    let still = std::iter::repeat_n((200, fixture("inspect-exited")), 20);
    let asked = engine(std::iter::once(busy()).chain(still).collect());
    assert!(matches!(Docker::destroy(ID.into()), Err(Error::Engine(words)) if words.contains("in progress")));
    assert_eq!(lines(&asked).len(), 21);

    engine(vec![(500, said("device is busy"))]);
    assert_eq!(Docker::destroy(ID.into()), Err(Error::Engine("device is busy".into())));
}

#[test]
fn inspect_reads_each_state() {
    for (name, expected) in [
        ("inspect-created", container(State::Created, None)),
        ("inspect-running", container(State::Running, None)),
        ("inspect-exited", container(State::Exited, Some(137))),
    ] {
        engine(vec![(200, fixture(name))]);
        assert_eq!(Docker::inspect(ID.into()), Ok(expected), "{name}");
    }
    engine(vec![(404, said("No such container"))]);
    assert_eq!(Docker::inspect(ID.into()), Err(Error::NotFound));
    let other = json!({ "Id": ID, "State": { "Status": "running" }, "Config": { "Labels": {} } });
    engine(vec![(200, other.to_string().into_bytes())]);
    assert_eq!(Docker::inspect(ID.into()), Err(Error::NotFound));
}

#[test]
fn lists_hold_only_containers_with_a_session() {
    let mut list: Value = serde_json::from_slice(&fixture("list")).unwrap();
    let other = json!({ "Id": "00", "Names": ["/somebody-elses"], "Labels": {}, "State": "running" });
    list.as_array_mut().unwrap().push(other);
    let asked = engine(vec![(200, list.to_string().into_bytes())]);
    assert_eq!(
        <Docker as gatewright_sdk::runtime::Lifecycle>::list(),
        Ok(vec![container(State::Running, None)])
    );
    assert_eq!(lines(&asked), ["Method::Get /v1.41/containers/json?all=true"]);
}

#[test]
fn the_guards_shortened_answers_are_enough() {
    let info = json!({
        "ServerVersion": "20.10.24+dfsg1", "NCPU": 2, "MemTotal": 25_276_063_744_i64, "MemoryLimit": true, "SwapLimit": true,
        "CpuCfsPeriod": true, "CpuCfsQuota": true, "PidsLimit": false, "OSType": "linux", "Architecture": "x86_64",
        "KernelVersion": "6", "Driver": "overlay2", "CgroupDriver": "", "CgroupVersion": "", "SecurityOptions": []
    });
    let images = json!([{ "Id": "sha256:1", "RepoTags": ["b:1", "a:1"], "RepoDigests": [], "Size": 1 }, { "Id": "sha256:2", "RepoTags": ["<none>:<none>"] }]);
    let inspected = json!({
        "Id": ID, "Name": "/x", "Created": "", "Image": "sha256:1",
        "State": { "Status": "paused", "Running": true, "Paused": true, "Restarting": false, "OOMKilled": false, "Dead": false,
                   "ExitCode": 0, "Error": "", "StartedAt": "", "FinishedAt": "" },
        "Config": { "Hostname": "x", "Image": "x", "Labels": { "gatewright.session": SESSION } }
    });
    let listed = json!([{ "Id": ID, "Names": [], "Image": "x", "Labels": { "gatewright.session": SESSION }, "Created": 1, "State": "created", "Status": "" }]);
    let answers = [info, images, inspected, listed];
    engine(answers.into_iter().map(|answer| (200, answer.to_string().into_bytes())).collect());
    assert_eq!(Docker::capabilities().unwrap().enforced, Limits::CPU | Limits::MEMORY | Limits::SHM);
    assert_eq!(
        <Docker as gatewright_sdk::runtime::Images>::list(),
        Ok(vec!["a:1".to_owned(), "b:1".to_owned()])
    );
    assert_eq!(Docker::inspect(ID.into()), Ok(container(State::Paused, None)));
    assert_eq!(
        <Docker as gatewright_sdk::runtime::Lifecycle>::list(),
        Ok(vec![container(State::Created, None)])
    );
}

#[test]
fn the_engine_says_what_it_is_and_which_images_it_has() {
    engine(vec![(200, fixture("info")), (200, fixture("images"))]);
    let info = Docker::capabilities().unwrap();
    assert_eq!(info.engine, "docker 20.10.24+dfsg1");
    assert_eq!((info.cpu_millicores, info.memory_bytes), (2000, 25_276_063_744));
    assert_eq!(info.enforced, Limits::all());
    assert_eq!(
        <Docker as gatewright_sdk::runtime::Images>::list(),
        Ok(vec!["gatewright/terminal:dev".to_owned()])
    );
}

#[test]
fn health_and_what_the_host_says_about_the_way() {
    let asked = engine(vec![(200, b"OK".to_vec()), (500, said("sick"))]);
    assert_eq!(Docker::health(), Ok(()));
    assert_eq!(Docker::health(), Err(Error::Engine("sick".into())));
    assert_eq!(lines(&asked), ["Method::Get /_ping", "Method::Get /_ping"]);
    for (given, expected) in [
        (http::Error::Unreachable, Error::Unreachable),
        (http::Error::Timeout, Error::Unreachable),
        (
            http::Error::Refused("field Privileged".into()),
            Error::Refused("field Privileged".into()),
        ),
        (http::Error::NotGranted, Error::Refused("endpoint is not granted".into())),
        (http::Error::Protocol, Error::Engine("answer is not http".into())),
    ] {
        set_http(move |_, _| Err(given.clone()));
        assert_eq!(Docker::health(), Err(expected));
    }
}

/// An id is 64 digits, but it comes from outside: it must stay one segment.
#[test]
fn an_id_cannot_become_another_path() {
    let asked = engine(vec![(404, Vec::new())]);
    assert_eq!(Docker::start("../images/prune?x=".into()), Err(Error::NotFound));
    assert_eq!(lines(&asked), ["Method::Post /v1.41/containers/..%2Fimages%2Fprune%3Fx%3D/start"]);
    assert_eq!(asked.borrow().first().unwrap().method, Method::Post);
}

/// As Docker 20.10 tells it, shortened: three layers, of which one was there.
const PULL: &str = r#"{"status":"Pulling from team/desktop","id":"1.0"}
{"status":"Already exists","progressDetail":{},"id":"aa"}
{"status":"Pulling fs layer","progressDetail":{},"id":"bb"}
{"status":"Downloading","progressDetail":{"current":100,"total":400},"id":"bb"}
{"status":"Downloading","progressDetail":{"current":50,"total":100},"id":"cc"}
{"status":"Download complete","progressDetail":{},"id":"bb"}
{"status":"Extracting","progressDetail":{"current":1,"total":400},"id":"bb"}
{"status":"Pull complete","progressDetail":{},"id":"cc"}
{"status":"Status: Downloaded newer image for x"}
"#;

#[test]
fn a_pull_tells_how_far_it_is() {
    let asked = engine(vec![(200, PULL.into())]);
    assert_eq!(Docker::pull("reg:5000/team/desktop:1.0".into()), Ok(()));
    assert_eq!(
        lines(&asked),
        ["Method::Post /v1.41/images/create?fromImage=reg%3A5000%2Fteam%2Fdesktop%3A1.0"]
    );
    let told: Vec<(u64, u64)> = take_progress().into_iter().map(|(_, done, total)| (done, total)).collect();
    let expected = [
        (0, 0),
        (0, 0),
        (0, 0),
        (100, 400),
        (150, 500),
        (450, 500),
        (450, 500),
        (500, 500),
        (500, 500),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_pull_that_fails_says_why() {
    engine(vec![(404, said("manifest for x not found: manifest unknown"))]);
    let unknown = Err(Error::Engine("manifest for x not found: manifest unknown".into()));
    assert_eq!(Docker::pull("x:1".into()), unknown);
    let broken = r#"{"status":"Downloading","progressDetail":{"current":1,"total":4},"id":"bb"}
{"errorDetail":{"message":"unexpected EOF"},"error":"unexpected EOF"}
"#;
    engine(vec![(200, broken.into())]);
    assert_eq!(Docker::pull("x:1".into()), Err(Error::Engine("unexpected EOF".into())));
    engine(vec![(200, b"<html>".to_vec())]);
    assert!(matches!(Docker::pull("x:1".into()), Err(Error::Engine(_))));
}

#[test]
fn an_image_is_there_or_not() {
    let there =
        json!({ "Id": "sha256:1", "RepoTags": [], "RepoDigests": [], "Size": 7, "Created": "then", "Config": { "User": "writer" } });
    let asked = engine(vec![(200, there.to_string().into_bytes()), (404, said("No such image"))]);
    let info = ImageInfo {
        id: "sha256:1".into(),
        size_bytes: 7,
        created: "then".into(),
        user: "writer".into(),
    };
    assert_eq!(Docker::present("a/b:1".into()), Ok(Some(info)));
    assert_eq!(Docker::present("a/b:1".into()), Ok(None));
    assert_eq!(lines(&asked).pop().unwrap(), "Method::Get /v1.41/images/a/b:1/json");
}
