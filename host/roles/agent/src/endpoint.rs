//! What stands behind a runtime plugin's `engine` endpoint: the guard, then the engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::SessionId;
use gatewright_core::record::Network;
use gatewright_plugin_host::{HttpEndpoint, HttpError, HttpRequest, HttpResponse};
use serde::Deserialize;
use tokio_stream::StreamExt as _;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, warn};

use crate::config::EngineLanguage;
use crate::engine::{Engine, Reading};
use crate::engine_user;
use crate::guard::{Approved, ContainerId, ExecId, Guard, HOME_LABEL, Known, MAX_PULL_LINE, Operation, Request, Scope};
use crate::network::Wish;
use crate::process;

/// The longest that the engine may take to begin with a pull: it asks the registry before it answers.
const PULL_ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// The longest that the engine may take for one request, beyond a wait that was asked for.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A piece of a program's output has a head of eight bytes, and may have one byte.
const WIRE_FACTOR: usize = 9;
/// How often a program that is ended is looked at, and how long apart: for five seconds.
const END_LOOKS: u32 = 100;
const END_PAUSE: Duration = Duration::from_millis(50);

/// An engine, with what the guard knows of it. One for all calls.
#[derive(Debug)]
pub(crate) struct GuardedEngine {
    engine: Engine,
    deployment: String,
    known: Mutex<Known>,
}

/// What the agent reads of a container. Both engines write it alike.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    state: State,
    config: Config,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    #[serde(default)]
    pid: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

impl GuardedEngine {
    pub(crate) fn new(engine: Engine, deployment: String) -> Self {
        Self {
            engine,
            deployment,
            known: Mutex::default(),
        }
    }

    /// Whether the guard understands what it lets through. Where not, it learns nothing from the engine's answers.
    pub(crate) fn is_guarded(&self) -> bool {
        self.engine.is_guarded()
    }

    /// Why sessions can't run on this engine.
    pub(crate) async fn unfit(&self) -> Result<Option<String>, HttpError> {
        Ok(engine_user::unfit(&self.engine.dialect().await?, self.engine.user().await?))
    }

