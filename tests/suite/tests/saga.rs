//! Every step of the saga failed in turn, and the process killed at every step: no orphan container, no phantom session.

use std::sync::Arc;
use std::time::Duration;

use gatewright_suite::{Engine, Home, Hook, Person, Product};

const LAUNCH: [&str; 6] = ["place", "reserve", "create", "start", "wait-ready", "ready"];
const TEARDOWN: [&str; 3] = ["disconnect", "destroy", "finish"];

async fn home() -> Arc<Home> {
    Arc::new(Home::new().await.unwrap())
}

/// Nothing of the session is left, neither in the engine nor on the disk, and nobody thinks that it runs.
async fn clean(product: &Product, person: &Person, session: &str) {
    product.engine().gone(session).await.unwrap();
    assert!(!product.home().session_folder(session).exists(), "its folder is left");
    let sessions = person.get("/api/v1/sessions").await.unwrap();
    for item in sessions["items"].as_array().unwrap() {
        assert!(matches!(item["state"].as_str(), Some("ended" | "failed")), "a phantom: {item}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_fails_is_undone_and_says_so() {
    let mut home = home().await;
    for step in LAUNCH {
        let product = Product::start_in(home, Some(Hook::Fail(step.into())), &[]).await.unwrap();
        let demo = product.login("demo").await.unwrap();
        let session = demo.request_session("Terminal").await.unwrap();
        let last = demo.wait_for(&session, |state| matches!(state, "ended" | "failed")).await.unwrap();
        assert_eq!(last["state"], "failed", "{step}: {last}");
        assert!(!last["end"]["text"].as_str().unwrap_or_default().is_empty(), "{step}: {last}");
        clean(&product, &demo, &session).await;
        // The hook fails its step once: what comes after works.
        let session = demo.launch("Terminal").await.unwrap();
        demo.end(&session).await.unwrap();
        clean(&product, &demo, &session).await;
        home = product.stop_driver().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_teardown_step_that_fails_is_tried_again() {
    let mut home = home().await;
    for step in TEARDOWN {
        let product = Product::start_in(home, Some(Hook::Fail(step.into())), &[]).await.unwrap();
        let demo = product.login("demo").await.unwrap();
        let session = demo.launch("Terminal").await.unwrap();
        demo.end(&session).await.unwrap();
        clean(&product, &demo, &session).await;
        home = product.stop_driver().await.unwrap();
    }
}

async fn after_restart(home: Arc<Home>, what: &str) -> Arc<Home> {
    let product = Product::start_in(home, None, &[]).await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let sessions = demo.get("/api/v1/sessions").await.unwrap();
    for item in sessions["items"].as_array().unwrap() {
        let session = item["id"].as_str().unwrap();
        demo.wait_for(session, |state| matches!(state, "ready" | "ended" | "failed"))
            .await
            .unwrap_or_else(|error| panic!("{what}: {error:#}"));
        // Killed after the last step it may have become ready: then it is a whole session, and ends like one.
        if demo.get(&format!("/api/v1/sessions/{session}")).await.unwrap()["state"] == "ready" {
            drop(
                demo.connect(&product, session)
                    .await
                    .unwrap_or_else(|error| panic!("{what}: {error:#}")),
            );
            demo.end(session).await.unwrap();
        }
        clean(&product, &demo, session).await;
    }
    product.stop_driver().await.unwrap()
}

/// The engine must not even keep what no database knows of.
async fn nothing_of(engine: &Engine, home: &Home) {
    let folders = home.session_folders();
    let left = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .flatten();
    for entry in left {
        let session = entry.file_name().to_string_lossy().into_owned();
        assert!(engine.containers(&session).await.unwrap().is_empty(), "{session} is an orphan");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_step_of_a_launch_nothing_is_left_after_a_restart() {
    let engine = Engine::connect().await.unwrap();
    let mut home = home().await;
    for step in LAUNCH {
        for hook in [Hook::KillBefore(step.into()), Hook::KillAfter(step.into())] {
            let what = format!("{hook:?}");
            let product = Product::start_in(home, Some(hook), &[]).await.unwrap();
            let demo = product.login("demo").await.unwrap();
            // The process may be gone before it could answer.
            let _ = demo.request_session("Terminal").await;
            home = after_restart(product.ended().await.unwrap(), &what).await;
            nothing_of(&engine, &home).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_step_of_an_end_nothing_is_left_after_a_restart() {
    let engine = Engine::connect().await.unwrap();
    let mut home = home().await;
    for step in TEARDOWN {
        for hook in [Hook::KillBefore(step.into()), Hook::KillAfter(step.into())] {
            let what = format!("{hook:?}");
            let product = Product::start_in(home, Some(hook), &[]).await.unwrap();
            let demo = product.login("demo").await.unwrap();
            let session = demo.launch("Terminal").await.unwrap();
            let _ = demo.end(&session).await;
            home = after_restart(product.ended().await.unwrap(), &what).await;
            nothing_of(&engine, &home).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_session_outlives_the_host() {
    let product = Product::start().await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let mut desktop = demo.connect(&product, &session).await.unwrap();
    let file = product.home().session_folder(&session).join("transfer").join("before");
    // The shell may not be there yet; what is typed before that is lost, and typing it twice does no harm.
    let mut attempts = 0;
    while std::fs::read_to_string(&file).unwrap_or_default() != "alive\n" {
        attempts += 1;
        assert!(attempts < 60, "the shell does not take what is typed");
        desktop.type_text("\necho alive > ~/Transfer/before\n").await.unwrap();
        let _ = tokio::time::timeout(Duration::from_millis(500), async { while desktop.next().await.is_ok() {} }).await;
    }
    let dir = product.kill().await.unwrap();
    assert_eq!(desktop.closed().await.unwrap().code, 1006);

    let product = Product::start_in(dir, None, &[]).await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let mut desktop = demo.connect(&product, &session).await.unwrap();
    desktop.next().await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "alive\n");
    demo.end(&session).await.unwrap();
    clean(&product, &demo, &session).await;
    product.stop().await.unwrap();
}
