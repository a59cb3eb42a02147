//! The document that the web UI's types are made from.

use std::path::Path;

use crate::fixture::{fixture, send};
use axum::body::Body;
use http::Request;

/// Update with `UPDATE_EXPECT=1`, then make the web UI's types again (`npm run api` in `web/`).
#[tokio::test]
async fn the_document_is_checked_in() {
    let fixture = fixture().await;
    let served = send(&fixture.app, Request::get("/api/openapi.json").body(Body::empty()).unwrap()).await;
    assert_eq!(served.header("content-type"), "application/json");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../web/src/api/openapi.json");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &served.text).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = checked_in.lines().zip(served.text.lines()).find(|(old, new)| old != new);
    assert!(
        checked_in == served.text,
        "web/src/api/openapi.json is not what the code says, first at {difference:?}: run with UPDATE_EXPECT=1"
    );
}

/// What generators of clients rely on.
#[test]
fn operations_have_names_and_responses_descriptions() {
    let document = serde_json::to_value(gatewright_web_app::openapi()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            for response in operation["responses"].as_object().unwrap().values() {
                assert!(!response["description"].as_str().unwrap_or_default().is_empty(), "{name}");
            }
        }
    }
}