    /// Reads or changes what the guard knows.
    pub(crate) fn known<T>(&self, with: impl FnOnce(&mut Known) -> T) -> T {
        with(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a container of ours is to have a network, and its first process. Asked by the agent: no plugin learns process ids.
    pub(crate) async fn wish(&self, id: &ContainerId) -> Result<Wish, HttpError> {
        let Some(target) = self.guard().await?.inspect(id) else {
            return Ok(Wish {
                pid: 0,
                wanted: false,
                home: None,
            });
        };
        let answer = self.engine.exchange("GET", &target, None, ANSWER_LIMIT, Reading::Whole).await?;
        if answer.status != 200 {
            return Err(HttpError::Protocol);
        }
        let seen: Inspected = serde_json::from_slice(&answer.body).map_err(|_| HttpError::Protocol)?;
        let labels = seen.config.labels.unwrap_or_default();
        Ok(Wish {
            pid: seen.state.pid,
            wanted: labels.get(Network::LABEL).is_some_and(|value| value == Network::INTERNET),
            home: labels.get(HOME_LABEL).and_then(|value| value.parse().ok()),
        })
    }

    async fn guard(&self) -> Result<Guard, HttpError> {
        Ok(Guard {
            deployment: self.deployment.clone(),
            dialect: self.engine.dialect().await?,
        })
    }

    async fn exchange(&self, guard: &Guard, scope: &Scope, approved: Approved) -> Result<HttpResponse, HttpError> {
        let (limit, reading) = match (&approved.operation, scope) {
            (Operation::Stop { grace_secs, .. }, _) => (ANSWER_LIMIT + Duration::from_secs(u64::from(*grace_secs)), Reading::Whole),
            (Operation::ExecStart(_), Scope::Exec(rules)) => {
                let (bytes, time) = (rules.bytes as usize * WIRE_FACTOR, rules.time);
                (ANSWER_LIMIT + time, Reading::Some { bytes, time })
            }
            _ => (ANSWER_LIMIT, Reading::Whole),
        };
        let method = approved.method.as_str();
        let answer = self
            .engine
            .exchange(method, &approved.target, approved.body.clone(), limit, reading)
            .await?;
        if let (Operation::ExecStart(id), Some(cut)) = (&approved.operation, answer.cut) {
            self.known(|known| known.cut_exec(id, cut));
        }
        self.answered(guard, scope, &approved, answer.status, &answer.body)
    }

    /// What a plugin may see of an answer.
    fn answered(&self, guard: &Guard, scope: &Scope, approved: &Approved, status: u16, body: &[u8]) -> Result<HttpResponse, HttpError> {
        let answer = self
            .known(|known| guard.answer(scope, known, &approved.operation, status, body))
            .map_err(|error| {
                warn!(method = approved.method.as_str(), target = %approved.target, status, %error, "Engine's answer was not used");
                HttpError::Protocol
            })?;
        let content_type = answer.content_type.into_iter();
        Ok(HttpResponse {
            status: answer.status,
            headers: content_type.map(|value| ("content-type".to_owned(), value.to_owned())).collect(),
            body: Box::pin(tokio_stream::iter(
                Some(Ok(Bytes::from(answer.body))).filter(|body| !matches!(body, Ok(body) if body.is_empty())),
            )),
        })
    }
}

impl GuardedEngine {
    /// Sees to it that a program which a call ran does not run any more, with its whole process group.
    ///
    /// # Errors
    /// Why that is not certain.
    pub(crate) async fn end(&self, scope: &Scope, id: &ExecId) -> Result<(), String> {
        let guard = self.guard().await.map_err(|error| error.to_string())?;
        for _ in 0..END_LOOKS {
            let Some(question) = guard.inspect_exec(id) else {
                return Ok(());
            };
            let answer = self.exchange(&guard, scope, question).await.map_err(|error| error.to_string())?;
            let exec = self.known(|known| known.exec(id).cloned());
            // With its container gone, it is gone.
            let Some((exec, pid)) = exec
                .filter(|_| answer.status == 200)
                .and_then(|exec| exec.pid.map(|pid| (exec, pid)))
            else {
                return Ok(());
            };
            process::end(pid, exec.container.as_str()).map_err(|error| error.to_string())?;
            tokio::time::sleep(END_PAUSE).await;
        }
        Err("it does not end".to_owned())
    }
}

/// The endpoint that a runtime plugin gets for one call within `scope`, without an agent behind it: for whoever tests
/// a plugin against a real engine, as the agent would run it.
#[must_use]
pub fn guarded_endpoint(engine: PathBuf, language: EngineLanguage, deployment: &str, scope: Scope) -> Arc<dyn HttpEndpoint> {
    let engine = GuardedEngine::new(Engine::new(engine, language), deployment.to_owned());
    CallEndpoint::new(Arc::new(engine), scope)
}

/// The endpoint of one call of the plugin: its scope is what that call is about.
pub(crate) struct CallEndpoint {
    engine: Arc<GuardedEngine>,
    scope: Arc<Scope>,
    changes: TaskTracker,
    refused: Mutex<Option<String>>,
}

impl CallEndpoint {
    pub(crate) fn new(engine: Arc<GuardedEngine>, scope: Scope) -> Arc<Self> {
        Arc::new(Self {
            engine,
            scope: Arc::new(scope),
            changes: TaskTracker::new(),
            refused: Mutex::default(),
        })
    }

    /// Waits until the engine answered all that the call asked it to change, also where the plugin was stopped
    /// meanwhile. Then, and not before, the next step knows what there is.
    pub(crate) async fn settle(&self) {
        self.changes.close();
        self.changes.wait().await;
    }

    /// The guard's last refusal, in its own words.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refuse(&self, method: &str, path: &str, why: String) -> HttpError {
        warn!(method, path = path.escape_debug().to_string(), session = ?self.session(), why, "Guard refused a request of the runtime plugin");
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
        HttpError::Refused(why)
    }

    fn session(&self) -> Option<SessionId> {
        self.scope.session()
    }

    /// Hands on what the engine tells of a pull, line by line. When the call ends, the engine's request does.
    async fn pull(&self, guard: &Guard, approved: Approved) -> Result<HttpResponse, HttpError> {
        let (answer, driven) = self
            .engine
            .engine
            .lines(approved.method.as_str(), &approved.target, PULL_ANSWER_LIMIT)
            .await?;
        self.changes.spawn(driven.in_current_span());
        let (status, mut lines) = (answer.status, answer.lines);
        if status != 200 {
            let mut body = Vec::new();
            while let Some(line) = lines.recv().await {
                body.extend(line?);
                if body.len() > MAX_PULL_LINE {
                    return Err(HttpError::TooLarge);
                }
            }
            return self.engine.answered(guard, &self.scope, &approved, status, &body);
        }
        let lines = tokio_stream::wrappers::ReceiverStream::new(lines);
        let built = lines.map(|line| match Guard::pull_line(&line?) {
            Ok(line) => Ok(Bytes::from(line)),
            Err(error) => {
                warn!(%error, "What the engine says of a pull was not used");
                Err(HttpError::Protocol)
            }
        });
        Ok(HttpResponse {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Box::pin(built),
        })
    }
}

#[async_trait]
impl HttpEndpoint for CallEndpoint {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let guard = self.engine.guard().await?;
        let asked = Request {
            method: request.method.as_str(),
            target: &request.path,
            headers: &request.headers,
            body: &request.body,
        };
        let approved = self
            .engine
            .known(|known| guard.check(&self.scope, known, &asked))
            .map_err(|refusal| self.refuse(asked.method, asked.target, refusal.to_string()))?;
        if matches!(approved.operation, Operation::Pull { .. }) {
            return self.pull(&guard, approved).await;
        }
        if !approved.operation.changes_something() {
            return self.engine.exchange(&guard, &self.scope, approved).await;
        }
        // A change goes on when the plugin's time is up: its answer says what there is to undo.
        let (engine, scope) = (Arc::clone(&self.engine), Arc::clone(&self.scope));
        let change = async move { engine.exchange(&guard, &scope, approved).await };
        match self.changes.spawn(change.in_current_span()).await {
            Ok(result) => result,
            Err(error) => {
                warn!(%error, "A request to the engine was lost");
                Err(HttpError::Protocol)
            }
        }
    }
}
