//! The web UI's files.

use std::path::PathBuf;

use axum::body::Body;
use gatewright_web_app::WebAppConf;
use http::{Method, Request};

use crate::fixture::{Answer, Fixture, fixture_with, problem, send};

async fn with_dist(dist: Option<PathBuf>) -> Fixture {
    fixture_with(WebAppConf {
        web_dist: dist,
        ..WebAppConf::default()
    })
    .await
}

async fn built() -> (Fixture, tempfile::TempDir) {
    let outer = tempfile::tempdir().unwrap();
    std::fs::write(outer.path().join("secret.txt"), "secret").unwrap();
    let dist = outer.path().join("dist");
    std::fs::create_dir_all(dist.join("assets")).unwrap();
    std::fs::write(dist.join("index.html"), "<!doctype html><title>Gatewright</title>").unwrap();
    std::fs::write(dist.join("assets/index-abc.js"), "export const x = 1;\n".repeat(200)).unwrap();
    std::fs::write(dist.join("favicon.svg"), "<svg/>").unwrap();
    (with_dist(Some(dist)).await, outer)
}

async fn get(fixture: &Fixture, path: &str) -> Answer {
    send(&fixture.app, Request::get(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn pages_are_served_with_a_strict_policy() {
    let (fixture, _folder) = built().await;
    for path in [
        "/",
        "/login",
        "/plugins",
        "/plugins/dlp-clipboard",
        "/sessions/x",
        "/activity",
        "/nodes",
    ] {
        let page = get(&fixture, path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.contains("<title>Gatewright</title>"), "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("cache-control"), "no-cache");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
    }
    for path in ["/other", "/assets/none.js", "/plugins/a/b", "/nodes/x"] {
        assert_eq!(get(&fixture, path).await.problem(), problem(404, "not-found"), "{path}");
    }
    let post = Request::post("/").body(Body::empty()).unwrap();
    assert_eq!(send(&fixture.app, post).await.problem(), problem(405, "method"));
}

#[tokio::test]
async fn files_are_cached_and_asked_for_again_by_tag() {
    let (fixture, _folder) = built().await;
    let file = get(&fixture, "/assets/index-abc.js").await;
    assert_eq!(file.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
    let tag = file.header("etag").to_owned();
    let ask = |tag: &str, method: Method| {
        Request::builder()
            .method(method)
            .uri("/assets/index-abc.js")
            .header("if-none-match", tag)
            .body(Body::empty())
            .unwrap()
    };
    for known in [tag.as_str(), "*", &format!("\"x\", {tag}"), tag.trim_start_matches("W/")] {
        let again = send(&fixture.app, ask(known, Method::GET)).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{known}");
        assert_eq!(again.header("etag"), tag);
    }
    assert_eq!(send(&fixture.app, ask("\"x\"", Method::GET)).await.status, 200);
    let head = send(&fixture.app, ask("\"x\"", Method::HEAD)).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    let packed = Request::get("/assets/index-abc.js")
        .header("accept-encoding", "gzip")
        .body(Body::empty())
        .unwrap();
    let packed = send(&fixture.app, packed).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.text.len() < file.text.len() / 2);
}

#[tokio::test]
async fn nothing_outside_the_folder_is_served() {
    let (fixture, _folder) = built().await;
    for path in [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "//etc/passwd",
        "/./../secret.txt",
        "/assets",
    ] {
        let answer = get(&fixture, path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_build_without_pages_says_so() {
    let empty = tempfile::tempdir().unwrap();
    let fixture = with_dist(Some(empty.path().join("none"))).await;
    let page = get(&fixture, "/login").await;
    assert_eq!(page.status, 503);
    assert!(page.text.contains("The web UI was not built"));
    assert!(!page.text.contains("<script"));
    assert_eq!(get(&fixture, "/favicon.svg").await.status, 404);
}
