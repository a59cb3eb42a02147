//! Reading the record, the home page, and the examples.

use serde_json::json;

use crate::fixture::{fixture, problem};

#[tokio::test]
async fn reading_is_on_the_record_once() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    for _ in 0..3 {
        assert_eq!(admin.get("/api/v1/activity?user=demo").await.status, 200);
    }
    assert_eq!(admin.get("/api/v1/activity?user=admin").await.status, 200);
    let page = admin.get("/api/v1/activity?kind=audit").await.json();
    assert_eq!(page["chain"]["intact"], true);
    let items = page["items"].as_array().unwrap();
    let mut readings: Vec<_> = items
        .iter()
        .filter(|item| item["action"] == "activity.viewed")
        .map(|item| {
            (
                item["user_name"].as_str().unwrap(),
                item["detail"].as_str().unwrap(),
                item["client"].as_str().unwrap(),
            )
        })
        .collect();
    readings.sort_unstable();
    assert_eq!(
        readings,
        [
            ("admin", "kind audit", "192.0.2.7"),
            ("admin", "user admin", "192.0.2.7"),
            ("admin", "user demo", "192.0.2.7")
        ]
    );
}

#[tokio::test]
async fn pages_follow_each_other() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    for _ in 0..4 {
        fixture.log_in("demo").await;
    }
    let first = admin.get("/api/v1/activity?user=demo&limit=3").await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 3);
    let before = first["next_before"].as_u64().unwrap();
    let second = admin
        .get(&format!("/api/v1/activity?user=demo&limit=3&before={before}"))
        .await
        .json();
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_eq!(second.get("next_before"), None);
    let reference = first["items"][0]["reference"].as_str().unwrap().to_lowercase();
    let one = admin
        .get(&format!("/api/v1/activity?reference={reference}&gate=&outcome="))
        .await
        .json();
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    assert_eq!(one["items"][0], first["items"][0]);
}

#[tokio::test]
async fn questions_are_read_strictly() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    for query in [
        "gate=side-door",
        "outcome=maybe",
        "kind=x",
        "reference=?",
        "before=-1",
        "limit=x",
        "unknown=1",
    ] {
        let answer = admin.get(&format!("/api/v1/activity?{query}")).await;
        assert_eq!(answer.problem(), problem(422, "invalid-query"), "{query}");
    }
}

#[tokio::test]
async fn the_home_page_fits_the_person_and_the_examples_go() {
    let fixture = fixture().await;
    let (admin, demo) = (fixture.log_in("admin").await, fixture.log_in("demo").await);
    let steps = async |browser: &crate::fixture::Browser| browser.get("/api/v1/home").await.json()["checklist"].as_array().unwrap().len();
    assert_eq!((steps(&admin).await, steps(&demo).await), (5, 2));
    assert_eq!(admin.get("/api/v1/home").await.json()["examples_present"], true);
    assert_eq!(admin.delete("/api/v1/examples").await.status, 204);
    assert_eq!(admin.get("/api/v1/home").await.json()["examples_present"], false);
    assert_eq!(admin.get("/api/v1/workspaces").await.json(), json!({ "items": [] }));
    assert_eq!(
        demo.get("/api/v1/me").await.problem(),
        problem(401, "login-required"),
        "demo was an example"
    );
    assert!(admin.actions().await.contains(&"examples.removed".to_owned()));
}
