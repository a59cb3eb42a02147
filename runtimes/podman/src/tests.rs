//! Against answers recorded from Podman 4.3.1, and against the shortened ones that the host's guard makes of them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::cell::RefCell;
use std::rc::Rc;

use gatewright_sdk::http::{self, Method, Request};
use gatewright_sdk::runtime::{Container, Error, Lifecycle as _, Limits, Network, Spec, State};
use gatewright_sdk::runtime::{ImageInfo, Images as _};
use gatewright_sdk::testing::{Answer, set_http, take_progress};
use serde_json::{Value, json};

use crate::Podman;

const SESSION: &str = "0193a1b2-0000-7000-8000-00000000feed";
const ID: &str = "71cbbc0d39de6ae1b4f20895f84c0ea985d9b96874bf7e1caf221c4112d79e4c";

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
    assert_eq!(Podman::create(spec()), Ok(ID.to_owned()));
    assert_eq!(lines(&asked), ["Method::Post /v4.0.0/libpod/containers/create"]);
    let request = asked.borrow().first().cloned().unwrap();
    assert_eq!(request.headers, [("content-type".to_owned(), "application/json".to_owned())]);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body,
        json!({
            "name": format!("gatewright-{SESSION}"),
            "image": "gatewright/terminal:dev",
            "hostname": "terminal",
            "labels": { "gatewright.deployment": "d", "gatewright.session": SESSION },
            "netns": { "nsmode": "none" },
            "cap_drop": ["all"],
            "no_new_privileges": true,
            "shm_size": 64 << 20,
            "mounts": [{ "type": "bind", "source": format!("/var/lib/gatewright/sessions/{SESSION}"), "destination": "/run/session" }],
            "resource_limits": {
                "memory": { "limit": 512 << 20, "swap": 512 << 20 },
                "cpu": { "quota": 150_000, "period": 100_000 },
                "pids": { "limit": 256 }
            },
            "log_configuration": { "driver": "k8s-file", "size": 1 << 20 },
            "restart_policy": "no"
        })
    );
}

#[test]
fn devices_are_asked_for_by_name() {
    let asked = engine(vec![(201, fixture("created"))]);
    let made = Podman::create(Spec {
        devices: vec!["nvidia.com/gpu=all".into(), "vendor.example/probe=one".into()],
        ..spec()
    });
    assert_eq!(made, Ok(ID.to_owned()));
    let body: Value = serde_json::from_slice(&asked.borrow().first().unwrap().body).unwrap();
    let wanted = json!([{ "path": "nvidia.com/gpu=all" }, { "path": "vendor.example/probe=one" }]);
    assert_eq!(body.get("devices"), Some(&wanted));
}

#[test]
fn create_finds_what_an_earlier_call_made() {
    let asked = engine(vec![
        (
            500,
            said("creating container storage: the container name is already in use by 0e1b: that name is already in use"),
        ),
        (200, fixture("list")),
    ]);
    assert_eq!(Podman::create(spec()), Ok(ID.to_owned()));
    let list = lines(&asked).pop().unwrap();
    assert_eq!(
        list,
        format!(
            "Method::Get /v4.0.0/libpod/containers/json?all=true&filters=%7B%22label%22%3A%5B%22gatewright.session%3D{SESSION}%22%5D%7D"
        )
    );
    // The name is taken by something that is not the session's: that is an error and not somebody else's container.
    engine(vec![(409, said("Conflict.")), (200, b"[]".to_vec())]);
    assert_eq!(Podman::create(spec()), Err(Error::Engine("Conflict.".into())));
}

