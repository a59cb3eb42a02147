//! An ordinary user's product with that user's own Podman: a session is worked in, and root has no part in it.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use gatewright_suite::{Desktop, Files, Person, Product, RootlessPodman};
use http::{Method, StatusCode};
use serde_json::{Value, json};

fn configuration(user: &RootlessPodman, accepted: &[&str]) -> String {
    format!(
        "[agent]\nruntime = \"runtime-podman\"\nengine = \"{}\"\naccept_unenforced = {accepted:?}\n\n[agent.network]\ndns = [\"9.9.9.9\"]\n",
        user.address()
    )
}

/// The node as the page *Nodes* shows it, once it has told of its engine.
async fn node(product: &Product, admin: &Person) -> Value {
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        let mut nodes = admin.get("/api/v1/nodes").await.unwrap();
        let node = nodes["items"][0].take();
        if node["engine"].as_str().is_some_and(|engine| engine.contains("(rootless)")) {
            return node;
        }
        assert!(Instant::now() < limit, "{node}\n{}", product.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// *Check image*, which runs a program inside. What it found.
async fn check(admin: &Person) -> Value {
    let path = format!("/api/v1/workspaces/{}", admin.workspace("Terminal").await.unwrap());
    let nodes = admin.get(&format!("{path}/nodes")).await.unwrap();
    let wish = json!({ "node_id": nodes["items"][0]["id"] });
    admin.post(&format!("{path}/check"), &wish).await.unwrap();
    let limit = Instant::now() + Duration::from_secs(90);
    loop {
        let last = admin.get(&format!("{path}/check")).await.unwrap()["check"].take();
        if last.get("finished_at").is_some() {
            return last;
        }
        assert!(Instant::now() < limit, "the check does not end: {last}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn type_until(desktop: &mut Desktop, command: &str, done: impl Fn() -> bool) {
    for _ in 0..60 {
        desktop.type_text(&format!("\n{command}\n")).await.unwrap();
        let patience = tokio::time::sleep(Duration::from_secs(1));
        tokio::pin!(patience);
        loop {
            tokio::select! {
                () = &mut patience => break,
                heard = desktop.next() => drop(heard.unwrap()),
            }
        }
        if done() {
            return;
        }
    }
    panic!("what was typed did not arrive");
}

fn owner(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().uid()
}

/// One test, since both halves stand on the same user and engine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ordinary_user_runs_sessions_on_a_podman_of_their_own() {
    let user = RootlessPodman::start().unwrap();
    let missing = user.unenforced().unwrap();

    // Nobody runs without limits unknowingly.
    if !missing.is_empty() {
        let product = Product::start_as(&user, &configuration(&user, &[])).await.unwrap();
        let admin = product.login("admin").await.unwrap();
        let node = node(&product, &admin).await;
        let why = node["degraded"].as_str().unwrap_or_default();
        assert!(why.starts_with("the engine does not enforce limits of "), "{node}");
        let refused = product
            .login("demo")
            .await
            .unwrap()
            .launch("Terminal")
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains("507") || refused.contains("failed"), "{refused}");
        product.stop().await.unwrap();
    }

    let product = Product::start_as(&user, &configuration(&user, &missing)).await.unwrap();
    assert_eq!(owner(Path::new(&format!("/proc/{}", product.pid().unwrap()))), user.uid());
    let admin = product.login("admin").await.unwrap();
    let shown = node(&product, &admin).await;
    assert_eq!(shown["degraded"], Value::Null, "{}", product.log());
    assert_eq!(
        shown["engine"].as_str().unwrap().contains("(no limits of "),
        !missing.is_empty(),
        "{shown}"
    );
    assert_eq!(product.log().contains("Sessions run without these limits"), !missing.is_empty());
    // A network takes root, and is not offered.
    assert!(product.log().contains("Sessions get no network"), "{}", product.log());
    work_in_a_session(&user, &product).await;
    keep_a_home(&user, &product, &admin).await;
    let checked = check(&admin).await;
    let bad: Vec<&Value> = checked["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["state"] != "passed")
        .collect();
    assert!(bad.is_empty(), "{checked}\n{}", product.log());
    assert_eq!(user.podman(&["ps", "--all", "--quiet"]).unwrap(), "");
    let sessions = product.home().path().join("sessions");
    assert_eq!(std::fs::read_dir(sessions).unwrap().count(), 0);
    product.stop().await.unwrap();
}

async fn work_in_a_session(user: &RootlessPodman, product: &Product) {
    let demo = product.login("demo").await.unwrap();
    let launched = demo.launch("Terminal").await;
    let session = launched.unwrap_or_else(|error| panic!("{error:#}\n{}", product.log()));
    let container = format!("gatewright-{session}");
    let inside = |script: &str| user.podman(&["exec", &container, "sh", "-c", script]).unwrap();

    // Through edge, relay and agent to the desktop, and from there to the files.
    let mut desktop = demo.connect(product, &session).await.unwrap();
    let folder = product.home().session_folder(&session);
    let typed = folder.join("transfer/typed");
    let done = || std::fs::read_to_string(&typed).is_ok_and(|text| text == "typed\n");
    type_until(&mut desktop, "echo typed > ~/Transfer/typed", done).await;
    let files = Files::of(product, &demo, &session);
    inside(r"printf '\211PNG\r\n\032\n\0\0\0\rIHDR' > ~/Transfer/picture.png");
    assert_eq!(files.download("picture.png").await.unwrap(), b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR");
    let (status, answer) = files.upload("notes.txt", b"from outside\n").await.unwrap();
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(inside("cat ~/Transfer/notes.txt && rm ~/Transfer/notes.txt"), "from outside");

    // What is the workspace's user's inside is the ordinary user's outside, and nothing is root's.
    for path in [&folder, &folder.join("vnc.sock"), &folder.join("transfer"), &typed] {
        assert_eq!(owner(path), user.uid(), "{}", path.display());
    }
    assert_eq!(
        inside("id -u; stat -c %u /run/session ~ ~/Transfer/typed"),
        "1000\n1000\n1000\n1000"
    );
    let seen: Value = serde_json::from_str(&user.podman(&["inspect", &container]).unwrap()).unwrap();
    let (state, host) = (&seen[0]["State"], &seen[0]["HostConfig"]);
    assert_eq!(owner(Path::new(&format!("/proc/{}", state["Pid"]))), user.uid());
    assert_eq!((&host["Privileged"], &host["NetworkMode"]), (&json!(false), &json!("none")));
    // What can be enforced is.
    let shm = format!("size={}k", host["ShmSize"].as_u64().unwrap() >> 10);
    let mounted = inside("grep ' /dev/shm ' /proc/mounts");
    assert!(mounted.contains(&shm), "{shm} in {mounted}");
    let status = inside("cat /proc/self/status");
    for line in [
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(line), "{line} in {status}");
    }
    assert_eq!(inside("ls /sys/class/net"), "lo");

    demo.end(&session).await.unwrap();
    assert_eq!(user.podman(&["ps", "--all", "--quiet"]).unwrap(), "");
    assert!(!folder.exists(), "its folder is left");
}

async fn keep_a_home(user: &RootlessPodman, product: &Product, admin: &Person) {
    admin.keep_homes_of(&admin.workspace("Terminal").await.unwrap()).await.unwrap();
    let demo = product.login("demo").await.unwrap();
    for script in ["echo dear diary > ~/diary", "grep -q 'dear diary' ~/diary && test -d ~/Transfer/"] {
        let session = demo.launch("Terminal").await.unwrap();
        user.podman(&["exec", &format!("gatewright-{session}"), "sh", "-c", script])
            .unwrap();
        demo.end(&session).await.unwrap();
    }
    let homes = demo.get("/api/v1/homes").await.unwrap();
    let id = homes["items"][0]["id"].as_str().unwrap();
    let folder = product.home().path().join("homes").join(id);
    assert_eq!(owner(&folder.join("diary")), user.uid());
    let deleted = demo.request(Method::DELETE, &format!("/api/v1/homes/{id}")).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    // The agent is told of it until it confirms.
    let limit = Instant::now() + Duration::from_secs(60);
    while folder.exists() {
        assert!(Instant::now() < limit, "{}", product.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
