//! A person with a login, as the API sees one.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Desktop, Entrance};

/// How long a launch may take on a loaded machine.
const LAUNCH: Duration = Duration::from_secs(120);

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub struct Person {
    http: reqwest::Client,
    origin: String,
    cookie: String,
    csrf: String,
}

impl Person {
    /// Logs in.
    pub async fn login(entrance: &Entrance, name: &str, password: &str) -> anyhow::Result<Self> {
        let answer = entrance
            .http()
            .post(format!("{}/api/v1/login", entrance.origin))
            .header("origin", &entrance.origin)
            .json(&json!({ "username": name, "password": password }))
            .send()
            .await?;
        ensure!(
            answer.status() == StatusCode::OK,
            "login: {} {}",
            answer.status(),
            answer.text().await?
        );
        let cookie = answer.headers().get("set-cookie").context("no cookie")?.to_str()?;
        let cookie = cookie.split(';').next().context("no cookie")?.to_owned();
        let me: Value = answer.json().await?;
        let csrf = me.get("csrf_token").and_then(Value::as_str).context("no CSRF token")?.to_owned();
        Ok(Self {
            http: entrance.http().clone(),
            origin: entrance.origin.clone(),
            cookie,
            csrf,
        })
    }

    /// The same login through another edge.
    #[must_use]
    pub fn at(&self, entrance: &Entrance) -> Self {
        Self {
            http: entrance.http().clone(),
            origin: entrance.origin.clone(),
            ..self.clone()
        }
    }

    /// A code with which this person goes on at another edge.
    pub async fn handover(&self) -> anyhow::Result<String> {
        Ok(text(&self.post("/api/v1/handover", &json!({})).await?, "code").to_owned())
    }

