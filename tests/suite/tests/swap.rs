//! A stricter version of a rule comes into force in a session that is open, and goes again.

use std::time::Duration;

use gatewright_suite::{Desktop, Person, Product};
use serde_json::json;

const CARD: &str = "4111-1111-1111-1111";

/// The stricter version's file.
fn stricter() -> Vec<u8> {
    let dir = std::env::var_os("GATEWRIGHT_GUESTS_DIR").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests"),
        Into::into,
    );
    std::fs::read(dir.join("dlp-clipboard@0.2.0.wasm")).unwrap()
}

/// Copies a card number inside until Activity says `outcome` for it. The message of that.
async fn until(product: &Product, admin: &Person, session: &str, desktop: &mut Desktop, outcome: &str) -> String {
    for attempt in 0..100 {
        let command = ["sh", "-c", "xclip -selection clipboard -i >/dev/null 2>&1"];
        product
            .engine()
            .exec(session, &command, format!("{attempt} {CARD}").as_bytes())
            .await
            .unwrap();
        // The verdict is recorded before anything is released; the desktop is heard so that it goes on.
        let _ = tokio::time::timeout(Duration::from_millis(300), desktop.next_clipboard()).await;
        let event = admin.activity("kind=verdict&limit=1").await.unwrap().remove(0);
        if event["outcome"] == outcome {
            return event["message"].as_str().unwrap().to_owned();
        }
    }
    panic!("no verdict {outcome}: {:?}", admin.activity("limit=3").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stricter_version_holds_in_the_open_session_and_rolls_back() {
    let product = Product::start().await.unwrap();
    let admin = product.login("admin").await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let mut desktop = demo.connect(&product, &session).await.unwrap();

    until(&product, &admin, &session, &mut desktop, "redacted").await;

    let (status, answer) = admin.upload(stricter()).await.unwrap();
    assert!(status.is_success(), "{answer}");
    admin.activate("dlp-clipboard", "0.2.0").await.unwrap();
    let message = until(&product, &admin, &session, &mut desktop, "denied").await;
    assert!(
        message.starts_with("Copy blocked: text ") && message.contains(". Ref "),
        "{message}"
    );

    admin.post("/api/v1/plugins/dlp-clipboard/rollback", &json!({})).await.unwrap();
    until(&product, &admin, &session, &mut desktop, "redacted").await;

    // The same stream all the while.
    desktop.request_update(false).await.unwrap();
    demo.end(&session).await.unwrap();
    let closed = desktop.closed().await.unwrap();
    assert_eq!((closed.code, closed.reason.as_str()), (4002, "You ended this session."));
    product.engine().gone(&session).await.unwrap();
    product.stop().await.unwrap();
}
