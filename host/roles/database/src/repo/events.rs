//! The append-only, hash-chained record of decisions and audit.
//!
//! `hash = SHA-256(seq as 8 bytes big endian, prev, body)`, where `body` is the event's JSON exactly as stored and
//! `prev` the hash of the row before in the same chain. The end of each chain is stored beside it, so that rows cut off the
//! end are missed too. There are several chains (ADR 16): who appends holds the end of one until it is on disk, and others
//! take one that is free.

use std::collections::HashMap;

use gatewright_core::event::{Event, What};
use gatewright_core::gate::{Gate, Outcome};
use gatewright_core::plugin::PluginName;
use gatewright_core::{EventId, Reference, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::FromRow;
use uuid::Uuid;

use crate::convert::{bytes32, from_json, json, to_i64, to_u64};
use crate::sql::{Db, sql, within};
use crate::{Store, StoreError, Write};

/// An event with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Counts up. Numbers of transactions that were given up are missing on PostgreSQL.
    pub seq: u64,
    /// The event.
    pub event: Event,
}

/// Which events are wanted. Everything that is set must hold.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Verdicts at this gate.
    pub gate: Option<Gate>,
    /// Verdicts with this outcome.
    pub outcome: Option<Outcome>,
    /// Of the user with this login name.
    pub user_name: Option<String>,
    /// Of this user.
    pub user: Option<UserId>,
    /// Of this session.
    pub session: Option<SessionId>,
    /// With this reference.
    pub reference: Option<Reference>,
    /// Audit events of this action.
    pub action: Option<String>,
    /// `verdict` or `audit`.
    pub kind: Option<EventKind>,
    /// Older than this one.
    pub before: Option<u64>,
}

/// The two kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// Something came to a gate.
    Verdict,
    /// Something was done that an auditor asks about.
    Audit,
}

impl EventKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::Audit => "audit",
        }
    }
}

/// How a check of the chain came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainReport {
    /// Whether every row checked is as it was written, and none is missing.
    pub intact: bool,
    /// How many rows were checked.
    pub checked: u64,
    /// The first row that is not as it was written, or that follows in its chain on one which is missing; where the end of a
    /// chain was cut off, the number after its last row.
    pub broken_at: Option<u64>,
}

/// How many chains a server has. A file has one writer and uses the first.
const CHAINS: u8 = 32;

/// The end of a chain.
#[derive(Debug, Clone)]
pub(crate) struct ChainEnd {
    chain: i64,
    seq: i64,
    hash: [u8; 32],
    /// Whether it is to be written.
    moved: bool,
}

/// A chain that nobody else appends to until this transaction ends, and a number that is larger than all in it.
#[derive(FromRow)]
struct Place {
    chain: i64,
    last: i64,
    hash: Vec<u8>,
    seq: i64,
}

#[derive(FromRow)]
struct Row {
    seq: i64,
    body: String,
}

#[derive(FromRow)]
struct ChainRow {
    chain: i64,
    seq: i64,
    id: Uuid,
    at: i64,
    reference: String,
    kind: String,
    gate: Option<String>,
    outcome: Option<String>,
    action: Option<String>,
    user_id: Option<Uuid>,
    user_name: String,
    session_id: Option<Uuid>,
    body: String,
    prev: Vec<u8>,
    hash: Vec<u8>,
}

fn link(seq: i64, prev: &[u8], body: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(seq.to_be_bytes());
    hasher.update(prev);
    hasher.update(body.as_bytes());
    hasher.finalize().into()
}

/// The copies of parts of an event that it is looked up by.
struct Columns<'a> {
    kind: &'static str,
    gate: Option<&'static str>,
    outcome: Option<&'static str>,
    action: Option<&'a str>,
}

fn columns(event: &Event) -> Columns<'_> {
    match &event.what {
        What::Verdict(verdict) => Columns {
            kind: "verdict",
            gate: Some(verdict.gate.as_str()),
            outcome: Some(verdict.outcome.as_str()),
            action: None,
        },
        What::Audit(audit) => Columns {
            kind: "audit",
            gate: None,
            outcome: None,
            action: Some(&audit.action),
        },
    }
}

