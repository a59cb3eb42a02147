//! What may be asked, and how it is asked.

use super::*;
use crate::guard::target::encode;

#[test]
fn the_allow_list_is_rebuilt_in_our_words() {
    let a = "a".repeat(64);
    let session_1 = Scope::Session(session(1));
    let list = "/v4.0.0/libpod/containers/json?all=true&filters=%7B%22label%22%3A%5B%22gatewright.deployment%3Dtest%22%2C%22gatewright.session%3D00000000-0000-0000-0000-000000000001%22%5D%7D";
    let own = |rest: &str| format!("/v4.0.0/libpod/containers/{a}{rest}");
    for (scope, method, asked, sent) in [
        (&Scope::Node, "GET", "/_ping".to_owned(), "/_ping".to_owned()),
        (&Scope::Node, "GET", "/v5.2.3/libpod/info".into(), "/v4.0.0/libpod/info".into()),
        (
            &Scope::Node,
            "GET",
            "/v4.0.0/libpod/version".into(),
            "/v4.0.0/libpod/version".into(),
        ),
        (
            &Scope::Node,
            "GET",
            "/v4.0.0/libpod/images/json?all=true".into(),
            "/v4.0.0/libpod/images/json".into(),
        ),
        (
            &creating(),
            "GET",
            "/v4.0.0/libpod/images/gatewright/terminal:dev/json".into(),
            "/v4.0.0/libpod/images/gatewright/terminal:dev/json".into(),
        ),
        (&session_1, "GET", "/v4.0.0/libpod/containers/json?all=true".into(), list.into()),
        (&session_1, "POST", own("/start"), own("/start")),
        (&session_1, "POST", own("/stop?timeout=3"), own("/stop?timeout=3")),
        (&session_1, "POST", own("/stop"), own("/stop?timeout=10")),
        (&session_1, "POST", own("/kill?signal=15"), own("/kill?signal=SIGTERM")),
        (&session_1, "POST", own("/pause"), own("/pause")),
        (&session_1, "POST", own("/unpause"), own("/unpause")),
        (
            &session_1,
            "GET",
            format!("/v4.0.0/libpod/containers/stats?containers={a}&stream=false"),
            format!("/v4.0.0/libpod/containers/stats?containers={a}&stream=false"),
        ),
        (&session_1, "GET", own("/logs?tail=7"), own("/logs?stderr=true&stdout=true&tail=7")),
        (&session_1, "GET", own("/json"), own("/json")),
        (
            &session_1,
            "DELETE",
            own("?force=true&v=false"),
            own("?force=true&timeout=0&v=true"),
        ),
        (&session_1, "DELETE", own(""), own("?v=true")),
    ] {
        assert_eq!(target(scope, method, &asked), Ok(sent), "{method} {asked}");
    }
}

