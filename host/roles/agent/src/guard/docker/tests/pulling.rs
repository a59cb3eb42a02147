//! Bringing images: this one, from its registry, and nothing else.

use super::*;

const WANTED: &str = "registry.example.org:5000/team/desktop:1.0";
const SENT: &str = "/v1.41/images/create?fromImage=registry.example.org%3A5000%2Fteam%2Fdesktop%3A1.0";

#[test]
fn the_image_of_the_call_is_pulled() {
    let scope = Scope::Pull(WANTED.into());
    let approved = ask(&scope, "POST", &format!("/images/create?fromImage={}", encode(WANTED)), &[], b"").unwrap();
    assert_eq!(
        (approved.method.as_str(), approved.target.as_str(), approved.body),
        ("POST", SENT, None)
    );
    assert!(!approved.operation.changes_something(), "it is broken off with its call");
    // The call may look whether it is there, and at no other.
    assert!(target(&scope, "GET", &format!("/images/{WANTED}/json")).is_ok());
    assert!(target(&scope, "GET", "/images/other:1/json").is_err());
}

#[test]
fn nothing_else_comes_that_way() {
    let scope = Scope::Pull(WANTED.into());
    let wanted = encode(WANTED);
    let pull = |more: &str| format!("/images/create?fromImage={wanted}{more}");
    for bad in [
        "/images/create".to_owned(),
        "/images/create?fromSrc=-".into(),
        "/images/create?fromSrc=http://evil.example/x.tar&repo=x".into(),
        "/images/create?fromImage=other:1".into(),
        "/images/create?fromImage=registry.example.org:5000/team/desktop".into(),
        pull("&fromSrc=-"),
        pull("&tag=2.0"),
        pull("&repo=gatewright/terminal&tag=dev"),
        pull("&changes=USER%20root"),
        pull("&platform=linux/arm64"),
        pull("&message=x"),
        "/images/load".into(),
        "/build?remote=http://evil.example/".into(),
        "/images/gatewright/terminal:dev/push".into(),
        "/images/gatewright/terminal:dev/tag?repo=x".into(),
    ] {
        assert!(target(&scope, "POST", &bad).is_err(), "{bad}");
    }
    for header in ["x-registry-auth", "x-registry-config"] {
        assert!(ask(&scope, "POST", &pull(""), &[(header, "e30=")], b"").is_err(), "{header}");
    }
    assert!(ask(&scope, "POST", &pull(""), &[], b"an archive").is_err());
    assert!(target(&scope, "DELETE", &format!("/images/{WANTED}")).is_err());
    for other in [Scope::Node, Scope::Session(session(1)), creating(), Scope::Pull("other:1".into())] {
        assert!(target(&other, "POST", &pull("")).is_err(), "{other:?}");
    }
    // What is no name of one image is not brought, whoever asks.
    for odd in ["desktop", "a/../b:1", "A:1", &format!("sha256:{}", "0".repeat(64))] {
        let scope = Scope::Pull(odd.to_owned());
        let asked = format!("/images/create?fromImage={}", encode(odd));
        assert!(target(&scope, "POST", &asked).is_err(), "{odd}");
    }
    // A call that pulls can't touch a session.
    let a = "a".repeat(64);
    for (method, path) in [("POST", format!("/containers/{a}/start")), ("DELETE", format!("/containers/{a}"))] {
        assert!(target(&scope, method, &path).is_err(), "{path}");
    }
}

#[test]
fn a_refusal_of_the_engine_is_words_and_nothing_more() {
    let operation = Operation::Pull { name: WANTED.into() };
    let scope = Scope::Pull(WANTED.into());
    let said = br#"{"message":"manifest unknown","secret":"x"}"#;
    let answer = guard().answer(&scope, &mut known(), &operation, 404, said).unwrap();
    assert_eq!(answer.body, br#"{"message":"manifest unknown"}"#);
    assert!(guard().answer(&scope, &mut known(), &operation, 200, b"{}").is_err());
}

#[test]
fn an_image_is_shown_without_what_says_more_of_its_maker() {
    let operation = Operation::Image { name: WANTED.into() };
    let said = json!({
        "Id": "sha256:1", "Size": 7, "Created": "2026-11-01T00:00:00Z", "RepoTags": null, "Author": "x", "Os": "linux",
        "Config": { "User": "writer", "Env": ["SECRET=1"], "Entrypoint": ["x"] }, "GraphDriver": { "Data": {} },
    });
    let answer = guard().answer(&Scope::Node, &mut known(), &operation, 200, said.to_string().as_bytes());
    let shown: Value = serde_json::from_slice(&answer.unwrap().body).unwrap();
    assert_eq!(
        shown,
        json!({
            "Id": "sha256:1", "RepoTags": [], "RepoDigests": [], "Size": 7, "Created": "2026-11-01T00:00:00Z",
            "Config": { "User": "writer" },
        })
    );
}
