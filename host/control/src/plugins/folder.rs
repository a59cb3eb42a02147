//! The watched folder: for development, a plugin file that appears or changes is uploaded and activated.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use gatewright_core::plugin::Digest;
use notify::{RecursiveMode, Watcher};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::actor::Actor;
use crate::plane::ControlPlane;

/// A file is taken when it has not changed for so long: copying is not done in one write.
const QUIET: Duration = Duration::from_millis(200);
/// The largest file that is looked at.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

impl ControlPlane {
    /// Begins to watch the folder, where one is configured.
    pub(crate) fn watch_plugin_folder(&self) -> std::io::Result<()> {
        let Some(folder) = self.0.config.watched_plugins.clone() else {
            return Ok(());
        };
        std::fs::create_dir_all(&folder)?;
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if let Ok(event) = event
                && !event.kind.is_access()
            {
                for path in event.paths {
                    // Nobody listens after the shutdown.
                    let _ = sender.send(path);
                }
            }
        })
        .map_err(std::io::Error::other)?;
        watcher.watch(&folder, RecursiveMode::NonRecursive).map_err(std::io::Error::other)?;
        self.spawn(self.clone().follow_folder(folder, watcher, receiver));
        Ok(())
    }

    async fn follow_folder(self, folder: PathBuf, watcher: impl Watcher + Send + 'static, mut events: mpsc::UnboundedReceiver<PathBuf>) {
        // Files that lay there before count as dropped now.
        let mut waiting: HashMap<PathBuf, Instant> = wasm_files(&folder).into_iter().map(|path| (path, Instant::now())).collect();
        let mut taken: HashMap<PathBuf, Digest> = HashMap::new();
        loop {
            let next = waiting.values().min().copied();
            tokio::select! {
                event = events.recv() => match event {
                    Some(path) if path.extension().is_some_and(|ext| ext == "wasm") => {
                        waiting.insert(path, Instant::now() + QUIET);
                    }
                    Some(_) => {}
                    None => break,
                },
                () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    let now = Instant::now();
                    let due: Vec<PathBuf> = waiting.iter().filter(|(_, at)| **at <= now).map(|(path, _)| path.clone()).collect();
                    for path in due {
                        waiting.remove(&path);
                        self.take_file(&path, &mut taken).await;
                    }
                }
            }
        }
        drop(watcher);
    }

    async fn take_file(&self, path: &Path, taken: &mut HashMap<PathBuf, Digest>) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = match read_file(path).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(file = %name, %error, "Plugin file can't be read");
                return;
            }
        };
        let digest = Digest::from_bytes(Sha256::digest(&bytes).into());
        if taken.insert(path.to_owned(), digest) == Some(digest) {
            return;
        }
        let actor = Actor {
            name: "plugin folder".into(),
            ..Actor::default()
        };
        let uploaded = match self.upload_plugin(bytes, &actor).await {
            Ok(uploaded) => uploaded,
            Err(error) => {
                tracing::warn!(file = %name, error = &error as &dyn std::error::Error, "Plugin file was refused, the active version stays");
                return;
            }
        };
        match self.activate_plugin(&uploaded.plugin.name, &uploaded.version, &actor).await {
            Ok(plugin) => tracing::info!(plugin = %plugin.name, version = %uploaded.version, "Plugin file is active"),
            Err(error) => {
                tracing::warn!(file = %name, error = &error as &dyn std::error::Error, "Plugin file was not activated, the active version stays");
            }
        }
    }
}

/// The `*.wasm` of a folder, by name.
pub(crate) fn wasm_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "wasm") && path.is_file())
        .collect();
    files.sort();
    files
}

/// A file's bytes. None where it is gone or too large to be a plugin.
async fn read_file(path: &Path) -> std::io::Result<Option<Bytes>> {
    match tokio::fs::metadata(path).await {
        Ok(metadata) if metadata.is_file() && metadata.len() <= MAX_BYTES => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    Ok(Some(Bytes::from(tokio::fs::read(path).await?)))
}
