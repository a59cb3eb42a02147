//! Launching, following, entering and ending.

use std::time::SystemTime;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt as _;
use gatewright_core::SessionId;
use gatewright_identity::SessionPath;
use http::Method;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::fixture::{Browser, Fixture, PATIENCE, fixture, json_request, problem, raw, send};

async fn workspace(browser: &Browser, name: &str) -> String {
    let list = browser.get("/api/v1/workspaces").await.json();
    let items = list["items"].as_array().unwrap().clone();
    let found = items.iter().find(|item| item["name"] == name).unwrap();
    found["id"].as_str().unwrap().into()
}

async fn launch(browser: &Browser) -> Value {
    let id = workspace(browser, "Terminal").await;
    let answer = browser.post_json("/api/v1/sessions", &json!({ "workspace_id": id })).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.json()
}

fn path(session: &Value, rest: &str) -> String {
    format!("/api/v1/sessions/{}{rest}", session["id"].as_str().unwrap())
}

/// The events of a session as they come.
struct Events {
    body: BodyDataStream,
    read: String,
}

impl Events {
    async fn open(browser: &Browser, session: &Value) -> Self {
        let request = browser
            .request(&Method::GET, &path(session, "/events"))
            .body(Body::empty())
            .unwrap();
        let response = raw(&browser.app, request).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self {
            body: response.into_body().into_data_stream(),
            read: String::new(),
        }
    }

    /// The next session, or none where the stream ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.read.clone().split_once("\n\n") {
                self.read = rest.into();
                let Some(data) = event.strip_prefix("event: session\ndata: ") else {
                    assert!(event.starts_with(':'), "{event}");
                    continue;
                };
                return Some(serde_json::from_str(data).unwrap());
            }
            let chunk = timeout(PATIENCE, self.body.next()).await.unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    async fn until(&mut self, state: &str) -> Value {
        loop {
            let session = self.next().await.unwrap_or_else(|| panic!("the stream ended before {state}"));
            if session["state"] == state {
                return session;
            }
        }
    }
}

async fn ready(fixture: &Fixture, browser: &Browser) -> Value {
    fixture.desk.answers.add_permits(1);
    let session = launch(browser).await;
    Events::open(browser, &session).await.until("ready").await
}