#[test]
fn what_create_fails_with_is_told_apart() {
    for (status, words) in [(500, "gatewright/terminal:dev: image not known"), (404, "no such image")] {
        engine(vec![(status, said(words))]);
        assert_eq!(Podman::create(spec()), Err(Error::ImageMissing("gatewright/terminal:dev".into())));
    }
    engine(vec![(400, said("Minimum memory limit allowed is 6MB"))]);
    assert_eq!(
        Podman::create(spec()),
        Err(Error::Engine("Minimum memory limit allowed is 6MB".into()))
    );
    engine(vec![(500, said("write /var/lib/docker: no space left on device"))]);
    assert!(matches!(Podman::create(spec()), Err(Error::NoCapacity(_))));
    engine(vec![(502, b"<html>bad gateway</html>".to_vec())]);
    assert_eq!(Podman::create(spec()), Err(Error::Engine("status 502".into())));
    engine(vec![(500, said(&format!("{}\u{1b}[2J", "x".repeat(5000))))]);
    assert!(matches!(Podman::create(spec()), Err(Error::Engine(words)) if words.len() == 300));
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
        assert!(matches!(Podman::create(spec), Err(Error::Unsupported(_))));
        assert!(lines(&asked).is_empty());
    }
}

#[test]
fn start_and_stop_are_idempotent() {
    let asked = engine(vec![(204, Vec::new()), (304, Vec::new()), (204, Vec::new()), (304, Vec::new())]);
    for _ in 0..2 {
        assert_eq!(Podman::start(ID.into()), Ok(()));
    }
    for _ in 0..2 {
        assert_eq!(Podman::stop(ID.into(), 7), Ok(()));
    }
    let start = format!("Method::Post /v4.0.0/libpod/containers/{ID}/start");
    let stop = format!("Method::Post /v4.0.0/libpod/containers/{ID}/stop?timeout=7");
    assert_eq!(lines(&asked), [start.clone(), start, stop.clone(), stop]);
    engine(vec![(404, said("No such container")), (404, said("No such container"))]);
    assert_eq!(Podman::start(ID.into()), Err(Error::NotFound));
    assert_eq!(Podman::stop(ID.into(), 1), Err(Error::NotFound));
}

#[test]
fn destroy_is_done_when_it_is_gone() {
    let path = format!("/v4.0.0/libpod/containers/{ID}");
    let asked = engine(vec![(204, Vec::new())]);
    assert_eq!(Podman::destroy(ID.into()), Ok(()));
    assert_eq!(lines(&asked), [format!("Method::Delete {path}?force=true&v=true")]);

    engine(vec![(404, said("No such container"))]);
    assert_eq!(Podman::destroy(ID.into()), Ok(()));

    let busy = || (409, said(&format!("removal of container {ID} is already in progress")));
    let asked = engine(vec![
        busy(),
        (200, fixture("inspect-running")),
        (200, fixture("inspect-exited")),
        (404, said("No such container")),
    ]);
    assert_eq!(Podman::destroy(ID.into()), Ok(()));
    assert_eq!(lines(&asked).pop(), Some(format!("Method::Get {path}/json")));

    // It ends in any case, and says that something is left.
    let still = std::iter::repeat_n((200, fixture("inspect-exited")), 20);
    let asked = engine(std::iter::once(busy()).chain(still).collect());
    assert!(matches!(Podman::destroy(ID.into()), Err(Error::Engine(words)) if words.contains("in progress")));
    assert_eq!(lines(&asked).len(), 21);

    engine(vec![(500, said("device is busy"))]);
    assert_eq!(Podman::destroy(ID.into()), Err(Error::Engine("device is busy".into())));
}

#[test]
fn inspect_reads_each_state() {
    for (name, expected) in [
        ("inspect-created", container(State::Created, None)),
        ("inspect-running", container(State::Running, None)),
        ("inspect-exited", container(State::Exited, Some(137))),
    ] {
        engine(vec![(200, fixture(name))]);
        assert_eq!(Podman::inspect(ID.into()), Ok(expected), "{name}");
    }
    engine(vec![(404, said("No such container"))]);
    assert_eq!(Podman::inspect(ID.into()), Err(Error::NotFound));
    let other = json!({ "Id": ID, "State": { "Status": "running" }, "Config": { "Labels": {} } });
    engine(vec![(200, other.to_string().into_bytes())]);
    assert_eq!(Podman::inspect(ID.into()), Err(Error::NotFound));
}

