//! How long sessions live, with limits of seconds from the configuration.

use std::time::Duration;

use gatewright_suite::{Desktop, Engine, Heard, Person, Product};
use serde_json::Value;

const CONFIG: &str = "[limits]\n\
    session_unattended_secs = 12\n\
    session_idle_secs = 12\n\
    session_longest_secs = 30\n\
    session_warnings_secs = [6]\n";

async fn connected(product: &Product, person: &Person) -> (String, Desktop) {
    let session = person.launch("Terminal").await.unwrap();
    let desktop = person.connect(product, &session).await.unwrap();
    (session, desktop)
}

/// What the page is told beside the picture, until the stream of it ends.
async fn notices(person: &Person, product: &Product, session: &str) -> tokio::task::JoinHandle<String> {
    let cookie = person.enter(session).await.unwrap();
    let request = product
        .http()
        .get(format!("{}/session/{session}/notices", product.origin))
        .header("cookie", cookie);
    let mut answer = request.send().await.unwrap().error_for_status().unwrap();
    tokio::spawn(async move {
        let mut told = String::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            told.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        told
    })
}

async fn end_of(person: &Person, session: &str) -> Value {
    let over = person.wait_for(session, |state| matches!(state, "ended" | "failed")).await.unwrap();
    over["end"].clone()
}

async fn nobody_connects(product: &Product, person: &Person) {
    let session = person.launch("Terminal").await.unwrap();
    let end = end_of(person, &session).await;
    assert_eq!(end["code"], "unattended");
    assert_eq!(end["text"], "Nobody was connected for 12 seconds, so this session was ended.");
    product.engine().gone(&session).await.unwrap();
}

/// That the end was told of once: with six seconds left, or with what was left of them where the machine was slow.
fn warned_once(told: &str, why: &str) {
    let warnings: Vec<&str> = told.split("This session ends in ").skip(1).collect();
    let [warning] = warnings[..] else {
        panic!("{} warnings: {told}", warnings.len())
    };
    let (left, rest) = warning.split_once(" second").unwrap_or_else(|| panic!("{told}"));
    assert!((1..=6).contains(&left.parse::<u64>().unwrap()), "{told}");
    assert!(rest.trim_start_matches('s').starts_with(why), "{told}");
}

async fn nobody_types(product: &Product, person: &Person) {
    let (session, mut desktop) = connected(product, person).await;
    let told = notices(person, product, &session).await;
    let closed = desktop.closed().await.unwrap();
    let text = "Nothing was typed or clicked for 12 seconds, so this session was ended.";
    assert_eq!((closed.code, closed.reason.as_str()), (4002, text));
    assert_eq!(end_of(person, &session).await["code"], "idle");
    let told = told.await.unwrap();
    warned_once(&told, ", since nothing is typed or clicked. Press a key to keep it.");
    assert!(told.contains(text), "{told}");
}

async fn somebody_types_all_the_time(product: &Product, person: &Person) {
    let (session, mut desktop) = connected(product, person).await;
    let told = notices(person, product, &session).await;
    let closed = loop {
        match tokio::time::timeout(Duration::from_millis(500), desktop.next()).await {
            Ok(Ok(Heard::Closed(closed))) => break closed,
            Ok(heard) => drop(heard.unwrap()),
            // The stream may end between a look and a key.
            Err(_) => drop(desktop.type_text("x").await),
        }
    };
    let text = "This session was open for 30 seconds, the longest that is allowed.";
    assert_eq!((closed.code, closed.reason.as_str()), (4002, text));
    assert_eq!(end_of(person, &session).await["code"], "time-limit");
    let told = told.await.unwrap();
    warned_once(&told, ". It may be open for 30 seconds at the most. Save your work.");
    assert!(!told.contains("nothing is typed"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_by_the_first_limit_it_reaches_and_says_so() {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), CONFIG).unwrap();
    let product = Product::start_with(&["--config", file.path().to_str().unwrap()]).await.unwrap();
    let demo = product.login("demo").await.unwrap();
    tokio::join!(
        nobody_connects(&product, &demo),
        nobody_types(&product, &demo),
        somebody_types_all_the_time(&product, &demo),
    );
    let sessions = demo.get("/api/v1/sessions").await.unwrap();
    let mut ends: Vec<&str> = sessions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["end"]["code"].as_str().unwrap())
        .collect();
    ends.sort_unstable();
    assert_eq!(ends, ["idle", "time-limit", "unattended"]);
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_short_of_disk_takes_no_session_and_says_so_to_administrators() {
    let engine = Engine::connect().await.unwrap();
    // More than any disk has.
    let conf = format!(
        "[agent]\nname = \"full-node\"\nengine = \"{}\"\ndisk_reserve_bytes = 1152921504606846976\n",
        engine.address()
    );
    let product = Product::start_configured(&conf).await.unwrap();
    let admin = product.login("admin").await.unwrap();
    let session = admin.request_session("Terminal").await.unwrap();
    let failed = admin
        .wait_for(&session, |state| matches!(state, "ready" | "ended" | "failed"))
        .await
        .unwrap();
    let told = failed["end"]["text"].as_str().unwrap();
    let reference = told
        .strip_prefix("No room right now. Try again in a few minutes. Ref ")
        .unwrap_or_else(|| panic!("{told}"));
    let events = admin.activity(&format!("reference={reference}")).await.unwrap();
    let detail = events[0]["detail"].as_str().unwrap();
    assert!(
        detail.contains("full-node: is degraded: the disk of the data folder has ") && detail.contains(" TiB are reserved"),
        "{detail}"
    );
    product.stop().await.unwrap();
}