impl ChainRow {
    /// Whether the row is what was hashed, and its look-up columns say what its body says.
    fn holds(&self) -> bool {
        if self.hash != link(self.seq, &self.prev, &self.body) {
            return false;
        }
        let Ok(event) = serde_json::from_str::<Event>(&self.body) else {
            return false;
        };
        let columns = columns(&event);
        event.id.as_uuid() == self.id
            && event.at.as_micros() == self.at
            && event.reference.to_string() == self.reference
            && columns.kind == self.kind
            && columns.gate == self.gate.as_deref()
            && columns.outcome == self.outcome.as_deref()
            && columns.action == self.action.as_deref()
            && event.user.map(|id| id.as_uuid()) == self.user_id
            && event.user_name == self.user_name
            && event.session.map(|id| id.as_uuid()) == self.session_id
    }
}

/// The conditions of a search, as text and values. Nothing that was asked for gets into the text.
#[derive(Default)]
struct Wanted {
    conditions: Vec<(&'static str, Value)>,
}

enum Value {
    Text(String),
    Id(Uuid),
    Number(i64),
}

impl Wanted {
    fn text(&mut self, condition: &'static str, value: Option<String>) {
        self.conditions.extend(value.map(|value| (condition, Value::Text(value))));
    }

    fn id(&mut self, condition: &'static str, value: Option<Uuid>) {
        self.conditions.extend(value.map(|value| (condition, Value::Id(value))));
    }

    fn number(&mut self, condition: &'static str, value: Option<i64>) {
        self.conditions.extend(value.map(|value| (condition, Value::Number(value))));
    }

