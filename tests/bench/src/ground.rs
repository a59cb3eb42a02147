//! A product to measure, and the certainty that nothing of it stays.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use gatewright_suite::{Person, Product};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::bare;

/// Room for more sessions than a small machine would be given.
const CONFIG: &str = "[agent]\nmax_sessions = 64\ncpu_overcommit = 32.0\n\n[limits]\nsessions_per_user = 64\n";
/// What is launched.
const WORKSPACE: &str = "Terminal";

/// A product with somebody logged in.
pub(crate) struct Ground {
    /// The product.
    pub(crate) product: Product,
    /// Who launches.
    pub(crate) person: Person,
    sessions: Mutex<Vec<String>>,
    containers: Arc<Mutex<Vec<String>>>,
}

/// Ctrl+C, or SIGTERM.
async fn interrupted() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => Ok(pressed?),
        _ = terminate.recv() => Ok(()),
    }
}

impl Ground {
    /// Starts a product, does `work` with it, ends every session that is left, and stops the product.
    pub(crate) async fn with<T>(work: impl AsyncFnOnce(&Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let config = tempfile::Builder::new().suffix(".toml").tempfile()?;
        std::fs::write(config.path(), CONFIG)?;
        let file = config.path().to_str().context("the temporary folder's name is no text")?;
        let arguments = ["--config", file];
        let product = match std::env::var_os("GATEWRIGHT_BIN") {
            Some(program) => Product::start_program(program.as_ref(), &arguments).await?,
            None => Product::start_with(&arguments).await?,
        };
        let person = product.login("demo").await?;
        let ground = Self {
            product,
            person,
            sessions: Mutex::default(),
            containers: Arc::default(),
        };
        // A signal ends the work, not the clean-up behind it. Containers of the work's own are on the list as well.
        let outcome = tokio::select! {
            outcome = work(&ground) => outcome,
            signal = interrupted() => signal.and_then(|()| anyhow::bail!("interrupted")),
        };
        if outcome.is_err() {
            // The folder goes with the product: this is the last chance to see why.
            eprintln!("{}", ground.product.log());
        }
        let cleared = ground.clear().await;
        let outcome = outcome?;
        cleared?;
        ground.product.stop().await?;
        Ok(outcome)
    }

    /// Containers that are no session's, each by its id from the moment it was made: removed at the end.
    pub(crate) fn containers(&self) -> Arc<Mutex<Vec<String>>> {
        Arc::clone(&self.containers)
    }

    /// The id of the workspace that is launched.
    pub(crate) async fn workspace(&self) -> anyhow::Result<String> {
        let all = self.person.get("/api/v1/workspaces").await?;
        let items = all.get("items").and_then(Value::as_array).context("no items")?;
        let found = items
            .iter()
            .find(|item| item.get("name").and_then(Value::as_str) == Some(WORKSPACE));
        let id = found.and_then(|item| item.get("id")).and_then(Value::as_str);
        Ok(id.context("no workspace Terminal")?.to_owned())
    }

    /// Asks for a session.
    pub(crate) async fn request(&self, workspace: &str) -> anyhow::Result<String> {
        let session = self.person.post("/api/v1/sessions", &json!({ "workspace_id": workspace })).await?;
        let id = session.get("id").and_then(Value::as_str).context("no id")?.to_owned();
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).push(id.clone());
        Ok(id)
    }

    /// Launches a session and waits until it is ready.
    pub(crate) async fn launch(&self) -> anyhow::Result<String> {
        let session = self.request(&self.workspace().await?).await?;
        let over = |state: &str| matches!(state, "ready" | "ended" | "failed");
        let last = self.person.wait_for(&session, over).await?;
        anyhow::ensure!(
            last.get("state").and_then(Value::as_str) == Some("ready"),
            "the launch failed: {last}"
        );
        Ok(session)
    }

    /// Ends a session and waits until nothing is left of it.
    pub(crate) async fn end(&self, session: &str) -> anyhow::Result<()> {
        self.person.end(session).await?;
        self.product.engine().gone(session).await?;
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|known| known != session);
        Ok(())
    }

    /// Ends what is left; what does not end by itself is removed at the engine.
    async fn clear(&self) -> anyhow::Result<()> {
        let left = std::mem::take(&mut *self.sessions.lock().unwrap_or_else(PoisonError::into_inner));
        let engine = self.product.engine();
        futures_util::future::join_all(left.iter().map(|session| async move {
            let ended = tokio::time::timeout(Duration::from_secs(30), self.person.end(session)).await;
            if !matches!(ended, Ok(Ok(()))) {
                eprintln!("bench: session {session} did not end by itself");
            }
        }))
        .await;
        for session in &left {
            for container in engine.containers(session).await? {
                bare::remove(engine.docker(), &container.id.context("a container without id")?).await?;
            }
        }
        let made = std::mem::take(&mut *self.containers.lock().unwrap_or_else(PoisonError::into_inner));
        for container in made {
            bare::remove(engine.docker(), &container).await?;
        }
        Ok(())
    }
}
