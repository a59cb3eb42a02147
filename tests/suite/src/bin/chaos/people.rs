//! People who launch, work and end, as patient as people are, and who never give up a session that they have.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use gatewright_suite::{Desktop, EngineKind, Entrance, Files, Heard, Home, Person, Product};
use http::{Method, StatusCode};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::diaries::{DIARY, Diaries};
use crate::tally::Tally;

/// How long anything may take to come back.
const PATIENCE: Duration = Duration::from_secs(180);
/// One request: longer than the product's own limit.
const REQUEST: Duration = Duration::from_secs(40);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(700);
/// A file that is uploaded.
const FILE: usize = 300_000;

/// When the database was copied and put back.
#[derive(Debug, Default, Clone, Copy)]
struct History {
    backed_up: Option<Instant>,
    going_back: Option<Instant>,
    went_back: Option<Instant>,
}

/// What everybody shares.
pub(crate) struct World {
    pub(crate) tally: Arc<Tally>,
    pub(crate) home: Arc<Home>,
    edges: [Entrance; 2],
    people: Vec<Person>,
    workspace: String,
    stopped: AtomicBool,
    history: Mutex<History>,
    pub(crate) diaries: Diaries,
    forgotten: Mutex<BTreeSet<String>>,
    unfinished: Mutex<BTreeSet<String>>,
}

/// How a session went on.
enum Next<T> {
    On(T),
    /// The person has no session any more; it was counted.
    Over,
}