    fn query(self, limit: u32) -> (String, Vec<Value>) {
        use std::fmt::Write as _;
        let mut text = String::from("SELECT seq, body FROM events");
        let mut values = Vec::new();
        for (condition, value) in self.conditions {
            let word = if values.is_empty() { "WHERE" } else { "AND" };
            values.push(value);
            let _never_fails = write!(text, " {word} {condition} ${}", values.len());
        }
        let _never_fails = write!(text, " ORDER BY seq DESC LIMIT {limit}");
        (text, values)
    }
}

fn stored(rows: Vec<Row>) -> Result<Vec<StoredEvent>, StoreError> {
    rows.into_iter()
        .map(|row| {
            Ok(StoredEvent {
                seq: to_u64(row.seq, "event number")?,
                event: from_json(&row.body, "event")?,
            })
        })
        .collect()
}

impl Store {
    /// Events that match, newest first, `limit` at the most.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn events(&self, filter: &EventFilter, limit: u32) -> Result<Vec<StoredEvent>, StoreError> {
        let mut wanted = Wanted::default();
        wanted.text("gate =", filter.gate.map(|gate| gate.as_str().to_owned()));
        wanted.text("outcome =", filter.outcome.map(|outcome| outcome.as_str().to_owned()));
        wanted.text("user_name =", filter.user_name.clone());
        wanted.id("user_id =", filter.user.map(|user| user.as_uuid()));
        wanted.id("session_id =", filter.session.map(|session| session.as_uuid()));
        wanted.text("reference =", filter.reference.map(|reference| reference.to_string()));
        wanted.text("action =", filter.action.clone());
        wanted.text("kind =", filter.kind.map(|kind| kind.as_str().to_owned()));
        wanted.number("seq <", filter.before.map(|before| to_i64(before, "event number")).transpose()?);
        let (text, values) = wanted.query(limit);
        // PostgreSQL holds no text with a NUL, so none is like this.
        if values.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0'))) {
            return Ok(Vec::new());
        }
        let text = sqlx::AssertSqlSafe(text);
        let rows: Vec<Row> = match self.reader() {
            Db::Sqlite(on) => {
                let mut query = sqlx::query_as(text);
                for value in values {
                    query = match value {
                        Value::Text(text) => query.bind(text),
                        Value::Id(id) => query.bind(id),
                        Value::Number(number) => query.bind(number),
                    };
                }
                within(query.fetch_all(on)).await?
            }
            Db::Postgres(on) => {
                let mut query = sqlx::query_as(text);
                for value in values {
                    query = match value {
                        Value::Text(text) => query.bind(text),
                        Value::Id(id) => query.bind(id),
                        Value::Number(number) => query.bind(number),
                    };
                }
                within(query.fetch_all(on)).await?
            }
        };
        stored(rows)
    }

    /// The newest verdicts in which a plugin was asked.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn events_of_plugin(&self, plugin: &PluginName, limit: u32) -> Result<Vec<StoredEvent>, StoreError> {
        let rows: Vec<Row> = sql!(
            fetch_all,
            self.reader(),
            "SELECT seq, body FROM events WHERE seq IN (SELECT DISTINCT seq FROM event_plugins WHERE plugin = $1 ORDER BY seq DESC LIMIT $2) \
             ORDER BY seq DESC",
            plugin.as_str(),
            i64::from(limit)
        )?;
        stored(rows)
    }

    /// How often a plugin said what since `since`: pairs of an outcome's name and a count.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn count_verdicts_of_plugin(&self, plugin: &PluginName, since: Timestamp) -> Result<Vec<(String, u64)>, StoreError> {
        let rows: Vec<(String, i64)> = sql!(
            fetch_all,
            self.reader(),
            "SELECT p.outcome, count(*) FROM event_plugins p JOIN events e ON e.seq = p.seq \
             WHERE p.plugin = $1 AND e.at >= $2 GROUP BY p.outcome",
            plugin.as_str(),
            since.as_micros()
        )?;
        rows.into_iter()
            .map(|(outcome, count)| Ok((outcome, to_u64(count, "count")?)))
            .collect()
    }

    /// Whether an event like this exists: the newest one's number.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn newest_event(&self, filter: &EventFilter) -> Result<Option<u64>, StoreError> {
        Ok(self.events(filter, 1).await?.first().map(|event| event.seq))
    }

    /// Checks the newest `last` rows, each in its chain, up to the chains' ends.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn verify_events(&self, last: u32) -> Result<ChainReport, StoreError> {
        /// Rows read at once.
        const PAGE: i64 = 500;
        let mut snapshot = self.snapshot().await?;
        let before: Option<(i64,)> = sql!(
            fetch_optional,
            snapshot.connection(),
            "SELECT seq FROM events ORDER BY seq DESC LIMIT 1 OFFSET $1",
            i64::from(last)
        )?;
        let mut at = before.map_or(0, |(seq,)| seq);
        // Where each chain was then: number and hash of its last row.
        let behind: Vec<(i64, i64, Vec<u8>)> = sql!(
            fetch_all,
            snapshot.connection(),
            "SELECT c.chain, e.seq, e.hash FROM event_chains c \
             JOIN events e ON e.seq = (SELECT max(seq) FROM events WHERE chain = c.chain AND seq <= $1)",
            at
        )?;
        let mut ends: HashMap<i64, (i64, Vec<u8>)> = behind.into_iter().map(|(chain, seq, hash)| (chain, (seq, hash))).collect();
        let mut checked = 0;
        loop {
            let rows: Vec<ChainRow> = sql!(
                fetch_all,
                snapshot.connection(),
                "SELECT chain, seq, id, at, reference, kind, gate, outcome, action, user_id, user_name, session_id, body, prev, hash \
                 FROM events WHERE seq > $1 ORDER BY seq LIMIT $2",
                at,
                PAGE
            )?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let (end, prev) = ends.entry(row.chain).or_insert_with(|| (0, vec![0; 32]));
                if row.prev != *prev || !row.holds() {
                    return broken(row.seq, checked);
                }
                at = row.seq;
                checked += 1;
                (*end, *prev) = (row.seq, row.hash);
            }
        }
        let heads: Vec<(i64, i64, Vec<u8>)> = sql!(fetch_all, snapshot.connection(), "SELECT chain, seq, hash FROM event_chains")?;
        let mut wrong = Vec::new();
        for (chain, seq, hash) in heads {
            let end = ends.remove(&chain).unwrap_or_else(|| (0, vec![0; 32]));
            if end != (seq, hash) {
                wrong.push(end.0 + 1);
            }
        }
        // Rows of a chain that has no end.
        wrong.extend(ends.into_values().map(|(seq, _)| seq));
        if let Some(at) = wrong.into_iter().min() {
            return broken(at, checked);
        }
        Ok(ChainReport {
            intact: true,
            checked,
            broken_at: None,
        })
    }
}

fn broken(at: i64, checked: u64) -> Result<ChainReport, StoreError> {
    Ok(ChainReport {
        intact: false,
        checked,
        broken_at: Some(to_u64(at, "event number")?),
    })
}