    /// This person at another edge, with a code, as the form of a page here has the browser do.
    pub async fn come_to(&self, entrance: &Entrance, code: &str) -> anyhow::Result<Self> {
        let answer = entrance
            .http()
            .post(format!("{}/api/v1/handover/enter", entrance.origin))
            .header("origin", &self.origin)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("code={code}&next=%2F"))
            .send()
            .await?;
        let cookie = answer.headers().get("set-cookie").context("no cookie")?.to_str()?;
        let cookie = cookie.split(';').next().context("no cookie")?.to_owned();
        let mut there = Self {
            cookie,
            ..self.at(entrance)
        };
        text(&there.get("/api/v1/me").await?, "csrf_token").clone_into(&mut there.csrf);
        Ok(there)
    }

    /// A request with this person's login.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.origin))
            .header("cookie", &self.cookie)
            .header("origin", &self.origin)
            .header("x-csrf-token", &self.csrf)
    }

    /// What a path answers, which must be a success.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        success(self.request(Method::GET, path).send().await?).await
    }

    /// Posts JSON, which must succeed.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        success(self.request(Method::POST, path).json(body).send().await?).await
    }

    /// The id of the workspace of this name.
    pub async fn workspace(&self, name: &str) -> anyhow::Result<String> {
        let workspaces = self.get("/api/v1/workspaces").await?;
        let items = workspaces.get("items").and_then(Value::as_array).context("no items")?;
        let found = items.iter().find(|item| text(item, "name") == name);
        Ok(text(found.with_context(|| format!("no workspace {name}"))?, "id").to_owned())
    }

    /// As an administrator: has a workspace keep its people's homes.
    pub async fn keep_homes_of(&self, workspace: &str) -> anyhow::Result<()> {
        let path = format!("/api/v1/workspaces/{workspace}");
        let mut settings = self.get(&path).await?;
        let fields = settings.as_object_mut().context("no settings")?;
        for given in ["id", "example", "nodes"] {
            fields.remove(given);
        }
        fields.insert("keep_home".into(), true.into());
        success(self.request(Method::PUT, &path).json(&settings).send().await?)
            .await
            .map(drop)
    }

    /// Asks for a session of the workspace of this name. Its id.
    pub async fn request_session(&self, workspace: &str) -> anyhow::Result<String> {
        let id = self.workspace(workspace).await?;
        let session = self.post("/api/v1/sessions", &json!({ "workspace_id": id })).await?;
        Ok(text(&session, "id").to_owned())
    }

    /// Launches a session of the workspace of this name and waits until it is ready. Its id.
    pub async fn launch(&self, workspace: &str) -> anyhow::Result<String> {
        let session = self.request_session(workspace).await?;
        let last = self
            .wait_for(&session, |state| matches!(state, "ready" | "ended" | "failed"))
            .await?;
        ensure!(text(&last, "state") == "ready", "the launch failed: {last}");
        Ok(session)
    }

    /// Waits until a session's state is one of those that `wanted` names.
    pub async fn wait_for(&self, session: &str, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Value> {
        let began = Instant::now();
        loop {
            let now = self.get(&format!("/api/v1/sessions/{session}")).await?;
            if wanted(text(&now, "state")) {
                return Ok(now);
            }
            ensure!(began.elapsed() < LAUNCH, "the session stays as it is: {now}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends a session and waits until it is over.
    pub async fn end(&self, session: &str) -> anyhow::Result<()> {
        success(self.request(Method::DELETE, &format!("/api/v1/sessions/{session}")).send().await?).await?;
        self.wait_for(session, |state| matches!(state, "ended" | "failed")).await.map(drop)
    }

    /// A ticket for a session, turned into its cookie at the edge.
    pub async fn enter(&self, session: &str) -> anyhow::Result<String> {
        let ticket = self.post(&format!("/api/v1/sessions/{session}/ticket"), &json!({})).await?;
        let answer = self
            .http
            .post(format!("{}/session/{session}/enter", self.origin))
            .header("origin", &self.origin)
            .json(&json!({ "ticket": text(&ticket, "ticket") }))
            .send()
            .await?;
        ensure!(
            answer.status() == StatusCode::NO_CONTENT,
            "enter: {} {}",
            answer.status(),
            answer.text().await?
        );
        let cookie = answer.headers().get("set-cookie").context("no ticket cookie")?.to_str()?;
        Ok(cookie.split(';').next().unwrap_or_default().to_owned())
    }

    /// Connects to a session's desktop.
    pub async fn connect(&self, entrance: &Entrance, session: &str) -> anyhow::Result<Desktop> {
        let cookie = self.enter(session).await?;
        Desktop::connect(entrance, session, &cookie).await
    }

    /// Uploads a plugin, as fast as the product lets somebody. The status and the answer.
    pub async fn upload(&self, component: Vec<u8>) -> anyhow::Result<(StatusCode, Value)> {
        loop {
            let request = self
                .request(Method::POST, "/api/v1/plugins")
                .header("content-type", "application/wasm");
            let answer = request.body(component.clone()).send().await?;
            let status = answer.status();
            if status != StatusCode::TOO_MANY_REQUESTS {
                return Ok((status, answer.json().await?));
            }
            let wait = answer.headers().get("retry-after").context("no Retry-After")?.to_str()?.parse()?;
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
    }

    /// Activates a version.
    pub async fn activate(&self, plugin: &str, version: &str) -> anyhow::Result<Value> {
        self.post(&format!("/api/v1/plugins/{plugin}/versions/{version}/activate"), &json!({}))
            .await
    }

    /// The newest events of Activity, newest first.
    pub async fn activity(&self, query: &str) -> anyhow::Result<Vec<Value>> {
        let page = self.get(&format!("/api/v1/activity?{query}")).await?;
        Ok(page.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
    }
}

/// A text field, empty where it is missing.
fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

async fn success(answer: reqwest::Response) -> anyhow::Result<Value> {
    let status = answer.status();
    let path = answer.url().path().to_owned();
    let body = answer.bytes().await?;
    if !status.is_success() {
        bail!("{path}: {status} {}", String::from_utf8_lossy(&body));
    }
    if body.is_empty() {
        Ok(Value::Null)
    } else {
        Ok(serde_json::from_slice(&body)?)
    }
}
