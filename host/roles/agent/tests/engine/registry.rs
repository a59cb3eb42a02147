//! A registry of the test's own on the loopback, and the wire to it, which a test can hold and cut.

use std::net::TcpListener as StdListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::stand::{COMMAND, until};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// The registry of the Debian package `docker-registry`.
pub(crate) struct Registry {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Registry {
    pub(crate) async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        // Nobody else takes it between the two: ports are given out in turn.
        let port = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = dir.path().join("config.yml");
        let data = dir.path().join("data");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: 127.0.0.1:{port}, secret: s}}\n",
            data.display()
        );
        std::fs::write(&config, text).unwrap();
        let child = Command::new("docker-registry")
            .args(["serve".as_ref(), config.as_os_str()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("docker-registry does not start ({error}); run: {COMMAND}"));
        let registry = Self { child, port, _dir: dir };
        until("the registry answers", async || {
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        registry
    }

    /// Makes an image of one layer with a file of `bytes` random bytes, under a name that was never there.
    pub(crate) async fn put(&self, bytes: usize) -> String {
        let name = format!("test/{}", Uuid::now_v7());
        let layer = tar(&random(bytes));
        let diff_id = self.blob(&name, layer.clone()).await;
        let config = json!({
            "architecture": "amd64", "os": "linux", "config": { "User": "writer" },
            "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        })
        .to_string();
        let config_digest = self.blob(&name, config.clone().into_bytes()).await;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": { "mediaType": "application/vnd.docker.container.image.v1+json", "size": config.len(), "digest": config_digest },
            "layers": [{ "mediaType": "application/vnd.docker.image.rootfs.diff.tar", "size": layer.len(), "digest": diff_id }],
        });
        let (status, _) = self
            .send("PUT", &format!("/v2/{name}/manifests/1"), MANIFEST, manifest.to_string().into())
            .await;
        assert_eq!(status, 201);
        format!("{name}:1")
    }

    async fn blob(&self, name: &str, bytes: Vec<u8>) -> String {
        let digest = digest(&bytes);
        let (status, location) = self.send("POST", &format!("/v2/{name}/blobs/uploads/"), "", Bytes::new()).await;
        assert_eq!(status, 202);
        let path = location
            .split_once(&format!(":{}", self.port))
            .map_or(location.as_str(), |(_, path)| path);
        let path = format!("{path}&digest={digest}");
        let (status, _) = self.send("PUT", &path, "application/octet-stream", bytes.into()).await;
        assert_eq!(status, 201);
        digest
    }

    /// Sends a request; gives the status and where the answer points to.
    async fn send(&self, method: &str, path: &str, content_type: &str, body: Bytes) -> (u16, String) {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", format!("127.0.0.1:{}", self.port))
            .header("content-type", content_type)
            .body(Full::new(body))
            .unwrap();
        let exchange = async move {
            let answer = sender.send_request(request).await.unwrap();
            let status = answer.status().as_u16();
            let location = answer
                .headers()
                .get("location")
                .map_or("", |value| value.to_str().unwrap())
                .to_owned();
            answer.into_body().collect().await.unwrap();
            (status, location)
        };
        let (answer, _ended) = tokio::join!(exchange, connection);
        answer
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Bytes that no compression makes fewer of, and no other run has.
fn random(count: usize) -> Vec<u8> {
    let mut block = Sha256::digest(Uuid::now_v7().as_bytes());
    let mut bytes = Vec::with_capacity(count + 32);
    while bytes.len() < count {
        block = Sha256::digest(block);
        bytes.extend_from_slice(&block);
    }
    bytes.truncate(count);
    bytes
}

/// An archive with one file (POSIX.1-2001, ustar).
fn tar(content: &[u8]) -> Vec<u8> {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, "content");
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

/// How a wire is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// All goes through.
    Whole,
    /// Of each connection only the first bytes come from the registry, and the rest waits.
    Held,
    /// Nothing goes through, and nobody gets a connection.
    Cut,
}

/// A wire to a registry: images are pulled through it.
pub(crate) struct Wire {
    port: u16,
    state: watch::Sender<State>,
    open: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

/// What a held wire lets through of each connection: more than any manifest has.
const HELD: usize = 1 << 20;

impl Wire {
    pub(crate) async fn to(registry: &Registry) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, far) = (listener.local_addr().unwrap().port(), registry.port);
        let (state, seen) = watch::channel(State::Whole);
        let open = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&open);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let (seen, count) = (seen.clone(), Arc::clone(&count));
                connections.spawn(async move {
                    count.fetch_add(1, Ordering::SeqCst);
                    carry(near, far, seen).await;
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            port,
            state,
            open,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// The registry's host as an engine that uses the wire names it.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn hold(&self) {
        self.state.send_replace(State::Held);
    }

    pub(crate) fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    pub(crate) fn mend(&self) {
        self.state.send_replace(State::Whole);
    }

    /// Connections that are open now.
    pub(crate) fn connections(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

async fn carry(near: TcpStream, far: u16, mut state: watch::Receiver<State>) {
    if *state.borrow() == State::Cut {
        return;
    }
    let far = TcpStream::connect(("127.0.0.1", far)).await.unwrap();
    let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.into_split(), far.into_split());
    let mut cut = state.clone();
    let out = async move {
        drop(tokio::io::copy(&mut near_in, &mut far_out).await);
    };
    let back = async move {
        let (mut buffer, mut passed) = (vec![0; 64 << 10], 0);
        while let Ok(count @ 1..) = far_in.read(&mut buffer).await {
            if passed + count > HELD {
                drop(state.wait_for(|now| *now != State::Held).await);
            }
            passed += count;
            if near_out.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    // Whoever hangs up first ends it.
    tokio::select! {
        () = out => {}
        () = back => {}
        _ = cut.wait_for(|now| *now == State::Cut) => {}
    }
}
