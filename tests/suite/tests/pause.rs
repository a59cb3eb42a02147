//! A session is paused and goes on: the same shell still has what it had.

use gatewright_suite::{EngineKind, Product};
use http::{Method, StatusCode};
use serde_json::json;

use crate::engines::type_until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_session_goes_on_where_it_stood_on_docker() {
    pause_and_resume(EngineKind::Docker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_session_goes_on_where_it_stood_on_podman() {
    pause_and_resume(EngineKind::Podman).await;
}

async fn pause_and_resume(kind: EngineKind) {
    let product = Product::start_on(kind).await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let mut desktop = demo.connect(&product, &session).await.unwrap();
    type_until(
        &product,
        &session,
        &mut desktop,
        "kept=$$; echo $kept > ~/Transfer/shell; echo typed > ~/Transfer/typed",
        "typed",
    )
    .await;
    let shell = std::fs::read_to_string(product.home().session_folder(&session).join("transfer/shell")).unwrap();

    let path = |verb: &str| format!("/api/v1/sessions/{session}/{verb}");
    let paused = demo.post(&path("pause"), &json!({})).await.unwrap();
    assert!(paused["paused_at"].is_i64(), "{paused}");
    let closed = desktop.closed().await.unwrap();
    assert_eq!((closed.code, closed.reason.as_str()), (4006, "This session is paused."));
    let state = async || product.engine().containers(&session).await.unwrap()[0].state;
    let mut seen = state().await;
    for _ in 0..200 {
        if seen.is_some_and(|state| state.to_string() == "paused") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        seen = state().await;
    }
    assert_eq!(seen.unwrap().to_string(), "paused");
    let refused = demo.request(Method::POST, &path("ticket")).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::CONFLICT);

    let going_on = demo.post(&path("resume"), &json!({})).await.unwrap();
    assert!(going_on["paused_at"].is_null(), "{going_on}");
    let mut desktop = demo.connect(&product, &session).await.unwrap();
    type_until(&product, &session, &mut desktop, "echo $kept > ~/Transfer/typed", shell.trim()).await;

    // And a paused one can be ended.
    demo.post(&path("pause"), &json!({})).await.unwrap();
    demo.end(&session).await.unwrap();
    product.engine().gone(&session).await.unwrap();
    product.stop().await.unwrap();
}