#[tokio::test]
async fn a_session_is_followed_from_launch_to_end() {
    let fixture = fixture().await;
    let demo = fixture.log_in("demo").await;
    let session = launch(&demo).await;
    assert_eq!(session["workspace"]["name"], "Terminal");
    assert_eq!(session["user"]["name"], "demo");
    let mut events = Events::open(&demo, &session).await;
    let waiting = events.until("waiting").await;
    let done: Vec<bool> = waiting["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["done"].as_bool().unwrap())
        .collect();
    assert_eq!(done, [true, true, true, true, false, false]);
    let early = demo.post(&path(&session, "/ticket")).await;
    assert_eq!(early.problem(), problem(409, "not-ready"));

    fixture.desk.answers.add_permits(1);
    let at_ready = events.until("ready").await;
    assert!(at_ready["ready_at"].as_i64().unwrap() >= at_ready["created_at"].as_i64().unwrap());
    assert_eq!(demo.get(&path(&session, "")).await.json(), at_ready);
    assert_eq!(demo.get("/api/v1/sessions").await.json()["items"][0], at_ready);

    let ending = demo.delete(&path(&session, "")).await;
    assert_eq!(ending.status, 202, "{}", ending.text);
    let ended = events.until("ended").await;
    assert_eq!(ended["end"]["code"], "user");
    assert_eq!(events.next().await, None, "the stream ends after a final state");
    // Whoever comes late reads the end and no more.
    let mut late = Events::open(&demo, &session).await;
    assert_eq!(late.next().await.unwrap()["state"], "ended");
    assert_eq!(late.next().await, None);
    let over = demo.post(&path(&session, "/ticket")).await;
    assert_eq!(over.problem(), problem(409, "not-ready"));
}

#[tokio::test]
async fn a_ticket_is_for_one_person_and_one_session() {
    let fixture = fixture().await;
    let demo = fixture.log_in("demo").await;
    let session = ready(&fixture, &demo).await;
    let ticket = demo.post(&path(&session, "/ticket")).await;
    assert_eq!(ticket.status, 200, "{}", ticket.text);
    let id: SessionId = session["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(ticket.json()["base_url"], format!("/session/{id}/"));
    let token = ticket.json()["ticket"].as_str().unwrap().to_owned();
    let verified = fixture.signer.verifier().verify(&token, id, SystemTime::now().into()).unwrap();
    assert_eq!(verified.grant.user.to_string(), session["user"]["id"].as_str().unwrap());
    assert!(verified.opens(SessionPath::Vnc) && verified.opens(SessionPath::Notices));
    assert_eq!(ticket.json()["expires_at"], verified.expires_at.as_micros());
}

#[tokio::test]
async fn other_peoples_sessions_are_not_there() {
    let fixture = fixture().await;
    let admin = fixture.log_in("admin").await;
    let demo = fixture.log_in("demo").await;
    let of_admin = ready(&fixture, &admin).await;
    for answer in [
        demo.get(&path(&of_admin, "")).await,
        demo.get(&path(&of_admin, "/events")).await,
        demo.post(&path(&of_admin, "/ticket")).await,
        demo.delete(&path(&of_admin, "")).await,
        demo.get("/api/v1/sessions/no-id").await,
        demo.get(&format!("/api/v1/sessions/{}", Uuid::now_v7())).await,
    ] {
        assert_eq!(answer.problem(), problem(404, "not-found"));
    }
    assert_eq!(demo.get("/api/v1/sessions").await.json()["items"], json!([]));
    assert_eq!(
        admin.get(&path(&of_admin, "")).await.json()["state"],
        "ready",
        "nothing was done to it"
    );

    // An administrator may end a person's session, not look into it.
    let of_demo = ready(&fixture, &demo).await;
    assert_eq!(admin.get(&path(&of_demo, "")).await.status, 200);
    assert_eq!(admin.post(&path(&of_demo, "/ticket")).await.problem(), problem(404, "not-found"));
    let mut events = Events::open(&demo, &of_demo).await;
    assert_eq!(admin.delete(&path(&of_demo, "")).await.status, 202);
    assert_eq!(events.until("ended").await["end"]["code"], "administrator");
    let actions = admin.actions().await;
    for action in ["session.requested", "session.ending"] {
        assert!(actions.contains(&action.to_owned()), "{actions:?}");
    }
}

#[tokio::test]
async fn a_session_is_paused_and_goes_on_and_nobody_enters_meanwhile() {
    let fixture = fixture().await;
    let (demo, admin) = (fixture.log_in("demo").await, fixture.log_in("admin").await);
    let session = ready(&fixture, &demo).await;
    let mut events = Events::open(&demo, &session).await;
    events.until("ready").await;
    for _ in 0..2 {
        let paused = demo.post(&path(&session, "/pause")).await;
        assert_eq!(paused.status, 200, "{}", paused.text);
        let paused = paused.json();
        assert_eq!((paused["state"].as_str(), paused["step"].as_str()), (Some("ready"), Some("Paused")));
        assert!(paused["paused_at"].as_i64().unwrap() >= paused["ready_at"].as_i64().unwrap());
    }
    assert!(events.until("ready").await["paused_at"].is_i64());
    assert_eq!(demo.post(&path(&session, "/ticket")).await.problem(), problem(409, "paused"));
    // An administrator may, too; another person's is not there.
    let going_on = admin.post(&path(&session, "/resume")).await;
    assert_eq!((going_on.status, &going_on.json()["paused_at"]), (200, &Value::Null));
    assert_eq!(demo.post(&path(&session, "/ticket")).await.status, 200);
    let of_admin = ready(&fixture, &admin).await;
    for verb in ["/pause", "/resume"] {
        assert_eq!(demo.post(&path(&of_admin, verb)).await.problem(), problem(404, "not-found"));
    }
    let actions = admin.actions().await;
    for action in ["session.paused", "session.resumed"] {
        assert_eq!(actions.iter().filter(|one| *one == action).count(), 1, "{actions:?}");
    }
    let early = launch(&demo).await;
    assert_eq!(demo.post(&path(&early, "/pause")).await.problem(), problem(409, "not-ready"));
}

#[tokio::test]
async fn an_administrator_sees_everybodys_sessions_from_outside() {
    let fixture = fixture().await;
    let (demo, admin) = (fixture.log_in("demo").await, fixture.log_in("admin").await);
    assert_eq!(admin.get("/api/v1/running-sessions").await.json(), json!({"items": []}));
    let session = ready(&fixture, &demo).await;
    let listed = admin.get("/api/v1/running-sessions").await.json()["items"][0].clone();
    assert_eq!(listed["id"], session["id"]);
    assert_eq!(
        (&listed["user"], &listed["workspace"], &listed["state"]),
        (&json!("demo"), &json!("Terminal"), &json!("ready"))
    );
    assert!(listed["node"].is_string() && listed["paused_at"].is_null(), "{listed}");
    let stats = admin.get(&path(&session, "/stats")).await.json();
    assert_eq!((&stats["memory_bytes"], &stats["pids"]), (&json!(64 << 20), &json!(7)));
    let log = admin.get(&path(&session, "/logs?lines=5")).await.json();
    assert_eq!(log, json!({"items": [{"stream": "stderr", "text": "a line\n\u{fffd}"}]}));
    for bad in ["/logs?lines=0", "/logs?lines=10001", "/logs?lines=x", "/logs?follow=1"] {
        assert_eq!(admin.get(&path(&session, bad)).await.status, 422, "{bad}");
    }
    let read = admin
        .actions()
        .await
        .into_iter()
        .filter(|action| action == "session.log-read")
        .count();
    assert_eq!(read, 1, "once for the one that was told");
    // Over, it is told of no more.
    assert_eq!(demo.delete(&path(&session, "")).await.status, 202);
    Events::open(&demo, &session).await.until("ended").await;
    for gone in ["/stats", "/logs"] {
        assert_eq!(admin.get(&path(&session, gone)).await.problem(), problem(404, "not-found"));
    }
    assert_eq!(admin.get("/api/v1/running-sessions").await.json(), json!({"items": []}));
}

#[tokio::test]
async fn the_same_key_is_the_same_session() {
    let fixture = fixture().await;
    let demo = fixture.log_in("demo").await;
    let body = json!({ "workspace_id": workspace(&demo, "Terminal").await });
    let key = Uuid::now_v7().to_string();
    let with = |key: &str| {
        json_request(
            demo.request(&Method::POST, "/api/v1/sessions").header("idempotency-key", key),
            &body,
        )
    };
    let first = send(&demo.app, with(&key)).await.json();
    let second = send(&demo.app, with(&key)).await.json();
    assert_eq!(first["id"], second["id"]);
    let other = send(&demo.app, with(&Uuid::now_v7().to_string())).await.json();
    assert_ne!(first["id"], other["id"]);
    assert_eq!(send(&demo.app, with("x")).await.problem(), problem(422, "invalid-key"));
}

#[tokio::test]
async fn what_can_not_be_launched_says_why() {
    let fixture = fixture().await;
    let demo = fixture.log_in("demo").await;
    let launch = async |body: &Value| demo.post_json("/api/v1/sessions", body).await.problem();
    assert_eq!(launch(&json!({ "workspace_id": Uuid::now_v7() })).await, problem(404, "not-found"));
    assert_eq!(launch(&json!({ "workspace_id": "x" })).await, problem(422, "invalid-body"));
    assert_eq!(launch(&json!({})).await, problem(422, "invalid-body"));
    let terminal = workspace(&demo, "Terminal").await;
    let more = json!({ "workspace_id": terminal, "image": "other" });
    assert_eq!(launch(&more).await, problem(422, "invalid-body"));
    let firefox = workspace(&demo, "Firefox").await;
    assert_eq!(launch(&json!({ "workspace_id": firefox })).await, problem(409, "unavailable"));
}
