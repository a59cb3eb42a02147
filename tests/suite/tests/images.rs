//! *Check image* in the whole stack: a good image passes, each broken one fails at the step that names what is wrong, and
//! nothing of a check is left.

use std::process::Command;
use std::time::{Duration, Instant};

use gatewright_suite::{Engine, Person, Product};
use reqwest::Method;
use serde_json::{Value, json};

/// How long one check may take.
const CHECK: Duration = Duration::from_secs(90);

fn docker(arguments: &[&str]) {
    let address = std::env::var("GATEWRIGHT_DOCKER_HOST").unwrap();
    let done = Command::new("docker").args(["--host", &address]).args(arguments).output();
    let done = done.unwrap_or_else(|error| panic!("no docker ({error}); run: cargo xtask test"));
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// An image made of the terminal's, whose first process is this script; removed in the end.
struct Image(String);

impl Image {
    fn of(number: usize, script: &str) -> Self {
        let name = format!("localhost/test/check-{}-{number}:1", std::process::id());
        let container = format!("check-{}-{number}", std::process::id());
        docker(&["create", "--name", &container, "gatewright/terminal:dev"]);
        let command = format!("--change=CMD {}", json!(["sh", "-c", script]));
        docker(&["commit", &command, &container, &name]);
        docker(&["rm", &container]);
        Self(name)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        docker(&["rmi", &self.0]);
    }
}

async fn workspace(admin: &Person, name: &str, image: &str) -> String {
    let wish = json!({
        "name": name, "icon": "terminal", "image": image, "cpu_millicores": 500, "memory_bytes": 256 << 20, "pids": 128,
        "shm_bytes": 16 << 20, "network": "none", "enabled": false,
    });
    let made = admin.post("/api/v1/workspaces", &wish).await.unwrap();
    made["id"].as_str().unwrap().to_owned()
}

async fn check(admin: &Person, workspace: &str) -> Value {
    let path = format!("/api/v1/workspaces/{workspace}");
    let nodes = admin.get(&format!("{path}/nodes")).await.unwrap();
    assert_eq!(nodes["items"][0]["state"], "present", "{nodes}");
    let begun = admin
        .post(&format!("{path}/check"), &json!({ "node_id": nodes["items"][0]["id"] }))
        .await
        .unwrap();
    assert!(begun.get("finished_at").is_none());
    let limit = Instant::now() + CHECK;
    loop {
        let last = admin.get(&format!("{path}/check")).await.unwrap()["check"].clone();
        if last.get("finished_at").is_some() {
            return last;
        }
        assert!(Instant::now() < limit, "the check does not end: {last}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn steps(check: &Value, state: &str) -> Vec<String> {
    let steps = check["steps"].as_array().unwrap().iter();
    let found = steps.filter(|step| step["state"] == state);
    found.map(|step| step["step"].as_str().unwrap().to_owned()).collect()
}

/// The containers with the label of a session, of any deployment, that were made of this image.
async fn left(engine: &Engine, image: &str) -> usize {
    let filters = [("ancestor".to_owned(), vec![image.to_owned()])].into();
    let options = bollard::query_parameters::ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filters)
        .build();
    engine.docker().list_containers(Some(options)).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_names_what_is_wrong_with_an_image() {
    let address = Engine::connect().await.unwrap().address().to_owned();
    let conf = format!("[agent]\nengine = \"{address}\"\n[limits]\nlaunch_timeout_secs = 20\n");
    let product = Product::start_configured(&conf).await.unwrap();
    let admin = product.login("admin").await.unwrap();

    let good = workspace(&admin, "Good", "gatewright/terminal:dev").await;
    let done = check(&admin, &good).await;
    assert_eq!(done["passed"], true, "{done}");
    assert_eq!(steps(&done, "passed").len(), 9);

    let changed = |expression: &str| format!("sed {expression} /usr/bin/gatewright-session >/tmp/changed; exec sh /tmp/changed");
    let cases = [
        ("exit 3".to_owned(), "desktop", "exited with code 3"),
        ("exec sleep 600".to_owned(), "desktop", "nothing speaks RFB"),
        ("exec /no/such/program".to_owned(), "desktop", "exited with code 127"),
        (
            format!("echo another1 >/tmp/other; {}", changed(r#"'s|<"$folder/password"|</tmp/other|'"#)),
            "password",
            "refuses the password",
        ),
        (
            changed(r#"'s|rm -f "$folder/password"|:|'"#),
            "password",
            "leaves /run/session/password",
        ),
        (changed("\"s/^trap stop TERM INT/trap '' TERM INT/\""), "stop", "was killed"),
    ];
    for (number, (script, step, why)) in cases.into_iter().enumerate() {
        let image = Image::of(number, &script);
        let broken = workspace(&admin, &format!("Broken {number}"), &image.0).await;
        let done = check(&admin, &broken).await;
        assert_eq!(done["passed"], false, "{script}");
        assert_eq!(steps(&done, "failed"), [step], "{script}: {done}");
        let failed = done["steps"].as_array().unwrap().iter().find(|one| one["step"] == step).unwrap();
        assert!(failed["why"].as_str().unwrap().contains(why), "{script}: {failed}");
        assert!(!failed["advice"].as_str().unwrap().is_empty());
        assert_eq!(done["steps"][8]["state"], "passed", "nothing is left");
        assert_eq!(left(product.engine(), &image.0).await, 0, "{script}");
    }
    let folders = std::fs::read_dir(product.home().path().join("sessions")).unwrap().count();
    assert_eq!(folders, 0, "folders are left");
    let events = admin.activity("kind=audit&limit=200").await.unwrap();
    let checked = events.iter().filter(|event| event["action"] == "workspace.checked").count();
    assert_eq!(checked, 7);

    // What was checked is launched like any other, once it is switched on.
    let path = format!("/api/v1/workspaces/{good}");
    let mut wish = admin.get(&path).await.unwrap();
    for name in ["id", "nodes", "example"] {
        wish.as_object_mut().unwrap().remove(name);
    }
    wish["enabled"] = json!(true);
    let switched = admin.request(Method::PUT, &path).json(&wish).send().await.unwrap();
    assert_eq!(switched.status(), 200);
    let session = admin.launch("Good").await.unwrap();
    let refused = admin.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(refused.status(), 409);
    let ended = admin
        .request(Method::DELETE, &format!("{path}?end_sessions=true"))
        .send()
        .await
        .unwrap();
    assert_eq!(ended.status(), 204);
    product.engine().gone(&session).await.unwrap();
    product.stop().await.unwrap();
}