#[test]
fn lists_hold_only_containers_with_a_session() {
    let mut list: Value = serde_json::from_slice(&fixture("list")).unwrap();
    let other = json!({ "Id": "00", "Names": ["/somebody-elses"], "Labels": {}, "State": "running" });
    list.as_array_mut().unwrap().push(other);
    let asked = engine(vec![(200, list.to_string().into_bytes())]);
    assert_eq!(
        <Podman as gatewright_sdk::runtime::Lifecycle>::list(),
        Ok(vec![container(State::Running, None)])
    );
    assert_eq!(lines(&asked), ["Method::Get /v4.0.0/libpod/containers/json?all=true"]);
}

#[test]
fn the_guards_shortened_answers_are_enough() {
    let images = json!([{ "Id": "1", "RepoTags": ["localhost/b:1", "docker.io/a:1"], "RepoDigests": [], "Size": 1 }, { "Id": "2", "RepoTags": ["<none>:<none>"] }]);
    let inspected = json!({
        "Id": ID, "Name": "x", "Created": "", "ImageName": "x",
        "State": { "Status": "paused", "Running": false, "Paused": true, "OOMKilled": false, "Dead": false, "ExitCode": 0, "Error": "",
                   "StartedAt": "", "FinishedAt": "" },
        "Config": { "Hostname": "x", "Labels": { "gatewright.session": SESSION } }
    });
    let listed = json!([{ "Id": ID, "Names": [], "Image": "x", "Labels": { "gatewright.session": SESSION }, "Created": "", "State": "configured", "ExitCode": 0 }]);
    let answers = [images, inspected, listed];
    engine(answers.into_iter().map(|answer| (200, answer.to_string().into_bytes())).collect());
    assert_eq!(
        <Podman as gatewright_sdk::runtime::Images>::list(),
        Ok(vec!["b:1".to_owned(), "docker.io/a:1".to_owned()])
    );
    assert_eq!(Podman::inspect(ID.into()), Ok(container(State::Paused, None)));
    assert_eq!(
        <Podman as gatewright_sdk::runtime::Lifecycle>::list(),
        Ok(vec![container(State::Created, None)])
    );
}

/// A limit that the engine would ignore is not among those that it enforces: the platform refuses to run sessions there.
#[test]
fn what_an_engine_can_not_enforce_is_said() {
    let info = |rootless: bool, version: &str, controllers: Value| {
        json!({
            "host": { "cpus": 2, "memTotal": 1, "cgroupVersion": version, "cgroupControllers": controllers, "security": { "rootless": rootless } },
            "version": { "Version": "4.3.1" }
        })
    };
    let all = json!(["cpuset", "cpu", "memory", "pids"]);
    for (info, engine_name, enforced) in [
        (info(false, "v1", all.clone()), "podman 4.3.1", Limits::all()),
        (info(false, "v2", all.clone()), "podman 4.3.1", Limits::all()),
        (info(false, "v1", json!(["memory"])), "podman 4.3.1", Limits::SHM | Limits::MEMORY),
        (info(true, "v1", all), "podman 4.3.1 (rootless)", Limits::SHM),
        (info(true, "v1", Value::Null), "podman 4.3.1 (rootless)", Limits::SHM),
        // What a user's slice is delegated by default.
        (
            info(true, "v2", json!(["memory", "pids"])),
            "podman 4.3.1 (rootless)",
            Limits::SHM | Limits::MEMORY | Limits::PIDS,
        ),
    ] {
        engine(vec![(200, info.to_string().into_bytes())]);
        let found = Podman::capabilities().unwrap();
        assert_eq!((found.engine.as_str(), found.enforced), (engine_name, enforced), "{info}");
    }
}