#[test]
fn everything_else_is_refused() {
    let (a, b) = ("a".repeat(64), "b".repeat(64));
    let scope = Scope::Session(session(1));
    let below = [
        ("PUT", format!("containers/{a}/archive?path=/")),
        ("POST", format!("containers/{a}/exec")),
        ("GET", "containers/stats".to_owned()),
        ("GET", format!("containers/stats?containers={b}")),
        ("GET", format!("containers/stats?containers={a},{b}")),
        ("GET", format!("containers/stats?containers={a}&stream=true")),
        ("GET", format!("containers/{a}/logs?tail=5&follow=true")),
        ("GET", format!("containers/{a}/logs")),
        ("POST", format!("containers/{a}/attach?stream=1")),
        ("POST", format!("containers/{a}/mount")),
        ("POST", format!("containers/{a}/checkpoint")),
        ("POST", format!("containers/{a}/restore?import=true")),
        ("POST", format!("containers/{a}/update")),
        ("POST", format!("containers/{a}/rename?name=x")),
        ("POST", format!("containers/{a}/init")),
        ("GET", format!("containers/{a}/export")),
        ("GET", format!("containers/{a}/json?size=true")),
        ("POST", format!("containers/{a}/start?detachKeys=x")),
        ("POST", format!("containers/{a}/../{b}/start")),
        ("POST", format!("containers/{a}/stop?timeout=-1")),
        ("POST", format!("containers/{a}/stop?timeout=121")),
        ("POST", format!("containers/{a}/stop?t=1")),
        ("POST", format!("containers/{a}/stop?ignore=true")),
        ("POST", format!("containers/{a}/kill?signal=SIGSTOP")),
        ("DELETE", format!("containers/{a}?depend=true")),
        ("DELETE", format!("containers/{a}?ignore=true")),
        ("DELETE", "containers/prune".into()),
        ("POST", "containers/prune".into()),
        ("POST", "build".into()),
        ("POST", "images/pull?reference=x".into()),
        ("POST", "images/load".into()),
        ("POST", "images/import".into()),
        ("DELETE", "images/x".into()),
        ("POST", "volumes/create".into()),
        ("POST", "networks/create".into()),
        ("POST", "pods/create".into()),
        ("POST", "play/kube".into()),
        ("POST", "kube/play".into()),
        ("POST", "secrets/create".into()),
        ("GET", "secrets/json".into()),
        ("POST", "system/prune".into()),
        ("GET", "events".into()),
        ("POST", "manifests/x".into()),
    ];
    for (method, rest) in below {
        assert!(
            target(&scope, method, &format!("/v4.0.0/libpod/{rest}")).is_err(),
            "{method} {rest}"
        );
    }
    for asked in [
        // The compatibility layer has other rules for the same words.
        "/v1.41/info",
        "/info",
        "/libpod/info",
        "/v4.0/libpod/info",
        "/v3.0.0/libpod/info",
        "/v6.0.0/libpod/info",
        "/v4.0.0/libpod/libpod/info",
        "/v4.0.0/info",
        "/v4.0.000/libpod/info",
        "/v4.+1.0/libpod/info",
        "http://engine/v4.0.0/libpod/info",
        "//engine/v4.0.0/libpod/info",
        "/v4.0.0/libpod/info/",
        "/v4.0.0/libpod",
    ] {
        assert!(target(&scope, "GET", asked).is_err(), "{asked}");
    }
}

#[test]
fn only_own_containers_of_this_session_are_addressed() {
    let scope = Scope::Session(session(1));
    let (a, b, c) = ("a".repeat(64), "b".repeat(64), "c".repeat(64));
    for other in [b.as_str(), &c, &a[..12], "gatewright-00000000-0000-0000-0000-000000000001"] {
        for (method, tail) in [
            ("POST", "/start"),
            ("POST", "/stop"),
            ("POST", "/kill"),
            ("GET", "/json"),
            ("DELETE", ""),
        ] {
            let asked = format!("/v4.0.0/libpod/containers/{other}{tail}");
            assert_eq!(target(&scope, method, &asked), Err(Refusal::Container), "{method} {asked}");
        }
    }
    for scope in [Scope::Node, creating()] {
        let start = format!("/v4.0.0/libpod/containers/{a}/start");
        assert_eq!(target(&scope, "POST", &start), Err(Refusal::OutOfScope("start")));
    }
    assert_eq!(
        target(&Scope::Node, "POST", "/v4.0.0/libpod/containers/create"),
        Err(Refusal::OutOfScope("create"))
    );
    for bad in [
        r#"{"label":["gatewright.deployment=other"]}"#,
        r#"{"label":["gatewright.session=00000000-0000-0000-0000-000000000002"]}"#,
        r#"{"pod":["x"]}"#,
    ] {
        let asked = format!("/v4.0.0/libpod/containers/json?all=true&filters={}", encode(bad));
        assert_eq!(target(&scope, "GET", &asked), Err(Refusal::Query("filters".into())), "{bad}");
    }
}

#[test]
fn an_engine_says_whose_it_is_and_how_old() {
    let info = |rootless: bool| json!({"host": {"security": {"rootless": rootless}}}).to_string();
    for (version, rootless, found) in [
        ("4.3.1", false, Some(User::Rootful)),
        ("4.3.1", true, Some(User::Rootless)),
        ("5.0.0-rc1", false, Some(User::Rootful)),
        ("4.2.0", false, None),
        ("3.4.4", false, None),
        ("", false, None),
        ("x.y", false, None),
    ] {
        assert_eq!(User::negotiate(version, info(rootless).as_bytes()), found, "{version}");
    }
    assert_eq!(User::negotiate("4.3.1", b"{}"), None);
}
