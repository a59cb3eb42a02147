//! Bringing images: this one, from its registry, and nothing else.

use super::*;
use crate::guard::target::encode;

const WANTED: &str = "registry.example.org:5000/team/desktop:1.0";
const SENT: &str = "/v4.0.0/libpod/images/pull?reference=registry.example.org%3A5000%2Fteam%2Fdesktop%3A1.0&quiet=false";

#[test]
fn the_image_of_the_call_is_pulled() {
    let scope = Scope::Pull(WANTED.into());
    for more in ["", "&quiet=false"] {
        let asked = format!("/v4.0.0/libpod/images/pull?reference={}{more}", encode(WANTED));
        assert_eq!(target(&scope, "POST", &asked), Ok(SENT.into()));
    }
}

#[test]
fn nothing_else_comes_that_way() {
    let scope = Scope::Pull(WANTED.into());
    let wanted = encode(WANTED);
    let pull = |more: &str| format!("/v4.0.0/libpod/images/pull?reference={wanted}{more}");
    for bad in [
        "/v4.0.0/libpod/images/pull".to_owned(),
        "/v4.0.0/libpod/images/pull?reference=other:1".into(),
        "/v4.0.0/libpod/images/pull?reference=docker-archive:/etc/x.tar".into(),
        "/v4.0.0/libpod/images/pull?reference=dir:/etc".into(),
        pull("&tlsVerify=false"),
        pull("&tlsVerify=true"),
        pull("&credentials=user:password"),
        pull("&allTags=true"),
        pull("&policy=always"),
        pull("&Arch=arm64"),
        pull("&quiet=true"),
        format!("/v1.41/images/create?fromImage={wanted}"),
        "/v4.0.0/libpod/images/import?url=http://evil.example/".into(),
        "/v4.0.0/libpod/images/load".into(),
        "/v4.0.0/libpod/build".into(),
    ] {
        assert!(target(&scope, "POST", &bad).is_err(), "{bad}");
    }
    for other in [Scope::Node, Scope::Session(session(1)), creating(), Scope::Pull("other:1".into())] {
        assert!(target(&other, "POST", &pull("")).is_err(), "{other:?}");
    }
}