#[test]
fn the_engine_says_what_it_is_and_which_images_it_has() {
    engine(vec![(200, fixture("info")), (200, fixture("images"))]);
    let info = Podman::capabilities().unwrap();
    assert_eq!(info.engine, "podman 4.3.1");
    assert_eq!((info.cpu_millicores, info.memory_bytes), (2000, 25_276_063_744));
    assert_eq!(info.enforced, Limits::all());
    assert_eq!(
        <Podman as gatewright_sdk::runtime::Images>::list(),
        Ok(vec!["gatewright/desktop:dev".to_owned(), "gatewright/terminal:dev".to_owned()])
    );
}

#[test]
fn health_and_what_the_host_says_about_the_way() {
    let asked = engine(vec![(200, b"OK".to_vec()), (500, said("sick"))]);
    assert_eq!(Podman::health(), Ok(()));
    assert_eq!(Podman::health(), Err(Error::Engine("sick".into())));
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
        assert_eq!(Podman::health(), Err(expected));
    }
}

/// An id is 64 digits, but it comes from outside: it must stay one segment.
#[test]
fn an_id_cannot_become_another_path() {
    let asked = engine(vec![(404, Vec::new())]);
    assert_eq!(Podman::start("../images/prune?x=".into()), Err(Error::NotFound));
    assert_eq!(
        lines(&asked),
        ["Method::Post /v4.0.0/libpod/containers/..%2Fimages%2Fprune%3Fx%3D/start"]
    );
    assert_eq!(asked.borrow().first().unwrap().method, Method::Post);
}

/// As Podman 4.3 tells it.
const PULL: &str = r#"{"stream":"Trying to pull reg:5000/team/desktop:1.0...\n"}
{"stream":"Copying blob sha256:88735bd8\n"}
{"images":["3e74"],"id":"3e74"}
"#;

#[test]
fn a_pull_tells_what_it_does() {
    let asked = engine(vec![(200, PULL.into())]);
    assert_eq!(Podman::pull("reg:5000/team/desktop:1.0".into()), Ok(()));
    assert_eq!(
        lines(&asked),
        ["Method::Post /v4.0.0/libpod/images/pull?reference=reg%3A5000%2Fteam%2Fdesktop%3A1.0"]
    );
    let told = [
        ("Trying to pull reg:5000/team/desktop:1.0...".to_owned(), 0, 0),
        ("Copying blob sha256:88735bd8".to_owned(), 0, 0),
    ];
    assert_eq!(take_progress(), told);
}

#[test]
fn a_pull_that_fails_says_why() {
    engine(vec![(200, b"{\"stream\":\"Trying\"}\n{\"error\":\"manifest unknown\"}\n".to_vec())]);
    assert_eq!(Podman::pull("x:1".into()), Err(Error::Engine("manifest unknown".into())));
    // It broke off without a word of it.
    engine(vec![(200, b"{\"stream\":\"Trying\"}\n".to_vec())]);
    assert!(matches!(Podman::pull("x:1".into()), Err(Error::Engine(words)) if words.contains("ended without an image")));
    engine(vec![(500, said("short-name \"x\" did not resolve"))]);
    assert_eq!(
        Podman::pull("x:1".into()),
        Err(Error::Engine("short-name \"x\" did not resolve".into()))
    );
}

#[test]
fn an_image_is_there_or_not() {
    let there = json!({ "Id": "0a".repeat(32), "Size": 7, "Created": "then", "User": "writer" });
    engine(vec![(200, there.to_string().into_bytes()), (404, said("no such image"))]);
    let info = ImageInfo {
        id: format!("sha256:{}", "0a".repeat(32)),
        size_bytes: 7,
        created: "then".into(),
        user: "writer".into(),
    };
    assert_eq!(Podman::present("a/b:1".into()), Ok(Some(info)));
    assert_eq!(Podman::present("a/b:1".into()), Ok(None));
}
