//! A socket before the engine's, which notes what is sent to it and can be cut.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It goes to the engine.
    Pass,
    /// It is accepted and never answered.
    Stall,
    /// It is answered with something that is not HTTP.
    Babble,
}

/// The relay. Dropping it ends its connections and its socket.
pub(crate) struct Relay {
    _dir: TempDir,
    pub(crate) socket: PathBuf,
    pub(crate) mode: Arc<Mutex<Mode>>,
    pub(crate) sent: Arc<Mutex<Vec<u8>>>,
    _tasks: JoinSet<()>,
}

impl Relay {
    pub(crate) fn before(engine: &Path) -> Self {
        let dir = TempDir::new().unwrap();
        let socket = dir.path().join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (mode, sent) = (Arc::new(Mutex::new(Mode::Pass)), Arc::new(Mutex::new(Vec::new())));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, engine.to_owned(), Arc::clone(&mode), Arc::clone(&sent)));
        Self {
            _dir: dir,
            socket,
            mode,
            sent,
            _tasks: tasks,
        }
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// All that the engine was sent, as text.
    pub(crate) fn sent(&self) -> String {
        String::from_utf8_lossy(&self.sent.lock().unwrap()).into_owned()
    }
}

async fn serve(listener: UnixListener, engine: PathBuf, mode: Arc<Mutex<Mode>>, sent: Arc<Mutex<Vec<u8>>>) {
    let mut connections = JoinSet::new();
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let mode = *mode.lock().unwrap();
        let (engine, sent) = (engine.clone(), Arc::clone(&sent));
        connections.spawn(async move {
            match mode {
                Mode::Pass => {
                    let (mut from_client, mut to_client) = client.split();
                    let mut engine = UnixStream::connect(engine).await.unwrap();
                    let (mut from_engine, mut to_engine) = engine.split();
                    let up = async {
                        let mut piece = [0; 4096];
                        while let Ok(length @ 1..) = from_client.read(&mut piece).await {
                            sent.lock().unwrap().extend_from_slice(&piece[..length]);
                            if to_engine.write_all(&piece[..length]).await.is_err() {
                                break;
                            }
                        }
                        drop(to_engine.shutdown().await);
                    };
                    // Ends when the engine has said all.
                    tokio::select! {
                        () = async { up.await; std::future::pending().await } => {}
                        _ = copy(&mut from_engine, &mut to_client) => {}
                    }
                }
                Mode::Stall => std::future::pending().await,
                Mode::Babble => drop(client.write_all(b"\x00\x01\x02 what is this\r\n\r\n").await),
            }
        });
    }
}
