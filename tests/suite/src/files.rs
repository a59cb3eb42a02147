//! The files of a session, as a browser transfers them.

use anyhow::{Context as _, ensure};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::{Entrance, Person};

/// Sent in one request. The page does the same.
const SLICE: usize = 8 << 20;

/// Somebody at the files of a session.
pub struct Files<'a> {
    entrance: &'a Entrance,
    person: &'a Person,
    session: String,
}

impl<'a> Files<'a> {
    /// The files of a session, for one of its people.
    #[must_use]
    pub fn of(entrance: &'a Entrance, person: &'a Person, session: &str) -> Self {
        Self {
            entrance,
            person,
            session: session.to_owned(),
        }
    }

    async fn request(&self, method: Method, path: &str) -> anyhow::Result<reqwest::RequestBuilder> {
        let cookie = self.person.enter(&self.session).await?;
        let url = format!("{}/session/{}/{path}", self.entrance.origin, self.session);
        let request = self.entrance.http().request(method, url);
        Ok(request.header("cookie", cookie).header("origin", &self.entrance.origin))
    }

    /// What lies in the folder.
    pub async fn list(&self) -> anyhow::Result<Vec<Value>> {
        let (status, body) = answer(self.request(Method::GET, "files").await?).await?;
        ensure!(status == StatusCode::OK, "{status} {body}");
        Ok(body.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// Asks to upload a file.
    pub async fn try_begin(&self, name: &str, size: u64) -> anyhow::Result<(StatusCode, Value)> {
        let request = self.request(Method::POST, "upload").await?;
        answer(request.json(&json!({ "name": name, "size": size }))).await
    }

    /// Begins an upload. Its id.
    pub async fn begin(&self, name: &str, size: u64) -> anyhow::Result<String> {
        let (status, body) = self.try_begin(name, size).await?;
        ensure!(status == StatusCode::CREATED, "{status} {body}");
        Ok(body.get("id").and_then(Value::as_str).context("no id")?.to_owned())
    }

    /// Sends bytes of an upload.
    pub async fn feed(&self, id: &str, offset: u64, bytes: Vec<u8>) -> anyhow::Result<(StatusCode, Value)> {
        let path = format!("upload?id={id}&offset={offset}");
        answer(self.request(Method::PUT, &path).await?.body(bytes)).await
    }

    /// What became of an upload so far.
    pub async fn state(&self, id: &str) -> anyhow::Result<(StatusCode, Value)> {
        answer(self.request(Method::GET, &format!("upload?id={id}")).await?).await
    }

    /// Gives an upload up.
    pub async fn cancel(&self, id: &str) -> anyhow::Result<()> {
        let answer = self.request(Method::DELETE, &format!("upload?id={id}")).await?.send().await?;
        ensure!(answer.status() == StatusCode::NO_CONTENT, "{}", answer.status());
        Ok(())
    }

    /// Uploads a whole file, slice by slice. The last answer.
    pub async fn upload(&self, name: &str, bytes: &[u8]) -> anyhow::Result<(StatusCode, Value)> {
        let id = self.begin(name, bytes.len() as u64).await?;
        let mut last = self
            .feed(&id, 0, bytes.get(..SLICE.min(bytes.len())).unwrap_or_default().to_vec())
            .await?;
        let mut offset = SLICE;
        while last.0 == StatusCode::OK && offset < bytes.len() {
            let slice = bytes.get(offset..bytes.len().min(offset + SLICE)).unwrap_or_default();
            last = self.feed(&id, offset as u64, slice.to_vec()).await?;
            offset += slice.len();
        }
        Ok(last)
    }

    /// Sends the first bytes of an upload in a request that says it has more, then the connection is cut.
    pub async fn cut_off(&self, id: &str, whole: u64, bytes: &[u8]) -> anyhow::Result<()> {
        let cookie = self.person.enter(&self.session).await?;
        let mut tls = self.entrance.connect().await?;
        let head = format!(
            "PUT /session/{}/upload?id={id}&offset=0 HTTP/1.1\r\nhost: {host}\r\norigin: https://{host}\r\n\
             cookie: {cookie}\r\ncontent-length: {whole}\r\n\r\n",
            self.session,
            host = self.entrance.authority(),
        );
        tls.write_all(head.as_bytes()).await?;
        tls.write_all(bytes).await?;
        tls.flush().await?;
        // Without a goodbye, as a browser that is killed.
        Ok(())
    }

    /// Asks for a file. The answer: what to fetch, or why not.
    pub async fn ask(&self, name: &str) -> anyhow::Result<(StatusCode, Value)> {
        answer(self.request(Method::POST, "download").await?.json(&json!({ "name": name }))).await
    }

    /// Fetches what was offered.
    pub async fn fetch(&self, id: &str) -> anyhow::Result<reqwest::Response> {
        Ok(self.request(Method::GET, &format!("download?id={id}")).await?.send().await?)
    }

    /// Downloads a whole file.
    pub async fn download(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        let (status, offered) = self.ask(name).await?;
        ensure!(status == StatusCode::OK, "{status} {offered}");
        let id = offered.get("id").and_then(Value::as_str).context("no id")?;
        Ok(self.fetch(id).await?.error_for_status()?.bytes().await?.to_vec())
    }
}

async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<(StatusCode, Value)> {
    let answer = request.send().await?;
    let status = answer.status();
    let bytes = answer.bytes().await?;
    if bytes.is_empty() {
        return Ok((status, Value::Null));
    }
    let body = serde_json::from_slice(&bytes).with_context(|| String::from_utf8_lossy(&bytes).into_owned())?;
    Ok((status, body))
}
