//! What may be asked, and how it is asked.

use super::*;

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
        (
            &Scope::Node,
            "GET",
            "/v1.44/images/localhost:5000/a/b:c/json",
            "/v1.41/images/localhost:5000/a/b:c/json",
        ),
        (
            &creating(),
            "GET",
            "/images/gatewright/terminal:dev/json",
            "/v1.41/images/gatewright/terminal:dev/json",
        ),
        (&Scope::Node, "GET", "/containers/json", list),
        (
            &session_1,
            "POST",
            &format!("/containers/{a}/start"),
            &format!("/v1.41/containers/{a}/start"),
        ),
        (
            &session_1,
            "POST",
            &format!("/containers/{a}/stop?t=3"),
            &format!("/v1.41/containers/{a}/stop?t=3"),
        ),
        (
            &session_1,
            "POST",
            &format!("/containers/{a}/stop"),
            &format!("/v1.41/containers/{a}/stop?t=10"),
        ),
        (
            &session_1,
            "POST",
            &format!("/containers/{a}/kill?signal=15"),
            &format!("/v1.41/containers/{a}/kill?signal=SIGTERM"),
        ),
        (
            &session_1,
            "POST",
            &format!("/containers/{a}/pause"),
            &format!("/v1.41/containers/{a}/pause"),
        ),
        (
            &session_1,
            "POST",
            &format!("/containers/{a}/unpause"),
            &format!("/v1.41/containers/{a}/unpause"),
        ),
        (
            &session_1,
            "GET",
            &format!("/containers/{a}/stats?stream=0"),
            &format!("/v1.41/containers/{a}/stats?one-shot=true&stream=false"),
        ),
        (
            &session_1,
            "GET",
            &format!("/containers/{a}/logs?stdout=1&tail=10000"),
            &format!("/v1.41/containers/{a}/logs?stderr=true&stdout=true&tail=10000"),
        ),
        (
            &session_1,
            "GET",
            &format!("/containers/{a}/json?size=0"),
            &format!("/v1.41/containers/{a}/json"),
        ),
        (
            &session_1,
            "DELETE",
            &format!("/containers/{a}?force=1&v=0"),
            &format!("/v1.41/containers/{a}?force=true&v=true"),
        ),
    ] {
        assert_eq!(target(scope, method, asked).as_deref(), Ok(sent), "{method} {asked}");
    }
}

#[test]
fn a_list_is_forced_to_this_deployment_and_session() {
    let filters = |json: &str| format!("/containers/json?all=1&filters={}", encode(json));
    let both = target(
        &Scope::Session(session(1)),
        "GET",
        &filters(r#"{"label":["gatewright.deployment=test"]}"#),
    )
    .unwrap();
    assert!(
        both.contains("all=true")
            && both.contains("gatewright.deployment%3Dtest")
            && both.contains("gatewright.session%3D00000000-0000-0000-0000-000000000001"),
        "{both}"
    );
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
        assert_eq!(
            target(&Scope::Session(session(1)), "GET", &filters(bad)),
            Err(Refusal::Query("filters".into())),
            "{bad}"
        );
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
        ("GET", format!("/containers/{a}/logs?tail=all")),
        ("GET", format!("/containers/{a}/logs?tail=0")),
        ("GET", format!("/containers/{a}/logs?tail=10001")),
        ("GET", format!("/containers/{a}/logs?tail=5&follow=1")),
        ("GET", format!("/containers/{a}/stats?stream=1")),
        ("GET", format!("/containers/{b}/stats")),
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
    for other in [
        b.as_str(),
        &c,
        &a[..12],
        &a.to_uppercase(),
        "gatewright-00000000-0000-0000-0000-000000000001",
        "etc",
    ] {
        for (method, tail) in [
            ("POST", "/start"),
            ("POST", "/stop"),
            ("POST", "/kill"),
            ("GET", "/json"),
            ("DELETE", ""),
        ] {
            let asked = format!("/containers/{other}{tail}");
            assert_eq!(target(&scope, method, &asked), Err(Refusal::Container), "{method} {asked}");
        }
    }
    // A call about the node looks, but changes nothing; one that creates does not start.
    for scope in [Scope::Node, creating()] {
        assert!(matches!(
            target(&scope, "POST", &format!("/containers/{a}/start")),
            Err(Refusal::OutOfScope("start"))
        ));
        assert!(matches!(
            target(&scope, "DELETE", &format!("/containers/{a}")),
            Err(Refusal::OutOfScope("remove"))
        ));
        assert!(target(&scope, "GET", &format!("/containers/{a}/json")).is_ok());
    }
    assert!(matches!(
        ask(&scope, "POST", "/containers/create", &[], b"{}"),
        Err(Refusal::OutOfScope("create"))
    ));
    assert!(matches!(
        target(&creating(), "GET", "/images/other:dev/json"),
        Err(Refusal::OutOfScope(_))
    ));
    assert!(target(&scope, "GET", "/images/gatewright/terminal:dev/json").is_err());
}

#[test]
fn headers_that_say_something_are_refused() {
    let fine = [
        ("accept", "*/*"),
        ("Host", "x"),
        ("user-agent", "y"),
        ("Content-Length", "0"),
        ("content-type", "application/json"),
    ];
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
        assert!(
            matches!(ask(&Scope::Node, "GET", "/version", &[bad], b""), Err(Refusal::Header(_))),
            "{bad:?}"
        );
    }
    let twice = [("content-length", "0"), ("Content-Length", "0")];
    assert!(ask(&Scope::Node, "GET", "/version", &twice, b"").is_err());
    assert_eq!(
        ask(&Scope::Node, "GET", "/version", &[], b"x").unwrap_err(),
        Refusal::Body("the operation has none")
    );
}
