//! A client of Podman's own interface that shares nothing with the runtime plugin and the guard.

use std::path::PathBuf;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixStream;

/// A Podman engine.
#[derive(Debug, Clone)]
pub(crate) struct Podman {
    socket: PathBuf,
}

impl Podman {
    pub(crate) fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// The path of a list of all containers that a filter lets through.
    #[expect(clippy::unused_self, reason = "said of an engine")]
    pub(crate) fn list(&self, filters: &Value) -> String {
        let filters: String = filters.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("containers/json?all=true&filters={filters}")
    }

    /// One request. Null where the answer is no JSON.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let (status, answer) = self.exchange(method, path, body).await;
        (status, serde_json::from_slice(&answer).unwrap_or(Value::Null))
    }

    /// What a command says that runs inside of a container, to both of its outputs.
    pub(crate) async fn inside(&self, container: &str, script: &str) -> String {
        let command = json!({ "Cmd": ["sh", "-c", script], "AttachStdout": true, "AttachStderr": true });
        let (_, exec) = self.call("POST", &format!("containers/{container}/exec"), Some(&command)).await;
        let exec = exec["Id"].as_str().unwrap();
        let (_, said) = self
            .exchange("POST", &format!("exec/{exec}/start"), Some(&json!({ "Detach": false })))
            .await;
        // A stream's number, three zeros, a length, and as many bytes.
        let (mut rest, mut text) = (said.as_ref(), Vec::new());
        while let Some((head, tail)) = rest.split_first_chunk::<8>() {
            let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
            text.extend_from_slice(&tail[..length]);
            rest = &tail[length..];
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    async fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Bytes) {
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let request = http::Request::builder()
            .method(method)
            .uri(format!("/v4.0.0/libpod/{path}"))
            .header("host", "engine")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.map(Value::to_string).unwrap_or_default())))
            .unwrap();
        let exchange = async move {
            let answer = sender.send_request(request).await.unwrap();
            let status = answer.status().as_u16();
            (status, answer.into_body().collect().await.unwrap().to_bytes())
        };
        let (answer, _ended) = tokio::join!(exchange, connection);
        answer
    }
}
