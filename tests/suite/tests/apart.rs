//! What only roles in processes of their own can show: one dies and its like goes on; zones; nodes that are removed.

use std::time::{Duration, Instant};

use gatewright_suite::{Desktop, EngineKind, Entrance, Person, Product};

/// How long anything may take to come back.
const BACK: Duration = Duration::from_secs(60);

/// Connects until it works: what was killed takes a moment to be known again.
async fn connect(person: &Person, entrance: &Entrance, session: &str) -> Desktop {
    let began = Instant::now();
    loop {
        match person.connect(entrance, session).await {
            Ok(desktop) => return desktop,
            Err(error) if began.elapsed() > BACK => panic!("it does not come back: {error:#}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// Types into a session until what was typed is done.
async fn typed(product: &Product, desktop: &mut Desktop, session: &str, word: &str) {
    let file = product.home().session_folder(session).join("transfer").join(word);
    let began = Instant::now();
    while !file.exists() {
        assert!(began.elapsed() < BACK, "what was typed did not arrive");
        desktop.type_text(&format!("\ntouch ~/Transfer/{word}\n")).await.unwrap();
        let _ = tokio::time::timeout(Duration::from_millis(500), async { while desktop.next().await.is_ok() {} }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_its_like_goes_on_or_it_comes_back() {
    let mut product = Product::start_apart(EngineKind::Docker).await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let mut desktop = connect(&demo, &product, &session).await;
    typed(&product, &mut desktop, &session, "begun").await;

    // A control plane: the other one answers, and nobody who works notices.
    product.kill_one("web-app-1").await.unwrap();
    typed(&product, &mut desktop, &session, "without-a-web-app").await;
    assert_eq!(demo.get(&format!("/api/v1/sessions/{session}")).await.unwrap()["state"], "ready");
    let other = demo.launch("Terminal").await.unwrap();
    demo.end(&other).await.unwrap();
    product.engine().gone(&other).await.unwrap();
    product.start_again("web-app-1").await.unwrap();
    product.kill_one("web-app-2").await.unwrap();
    typed(&product, &mut desktop, &session, "on-the-other").await;
    product.start_again("web-app-2").await.unwrap();

    // An agent: its sessions live on, and are reached again.
    product.kill_one("agent-1").await.unwrap();
    desktop.closed().await.unwrap();
    product.start_again("agent-1").await.unwrap();
    let mut desktop = connect(&demo, &product, &session).await;
    typed(&product, &mut desktop, &session, "after-its-agent").await;

    // A connection proxy.
    product.kill_one("proxy-1").await.unwrap();
    desktop.closed().await.unwrap();
    product.start_again("proxy-1").await.unwrap();
    let mut desktop = connect(&demo, &product, &session).await;
    typed(&product, &mut desktop, &session, "after-its-proxy").await;

    // An edge: the other zone's leads there as well. It is among those that pages know, and takes the login over.
    let south = product.entrance_of(EngineKind::Podman).unwrap();
    let edges = demo.get("/api/v1/edges").await.unwrap();
    let known: Vec<&str> = edges["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|edge| edge["origin"].as_str())
        .collect();
    assert!(known.len() == 2 && known.contains(&south.origin.as_str()), "{edges}");
    let code = demo.handover().await.unwrap();
    product.kill_one("edge-1").await.unwrap();
    desktop.closed().await.unwrap();
    let demo = demo.come_to(&south, &code).await.unwrap();
    let mut desktop = connect(&demo, &south, &session).await;
    typed(&product, &mut desktop, &session, "through-the-other-edge").await;

    demo.end(&session).await.unwrap();
    product.engine().gone(&session).await.unwrap();
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_runs_in_the_zone_that_it_was_asked_for_in() {
    let product = Product::start_apart(EngineKind::Podman).await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    assert_eq!(
        product.engine().containers(&session).await.unwrap().len(),
        1,
        "it is not on the zone's Podman"
    );
    let default = product.entrance_of(EngineKind::Docker).unwrap();
    let elsewhere = demo.at(&default);
    let mut desktop = connect(&elsewhere, &default, &session).await;
    typed(&product, &mut desktop, &session, "from-the-other-zone").await;
    demo.end(&session).await.unwrap();
    product.engine().gone(&session).await.unwrap();
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_cable_is_survived_and_a_removed_node_is_not_let_back() {
    let product = Product::start_apart(EngineKind::Docker).await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let mut desktop = connect(&demo, &product, &session).await;
    typed(&product, &mut desktop, &session, "begun").await;
    drop(desktop);

    product.unplug("agent-1").await.unwrap();
    product.plug("agent-1").await.unwrap();
    let mut desktop = connect(&demo, &product, &session).await;
    typed(&product, &mut desktop, &session, "plugged-in-again").await;
    demo.end(&session).await.unwrap();
    product.engine().gone(&session).await.unwrap();

    let listed = product.operate(&["node", "list"]).await.unwrap();
    assert_eq!(listed.lines().filter(|line| line.contains(" joined ")).count(), 8, "{listed}");
    let agent = listed.lines().find(|line| line.contains("agent-1")).unwrap();
    let id = agent.split_whitespace().next().unwrap();
    product.operate(&["node", "remove", id]).await.unwrap();
    let listed = product.operate(&["node", "list"]).await.unwrap();
    assert!(
        listed.lines().any(|line| line.starts_with(id) && line.contains(" removed ")),
        "{listed}"
    );
    // Nothing is placed there any more: whoever asks gets a session of the other zone.
    let elsewhere = demo.launch("Terminal").await.unwrap();
    assert!(
        product.engine().containers(&elsewhere).await.unwrap().is_empty(),
        "it is on the removed node"
    );
    let south = product.entrance_of(EngineKind::Podman).unwrap();
    drop(connect(&demo.at(&south), &south, &elsewhere).await);
    demo.end(&elsewhere).await.unwrap();
    product.stop().await.unwrap();
}
