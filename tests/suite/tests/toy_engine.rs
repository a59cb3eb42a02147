//! A third engine: a plugin and the operator's list of requests are all that the product needs for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gatewright_core::record::Node;
use gatewright_database::Store;
use gatewright_suite::{Product, ToyEngine};

/// What the toy's plugin asks of it.
const REQUESTS: [&str; 7] = [
    "GET /toy/1/about",
    "GET /toy/1/pictures",
    "GET /toy/1/boxes",
    "POST /toy/1/boxes",
    "GET /toy/1/boxes/*",
    "PUT /toy/1/boxes/*/mood",
    "DELETE /toy/1/boxes/*",
];

fn engine(folder: &Path) -> ToyEngine {
    ToyEngine::start(&folder.join("toy.sock"), Path::new(env!("CARGO_BIN_EXE_gatewright-toy-desktop"))).unwrap()
}

async fn product(engine: &ToyEngine, requests: &[&str]) -> Product {
    let conf = format!(
        "[agent]\nruntime = \"runtime-toy\"\nengine = {:?}\ndialect = \"other\"\nallow = {requests:?}\n\n[grants.runtime-toy]\nhttp = [\"engine\"]\n",
        engine.address()
    );
    let product = Product::start_configured(&conf).await.unwrap();
    let admin = product.login("admin").await.unwrap();
    // As its vendor's customers do: upload, activate.
    let (status, answer) = admin.upload(std::fs::read(plugin()).unwrap()).await.unwrap();
    assert!(status.is_success(), "{answer}");
    admin.activate("runtime-toy", "0.1.0").await.unwrap();
    product
}

fn plugin() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/hostile/runtime-toy.wasm");
    assert!(path.is_file(), "plugins are not built: cargo xtask guests");
    path
}

/// Waits until the product logged this.
async fn logged(product: &Product, words: &str) {
    for _ in 0..600 {
        if product.log().contains(words) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{words:?} is not in the log: {}", product.log());
}

/// The node as it was stored for administrators when the product stopped.
async fn node(product: Product) -> Node {
    let dir = product.stop().await.unwrap();
    let store = Store::open(&dir.path().join("gatewright.db")).await.unwrap();
    let node = store.nodes().await.unwrap().remove(0);
    store.close().await;
    node
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_worked_in_on_an_engine_that_the_product_does_not_know() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path());
    let product = product(&engine, &REQUESTS).await;
    logged(&product, "toy 0.3 (unguarded engine)").await;
    let demo = product.login("demo").await.unwrap();
    let launched = demo.launch("Terminal").await;
    let session = launched.unwrap_or_else(|error| panic!("{error:#}\n{}", product.log()));
    let program = engine.running()[&session];
    assert!(Path::new(&format!("/proc/{program}")).exists());
    // Through edge, relay and agent to the process.
    let desktop = demo.connect(&product, &session).await.unwrap();
    assert_eq!(desktop.size, (1, 1), "the toy's own");

    // A second session is a second process.
    let other = demo.launch("Terminal").await.unwrap();
    assert_eq!(engine.running().len(), 2);
    demo.end(&other).await.unwrap();
    assert!(engine.running().into_keys().eq([session.clone()]));

    demo.end(&session).await.unwrap();
    assert_eq!(engine.boxes(), 0);
    assert!(!Path::new(&format!("/proc/{program}")).exists());
    assert!(
        !product.home().path().join("sessions").join(&session).exists(),
        "its folder is left"
    );
    let node = node(product).await;
    assert_eq!(node.engine, "toy 0.3 (unguarded engine)");
    assert_eq!(node.degraded, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_operator_did_not_allow_does_not_reach_the_engine() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path());
    let product = product(&engine, &REQUESTS[..1]).await;
    logged(&product, "GET /toy/1/pictures is not allowed").await;
    let why = node(product).await.degraded.unwrap();
    assert!(why.contains("GET /toy/1/pictures is not allowed"), "{why}");
    let asked = engine.asked();
    assert!(!asked.is_empty() && asked.iter().all(|one| one == "GET /toy/1/about"), "{asked:?}");
}