impl World {
    pub(crate) async fn of(product: &Product, people: u32, tally: Arc<Tally>) -> anyhow::Result<Self> {
        let people = product.like_demo(people).await?;
        let workspace = people.first().context("nobody works")?.workspace("Terminal").await?;
        product.login("admin").await?.keep_homes_of(&workspace).await?;
        Ok(Self {
            workspace,
            people,
            tally,
            home: product.shared_home(),
            edges: [product.entrance_of(EngineKind::Docker)?, product.entrance_of(EngineKind::Podman)?],
            stopped: AtomicBool::new(false),
            history: Mutex::default(),
            diaries: Diaries::default(),
            forgotten: Mutex::default(),
            unfinished: Mutex::default(),
        })
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn backed_up(&self) {
        self.history().backed_up = Some(Instant::now());
    }

    pub(crate) fn going_back(&self) {
        self.history().going_back = Some(Instant::now());
    }

    pub(crate) fn went_back(&self) {
        self.history().went_back = Some(Instant::now());
    }

    /// Whether a session that became ready at `ready`, or never, is one that the restored database can't know as it is.
    fn is_set_back(&self, asked: Instant, ready: Option<Instant>) -> bool {
        let history = *self.history();
        let (Some(backed_up), Some(_)) = (history.backed_up, history.going_back) else {
            return false;
        };
        // What was asked for while it went back may be on either side of it.
        let before = history.went_back.is_none_or(|went_back| asked < went_back);
        before && ready.is_none_or(|ready| ready > backed_up)
    }

    /// Sessions that worked and that the restored database does not know.
    pub(crate) fn forgotten(&self) -> BTreeSet<String> {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn not_finished(&self, session: &str) {
        let mut unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        unfinished.insert(session.to_owned());
    }

    /// Launches and ends that the restored database does not know: whether there is anything of them depends on how far they
    /// were.
    pub(crate) fn unfinished(&self) -> BTreeSet<String> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks until there is an answer that is one, at one edge after the other.
    async fn ask(
        &self,
        person: &Person,
        edge: &mut usize,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let began = Instant::now();
        // The same however often it is asked: an answer that was lost is no second session.
        let key = Uuid::now_v7().to_string();
        loop {
            let entrance = self.edge(*edge);
            let mut request = person.at(entrance).request(method.clone(), path).timeout(REQUEST);
            if let Some(body) = body {
                request = request.header("idempotency-key", &key).json(body);
            }
            match answer(request).await {
                Ok((status, body)) if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                    if status == StatusCode::INTERNAL_SERVER_ERROR {
                        self.tally.count("answers of 500");
                    }
                    // 507: nobody has room. The person is told and may ask again.
                    if status == StatusCode::INSUFFICIENT_STORAGE {
                        return Ok((status, body));
                    }
                    self.tally.said(text(&body, "detail"));
                }
                Ok(answer) => return Ok(answer),
                // The edge is away: a browser says so in its own words. The other one leads to the same place.
                Err(_) => *edge += 1,
            }
            if began.elapsed() > PATIENCE {
                bail!("{method} {path} was not answered for {PATIENCE:?}");
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn edge(&self, number: usize) -> &Entrance {
        let [first, second] = &self.edges;
        if number.is_multiple_of(2) { first } else { second }
    }
}

/// Works until the world stops.
pub(crate) async fn work(world: Arc<World>, number: usize, mut chance: StdRng) {
    let Some(person) = world.people.get(number) else { return };
    let mut round = 0;
    while !world.stopped.load(Ordering::Relaxed) {
        round += 1;
        let mut job = Job {
            world: &world,
            person,
            number,
            edge: chance.random_range(0..2),
            session: String::new(),
            asked: Instant::now(),
            ready: None,
            prefix: format!("p{number}r{round}"),
        };
        if let Err(error) = job.run(&mut chance).await {
            world.tally.finding(format!("session {}: {error:#}", job.session));
        }
    }
}

/// One session, from launch to end.
struct Job<'a> {
    world: &'a World,
    person: &'a Person,
    number: usize,
    edge: usize,
    session: String,
    asked: Instant,
    ready: Option<Instant>,
    prefix: String,
}

impl Job<'_> {
    async fn run(&mut self, chance: &mut StdRng) -> anyhow::Result<()> {
        if !self.launch().await? {
            tokio::time::sleep(AGAIN).await;
            return Ok(());
        }
        let Next::On(mut desktop) = self.connect().await? else {
            return Ok(());
        };
        for step in 0..chance.random_range(2..6) {
            let Next::On(again) = self.type_word(desktop, &format!("{}w{step}", self.prefix)).await? else {
                return Ok(());
            };
            desktop = again;
            if chance.random_bool(0.4) && matches!(self.upload(step).await?, Next::Over) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(chance.random_range(200..4_000))).await;
        }
        drop(desktop);
        self.check_files()?;
        self.end().await
    }

    fn folder(&self) -> PathBuf {
        self.world.home.session_folder(&self.session).join("transfer")
    }

    /// Whether a session became ready.
    async fn launch(&mut self) -> anyhow::Result<bool> {
        let tally = &self.world.tally;
        tally.count("launches asked for");
        let body = json!({ "workspace_id": self.world.workspace });
        let (status, session) = self
            .world
            .ask(self.person, &mut self.edge, &Method::POST, "/api/v1/sessions", Some(&body))
            .await?;
        if !status.is_success() {
            tally.count("launches refused with a reason");
            tally.said(text(&session, "detail"));
            return Ok(false);
        }
        text(&session, "id").clone_into(&mut self.session);
        let began = Instant::now();
        loop {
            let (status, now) = self.look().await?;
            match text(&now, "state") {
                "ready" => {
                    tally.count("sessions that became ready");
                    self.ready = Some(Instant::now());
                    return Ok(true);
                }
                "failed" | "ended" => {
                    tally.count("launches that failed with a reason");
                    tally.said(end_text(&now));
                    return Ok(false);
                }
                _ if status == StatusCode::NOT_FOUND && self.is_set_back() => {
                    tally.count("launches that the restored database forgot");
                    self.world.not_finished(&self.session);
                    return Ok(false);
                }
                _ if began.elapsed() > PATIENCE => bail!("the launch stays as it is: {status} {now}"),
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    fn is_set_back(&self) -> bool {
        self.world.is_set_back(self.asked, self.ready)
    }

    async fn look(&mut self) -> anyhow::Result<(StatusCode, Value)> {
        let path = format!("/api/v1/sessions/{}", self.session);
        self.world.ask(self.person, &mut self.edge, &Method::GET, &path, None).await
    }

    /// Looks whether the session is still there; where it is not, whether that may be.
    async fn is_over(&mut self) -> anyhow::Result<bool> {
        let (status, now) = self.look().await?;
        let tally = &self.world.tally;
        if status == StatusCode::NOT_FOUND {
            if !self.is_set_back() {
                bail!("it is not known any more");
            }
            tally.count("sessions that the restored database forgot");
            let mut forgotten = self.world.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
            forgotten.insert(self.session.clone());
            return Ok(true);
        }
        if !matches!(text(&now, "state"), "ended" | "failed" | "ending") {
            return Ok(false);
        }
        tally.said(end_text(&now));
        if self.is_set_back() {
            tally.count("sessions that the restored database set back");
        } else {
            tally.count("sessions lost");
            tally.finding(format!("session {} was lost: {now}", self.session));
        }
        Ok(true)
    }

    /// Connects until it works, as the page does.
    async fn connect(&mut self) -> anyhow::Result<Next<Desktop>> {
        let began = Instant::now();
        loop {
            if self.is_over().await? {
                return Ok(Next::Over);
            }
            let entrance = self.world.edge(self.edge);
            let person = self.person.at(entrance);
            match tokio::time::timeout(REQUEST, person.connect(entrance, &self.session)).await {
                Ok(Ok(desktop)) => {
                    self.world.tally.count("connections");
                    return Ok(Next::On(desktop));
                }
                failed if began.elapsed() > PATIENCE => bail!("it can't be opened: {:#}", told(failed)),
                _ => self.edge += 1,
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Types until what was typed is done, over as many connections as it takes.
    async fn type_word(&mut self, desktop: Desktop, word: &str) -> anyhow::Result<Next<Desktop>> {
        let next = self.typed(desktop, word).await?;
        if matches!(next, Next::On(_)) {
            let missing = self.world.diaries.confirmed(&self.world.home, self.number, word);
            if missing.is_empty() {
                self.world.tally.count("lines written at home");
            } else if self.world.history().went_back.is_some() {
                // Its record was made after the backup: the old one is still on the disk, which is looked at in the end.
                self.world.tally.count("homes that the restored database did not know");
            } else {
                bail!("its home lacks {missing:?}");
            }
        }
        Ok(next)
    }

    async fn typed(&mut self, mut desktop: Desktop, word: &str) -> anyhow::Result<Next<Desktop>> {
        let file = self.folder().join(word);
        let began = Instant::now();
        loop {
            let typed = desktop
                .type_text(&format!("\necho {word} >>~/{DIARY} && touch ~/Transfer/{word}\n"))
                .await;
            let closed = typed.is_err() || is_closed(&mut desktop, Duration::from_millis(1_500)).await;
            if file.exists() {
                self.world.tally.count("commands typed and done");
                if !closed {
                    return Ok(Next::On(desktop));
                }
            }
            if closed {
                self.world.tally.count("connections that broke");
                let Next::On(again) = self.connect().await? else {
                    return Ok(Next::Over);
                };
                desktop = again;
                if file.exists() {
                    return Ok(Next::On(desktop));
                }
            }
            if began.elapsed() > PATIENCE {
                if self.is_over().await? {
                    return Ok(Next::Over);
                }
                bail!("what was typed is not done");
            }
        }
    }

    /// Uploads a file. Refused or broken, it may leave nothing; taken, it is there.
    async fn upload(&mut self, step: u32) -> anyhow::Result<Next<()>> {
        let name = format!("{}u{step}.txt", self.prefix);
        let content = content(&name);
        let entrance = self.world.edge(self.edge);
        let person = self.person.at(entrance);
        let files = Files::of(entrance, &person, &self.session);
        let tally = &self.world.tally;
        match tokio::time::timeout(REQUEST, files.upload(&name, &content)).await {
            Ok(Ok((status, body))) if status.is_success() && text(&body, "state") != "denied" => {
                tally.count("files uploaded");
                let there = std::fs::read(self.folder().join(&name));
                if there.as_ref().is_ok_and(|there| *there == content) {
                    return Ok(Next::On(()));
                }
                // The session may be gone, and its folder with it.
                if self.is_over().await? {
                    return Ok(Next::Over);
                }
                bail!(
                    "an upload was said to be done ({body}) and is not there: {:?}",
                    there.map(|there| there.len())
                );
            }
            Ok(Ok((_, body))) => {
                tally.count("uploads refused with a reason");
                let told = ["text", "detail"]
                    .map(|field| text(&body, field))
                    .into_iter()
                    .find(|text| !text.is_empty());
                if let Some(told) = told {
                    tally.said(told);
                }
            }
            _ => tally.count("uploads that broke"),
        }
        Ok(Next::On(()))
    }

    /// No part of a file is ever there under its name.
    fn check_files(&self) -> anyhow::Result<()> {
        for entry in std::fs::read_dir(self.folder()).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&self.prefix) && name.ends_with(".txt") && entry.metadata()?.len() != FILE as u64 {
                bail!("a part of {name} is there: {} bytes", entry.metadata()?.len());
            }
        }
        Ok(())
    }

    async fn end(&mut self) -> anyhow::Result<()> {
        let path = format!("/api/v1/sessions/{}", self.session);
        let (status, body) = self.world.ask(self.person, &mut self.edge, &Method::DELETE, &path, None).await?;
        if status == StatusCode::NOT_FOUND {
            return self.is_over().await.map(drop);
        }
        if !status.is_success() {
            bail!("it can't be ended: {status} {body}");
        }
        let began = Instant::now();
        loop {
            let (status, now) = self.look().await?;
            if matches!(text(&now, "state"), "ended" | "failed") {
                self.world.tally.count("sessions ended by their person");
                return Ok(());
            }
            if status == StatusCode::NOT_FOUND && self.is_set_back() {
                // It may have been gone already when the database forgot it.
                self.world.tally.count("ends that the restored database forgot");
                self.world.not_finished(&self.session);
                return Ok(());
            }
            if text(&now, "state") == "ready" && self.world.history().going_back.is_some() {
                // The wish to end it was in what the database has lost: the person wishes again.
                self.world.ask(self.person, &mut self.edge, &Method::DELETE, &path, None).await?;
            }
            if began.elapsed() > PATIENCE {
                bail!("it does not come to its end: {status} {now}");
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

/// Whether the stream ends within so long.
async fn is_closed(desktop: &mut Desktop, within: Duration) -> bool {
    let listen = async {
        loop {
            match desktop.next().await {
                Ok(Heard::Closed(_)) => return true,
                Ok(_) => {}
                // Nothing new on the screen is no end.
                Err(_) => return false,
            }
        }
    };
    tokio::time::timeout(within, listen).await.unwrap_or(false)
}

/// A file's content, known from its name.
fn content(name: &str) -> Vec<u8> {
    name.bytes().chain([b'\n']).cycle().take(FILE).collect()
}

fn told(failed: Result<anyhow::Result<Desktop>, tokio::time::error::Elapsed>) -> anyhow::Error {
    match failed {
        Ok(Ok(_)) => anyhow::anyhow!("connected"),
        Ok(Err(error)) => error,
        Err(elapsed) => elapsed.into(),
    }
}

pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn end_text(session: &Value) -> &str {
    session.get("end").map(|end| text(end, "text")).unwrap_or_default()
}

async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<(StatusCode, Value)> {
    let answer = request.send().await?;
    let status = answer.status();
    let bytes = answer.bytes().await?;
    let body = match serde_json::from_slice(&bytes) {
        Ok(body) => body,
        // An edge answers in plain words where it can't reach anybody.
        Err(_) => json!({ "detail": String::from_utf8_lossy(&bytes) }),
    };
    Ok((status, body))
}
