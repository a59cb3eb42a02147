//! An engine that the product knows nothing of: HTTP of its own over a unix socket, with processes for workspaces.
//!
//! `GET /toy/1/about` and `/pictures`; `POST /boxes` makes one (asleep), `GET /boxes?owner=` lists, `GET` and `DELETE
//! /boxes/<tag>`, `PUT /boxes/<tag>/mood` wakes it or ends it.
#![expect(clippy::indexing_slicing, reason = "a field that a JSON value lacks is null")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

/// What it has a picture of.
const PICTURES: [&str; 1] = ["gatewright/terminal:dev"];

/// A running toy engine. Dropped, it ends with all its workspaces.
pub struct ToyEngine {
    socket: PathBuf,
    boxes: Arc<Mutex<Boxes>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Boxes {
    made: u32,
    by_tag: BTreeMap<String, ToyBox>,
    /// Method and path of each request.
    asked: Vec<String>,
}

struct ToyBox {
    wish: Value,
    program: Option<Child>,
}

impl Drop for ToyBox {
    fn drop(&mut self) {
        if let Some(program) = &mut self.program {
            drop(program.kill());
            drop(program.wait());
        }
    }
}

impl ToyEngine {
    /// Listens at `socket`; each workspace runs `desktop`.
    pub fn start(socket: &Path, desktop: &Path) -> anyhow::Result<Self> {
        let listener = UnixListener::bind(socket).with_context(|| format!("listen at {}", socket.display()))?;
        let boxes = Arc::new(Mutex::new(Boxes::default()));
        let (shared, desktop) = (Arc::clone(&boxes), desktop.to_owned());
        let serving = tokio::spawn(async move {
            let mut exchanges = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (boxes, desktop) = (Arc::clone(&shared), desktop.clone());
                exchanges.spawn(async move { drop(exchange(stream, &boxes, &desktop).await) });
                while exchanges.try_join_next().is_some() {}
            }
        });
        Ok(Self {
            socket: socket.to_owned(),
            boxes,
            serving,
        })
    }

    /// `unix:///path`
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The process of each workspace that runs, by its session.
    #[must_use]
    pub fn running(&self) -> BTreeMap<String, u32> {
        let mut boxes = self.boxes.lock().unwrap_or_else(PoisonError::into_inner);
        let awake = boxes.by_tag.values_mut().filter_map(|one| match one.mood().0 {
            "awake" => Some((one.wish["purpose"].as_str()?.to_owned(), one.program.as_ref()?.id())),
            _ => None,
        });
        awake.collect()
    }

    /// How many workspaces there are, running or not.
    #[must_use]
    pub fn boxes(&self) -> usize {
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner).by_tag.len()
    }

    /// Method and path of everything that it was asked.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }
}

impl Drop for ToyEngine {
    fn drop(&mut self) {
        self.serving.abort();
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner).by_tag.clear();
    }
}

impl ToyBox {
    fn mood(&mut self) -> (&'static str, Option<i32>) {
        match self.program.as_mut().map(Child::try_wait) {
            None => ("asleep", None),
            Some(Ok(None)) => ("awake", None),
            Some(Ok(Some(status))) => ("gone", Some(status.code().unwrap_or(-1))),
            Some(Err(_)) => ("gone", None),
        }
    }

    fn told(&mut self, tag: &str) -> Value {
        let (mood, left_with) = self.mood();
        json!({ "tag": tag, "purpose": self.wish["purpose"], "mood": mood, "left_with": left_with })
    }
}

/// One request and its answer.
async fn exchange(stream: UnixStream, boxes: &Mutex<Boxes>, desktop: &Path) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let mut words = line.split_whitespace();
    let (method, target) = (
        words.next().context("no method")?.to_owned(),
        words.next().context("no path")?.to_owned(),
    );
    let mut length = 0;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        let Some((name, value)) = header.trim().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body)?
    };
    let (status, said) = {
        let mut boxes = boxes.lock().unwrap_or_else(PoisonError::into_inner);
        boxes.asked.push(format!("{method} {target}"));
        boxes.answer(&method, &target, body, desktop)
    };
    let said = if said.is_null() { String::new() } else { said.to_string() };
    let head = format!(
        "HTTP/1.1 {status} Toy\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        said.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(said.as_bytes()).await?;
    Ok(stream.shutdown().await?)
}

impl Boxes {
    fn answer(&mut self, method: &str, target: &str, body: Value, desktop: &Path) -> (u16, Value) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parts: Vec<&str> = path.trim_start_matches("/toy/1/").split('/').collect();
        match (method, parts.as_slice()) {
            ("GET", ["about"]) => (200, json!({ "toy": "0.3", "cores": 4, "memory_mib": 8192 })),
            ("GET", ["pictures"]) => (200, json!({ "pictures": PICTURES })),
            ("GET", ["boxes"]) => {
                let owner = query.strip_prefix("owner=").unwrap_or_default();
                let theirs = self.by_tag.iter_mut().filter(|(_, one)| one.wish["owner"] == owner);
                let told: Vec<Value> = theirs.map(|(tag, one)| one.told(tag)).collect();
                (200, json!({ "boxes": told }))
            }
            ("POST", ["boxes"]) => self.make(body),
            (_, ["boxes", tag, rest @ ..]) => {
                let Some(one) = self.by_tag.get_mut(*tag) else {
                    return (404, json!({ "message": "no such box" }));
                };
                match (method, rest) {
                    ("GET", []) => (200, one.told(tag)),
                    ("PUT", ["mood"]) => set_mood(one, body["mood"].as_str().unwrap_or_default(), desktop),
                    ("DELETE", []) => {
                        self.by_tag.remove(*tag);
                        (204, Value::Null)
                    }
                    _ => (405, json!({ "message": "boxes can't do that" })),
                }
            }
            _ => (404, json!({ "message": "toys don't know this" })),
        }
    }

    fn make(&mut self, wish: Value) -> (u16, Value) {
        if !PICTURES.iter().any(|picture| wish["picture"] == *picture) {
            return (410, json!({ "message": "no such picture" }));
        }
        let same = |(_, one): &(&String, &mut ToyBox)| one.wish["purpose"] == wish["purpose"];
        if let Some((tag, one)) = self.by_tag.iter_mut().find(same) {
            return (200, one.told(tag));
        }
        self.made += 1;
        let tag = format!("box-{}", self.made);
        let mut one = ToyBox { wish, program: None };
        let told = one.told(&tag);
        self.by_tag.insert(tag, one);
        (201, told)
    }
}

fn set_mood(one: &mut ToyBox, mood: &str, desktop: &Path) -> (u16, Value) {
    let folder = one.wish["folder"].as_str().unwrap_or_default().to_owned();
    match (mood, &mut one.program) {
        ("awake", None) => match Command::new(desktop).current_dir(folder).stdin(Stdio::null()).spawn() {
            Ok(program) => {
                one.program = Some(program);
                (204, Value::Null)
            }
            Err(error) => (500, json!({ "message": error.to_string() })),
        },
        ("gone", Some(program)) => {
            drop(program.kill());
            (204, Value::Null)
        }
        _ => (204, Value::Null),
    }
}
