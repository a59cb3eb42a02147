//! What a person leaves at home is there at the next launch, and nobody else's.

use gatewright_suite::{Engine, Person, Product};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// Has Terminal keep homes, as an administrator does.
async fn keep_homes(product: &Product) {
    let admin = product.login("admin").await.unwrap();
    let path = format!("/api/v1/workspaces/{}", admin.workspace("Terminal").await.unwrap());
    let Value::Object(mut wish) = admin.get(&path).await.unwrap() else {
        panic!("no settings");
    };
    wish.retain(|name, _| !matches!(name.as_str(), "id" | "example" | "nodes"));
    wish.insert("keep_home".into(), json!(true));
    let answer = admin.request(Method::PUT, &path).json(&wish).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

async fn inside(engine: &Engine, session: &str, command: &str) -> String {
    let (out, _) = engine.exec(session, &["sh", "-c", command], b"").await.unwrap();
    String::from_utf8(out).unwrap().trim().to_owned()
}

async fn homes(person: &Person) -> Vec<Value> {
    person.get("/api/v1/homes").await.unwrap()["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_at_home_is_there_at_the_next_launch() {
    let product = Product::start().await.unwrap();
    keep_homes(&product).await;
    let demo = product.login("demo").await.unwrap();
    let engine = product.engine();
    let session = demo.launch("Terminal").await.unwrap();
    inside(engine, &session, "echo dear diary > /home/user/diary").await;
    let refused = demo
        .request(Method::POST, "/api/v1/sessions")
        .json(&json!({ "workspace_id": demo.workspace("Terminal").await.unwrap() }))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let text: Value = refused.json().await.unwrap();
    assert_eq!(text["detail"], "Terminal is already open and keeps your home; resume that one.");
    demo.end(&session).await.unwrap();
    engine.gone(&session).await.unwrap();

    let session = demo.launch("Terminal").await.unwrap();
    assert_eq!(
        inside(engine, &session, "cat /home/user/diary; readlink /home/user/Transfer").await,
        "dear diary\n/run/session/transfer"
    );
    // Another person's home is another one.
    let admin = product.login("admin").await.unwrap();
    let other = admin.launch("Terminal").await.unwrap();
    assert_eq!(inside(engine, &other, "ls -A /home/user").await, "Transfer");
    admin.end(&other).await.unwrap();

    let saved = homes(&demo).await;
    assert_eq!((saved.len(), &saved[0]["in_use"]), (1, &json!(true)));
    let path = format!("/api/v1/homes/{}", saved[0]["id"].as_str().unwrap());
    let delete = async |person: &Person| person.request(Method::DELETE, &path).send().await.unwrap().status();
    assert_eq!(delete(&demo).await, StatusCode::CONFLICT);
    demo.end(&session).await.unwrap();
    assert_eq!(delete(&admin).await, StatusCode::NOT_FOUND);
    assert_eq!(delete(&demo).await, StatusCode::NO_CONTENT);
    let session = demo.launch("Terminal").await.unwrap();
    assert_eq!(inside(engine, &session, "ls -A /home/user").await, "Transfer");
    demo.end(&session).await.unwrap();
    product.stop().await.unwrap();
}