impl Write {
    /// Appends an event. False where one with its id exists: that one stays.
    ///
    /// # Errors
    /// `Json`, `Unavailable`, `Invalid`.
    pub async fn append_event(&mut self, event: &Event) -> Result<bool, StoreError> {
        let (end, seq) = self.place(event.id).await?;
        let prev = end.hash;
        let body = json(event)?;
        let hash = link(seq, &prev, &body);
        let columns = columns(event);
        let appended = sql!(
            execute,
            self.connection(),
            "INSERT INTO events (chain, seq, id, at, reference, kind, gate, outcome, action, user_id, user_name, session_id, body, prev, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (id) DO NOTHING",
            end.chain,
            seq,
            event.id.as_uuid(),
            event.at.as_micros(),
            event.reference.to_string(),
            columns.kind,
            columns.gate,
            columns.outcome,
            columns.action,
            event.user.map(|id| id.as_uuid()),
            &event.user_name,
            event.session.map(|id| id.as_uuid()),
            &body,
            prev.as_slice(),
            hash.as_slice()
        )?;
        if appended == 0 {
            return Ok(false);
        }
        self.chain = Some(ChainEnd {
            seq,
            hash,
            moved: true,
            ..end
        });
        if let What::Verdict(verdict) = &event.what {
            for (plugin, outcome) in verdict.rules.iter().filter_map(|rule| Some((rule.plugin.as_ref()?, rule.outcome))) {
                sql!(
                    execute,
                    self.connection(),
                    "INSERT INTO event_plugins (plugin, seq, outcome) VALUES ($1, $2, $3) ON CONFLICT (plugin, seq, outcome) DO NOTHING",
                    plugin.as_str(),
                    seq,
                    outcome.as_str()
                )?;
            }
        }
        Ok(true)
    }

    /// Where the next event goes: the end of a chain, which from then on only this transaction moves, and the event's number.
    async fn place(&mut self, event: EventId) -> Result<(ChainEnd, i64), StoreError> {
        if let Some(end) = self.chain.clone() {
            let (seq,) = match self.connection() {
                Db::Sqlite(on) => within(sqlx::query_as("SELECT max(seq) + 1 FROM events").fetch_one(on)).await?,
                Db::Postgres(on) => within(sqlx::query_as("SELECT nextval('event_numbers')").fetch_one(on)).await?,
            };
            return Ok((end, seq));
        }
        let place: Option<Place> = match self.connection() {
            Db::Sqlite(on) => {
                let text = "SELECT chain, seq AS last, hash, (SELECT coalesce(max(seq), 0) + 1 FROM events) AS seq \
                            FROM event_chains WHERE chain = 1";
                within(sqlx::query_as(text).fetch_optional(on)).await?
            }
            Db::Postgres(on) => {
                // Numbered once it is held: numbers count up in each chain.
                let free = "SELECT chain, seq AS last, hash, nextval('event_numbers') AS seq FROM \
                            (SELECT chain, seq, hash FROM event_chains ORDER BY chain LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) free";
                let any = "SELECT chain, seq AS last, hash, nextval('event_numbers') AS seq FROM \
                           (SELECT chain, seq, hash FROM event_chains WHERE chain = $1 FOR NO KEY UPDATE) one";
                match within(sqlx::query_as(free).fetch_optional(&mut *on)).await? {
                    Some(place) => Some(place),
                    None => {
                        let chain = i64::from(event.as_uuid().as_bytes()[15] % CHAINS) + 1;
                        within(sqlx::query_as(any).bind(chain).fetch_optional(on)).await?
                    }
                }
            }
        };
        let place = place.ok_or(StoreError::Invalid { what: "end of the record" })?;
        let end = ChainEnd {
            chain: place.chain,
            seq: place.last,
            hash: bytes32(&place.hash, "event hash")?,
            moved: false,
        };
        self.chain = Some(end.clone());
        Ok((end, place.seq))
    }

    pub(crate) async fn store_chain(&mut self) -> Result<(), StoreError> {
        let Some(end) = self.chain.take().filter(|end| end.moved) else {
            return Ok(());
        };
        sql!(
            execute,
            self.connection(),
            "UPDATE event_chains SET seq = $1, hash = $2 WHERE chain = $3",
            end.seq,
            end.hash.as_slice(),
            end.chain
        )?;
        Ok(())
    }
}
