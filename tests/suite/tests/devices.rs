//! A workspace asks for a device: its sessions have it, on a machine whose operator gives it, and nowhere else.

use std::path::PathBuf;

use gatewright_suite::{Engine, EngineKind, Person, Product};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// A device that does no harm, described to every engine of this machine until this is dropped.
struct Probe(PathBuf);

impl Probe {
    fn new(kind: &str) -> Self {
        let described = json!({ "cdiVersion": "0.3.0", "kind": kind, "devices": [{ "name": "one", "containerEdits": {
            "deviceNodes": [{ "path": "/dev/probe-one", "type": "c", "major": 1, "minor": 3 }],
        }}]});
        let file = PathBuf::from(format!("/var/run/cdi/gatewright-suite-{}.json", std::process::id()));
        let made = std::fs::create_dir_all("/var/run/cdi").and_then(|()| std::fs::write(&file, described.to_string()));
        made.unwrap_or_else(|error| panic!("{} can't be written ({error}): run the tests as root", file.display()));
        Self(file)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
        // Only where nothing else is in it.
        drop(std::fs::remove_dir("/var/run/cdi"));
    }
}

/// Has Terminal ask for these devices, as an administrator does.
async fn ask_for(admin: &Person, devices: &[&str]) -> (StatusCode, Value) {
    let path = format!("/api/v1/workspaces/{}", admin.workspace("Terminal").await.unwrap());
    let Value::Object(mut wish) = admin.get(&path).await.unwrap() else {
        panic!("no settings");
    };
    wish.retain(|name, _| !matches!(name.as_str(), "id" | "example" | "nodes"));
    wish.insert("devices".into(), json!(devices));
    let answer = admin.request(Method::PUT, &path).json(&wish).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_has_the_devices_of_its_workspace() {
    let kind = format!("suite-{}.example/probe", std::process::id());
    let _probe = Probe::new(&kind);
    let (one, two) = (format!("{kind}=one"), format!("{kind}=two"));
    let socket = std::env::var("GATEWRIGHT_PODMAN_HOST").unwrap();
    let conf = format!("[agent]\nruntime = \"runtime-podman\"\nengine = {socket:?}\ndevices = [{one:?}]\n");
    let product = Product::start_configured(&conf).await.unwrap();
    let podman = Engine::connect_to(EngineKind::Podman).await.unwrap();
    let (admin, demo) = (product.login("admin").await.unwrap(), product.login("demo").await.unwrap());
    let nodes = admin.get("/api/v1/nodes").await.unwrap();
    assert_eq!(nodes["items"][0]["devices"], json!([one]));

    let (status, answer) = ask_for(&admin, &["/dev/null"]).await;
    assert_eq!(
        (status, &answer["fields"][0]["name"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("devices"))
    );
    let (status, answer) = ask_for(&admin, &[&one]).await;
    assert_eq!((status, &answer["devices"]), (StatusCode::OK, &json!([one])));

    let session = demo.launch("Terminal").await.unwrap();
    let look = ["sh", "-c", "test -c /dev/probe-one && echo gone > /dev/probe-one && echo there"];
    assert_eq!(podman.exec(&session, &look, b"").await.unwrap(), (b"there\n".to_vec(), 0));
    demo.end(&session).await.unwrap();
    podman.gone(&session).await.unwrap();

    // What no machine has is told to the person without a promise, and to administrators with what to do.
    assert_eq!(ask_for(&admin, &[&one, &two]).await.0, StatusCode::OK);
    let session = demo.request_session("Terminal").await.unwrap();
    let failed = demo.wait_for(&session, |state| state == "failed").await.unwrap();
    let message = failed["message"].as_str().unwrap();
    assert!(
        message.starts_with("No machine has the devices that this workspace needs. "),
        "{message}"
    );
    let reference = message.rsplit(' ').next().unwrap();
    let items = admin.activity(&format!("reference={reference}")).await.unwrap();
    let detail = items[0]["detail"].as_str().unwrap();
    assert!(
        detail.contains(&format!("has no {two}")) && detail.contains("under [agent] devices"),
        "{detail}"
    );
    product.stop().await.unwrap();
}
