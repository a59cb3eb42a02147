//! The append-only, hash-chained record of decisions and audit.
//!
//! `hash = SHA-256(seq as 8 bytes big endian, prev, body)`, where `body` is the event's JSON exactly as stored and
//! `prev` the hash of the row before. The head of the chain is stored beside it, so that rows cut off the end are missed too.

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
    /// Counts up from 1 without gaps.
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
    /// The first row that is not as it was written.
    pub broken_at: Option<u64>,
}

/// The end of the chain.
#[derive(Debug, Clone)]
pub(crate) struct ChainEnd {
    seq: i64,
    hash: [u8; 32],
    /// Whether it is to be written.
    moved: bool,
}

#[derive(FromRow)]
struct Row {
    seq: i64,
    body: String,
}

#[derive(FromRow)]
struct ChainRow {
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
    fn holds(&self, prev: &[u8]) -> bool {
        if self.prev != prev || self.hash != link(self.seq, prev, &self.body) {
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

    /// Checks the newest `last` rows of the chain up to its head.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn verify_events(&self, last: u32) -> Result<ChainReport, StoreError> {
        /// Rows read at once.
        const PAGE: i64 = 500;
        let mut snapshot = self.snapshot().await?;
        let (head, head_hash): (i64, Vec<u8>) = sql!(fetch_one, snapshot.connection(), "SELECT seq, hash FROM event_head WHERE one = 1")?;
        let first = head.saturating_sub(i64::from(last)).max(0);
        let mut prev: Vec<u8> = if first == 0 {
            vec![0; 32]
        } else {
            let row: Option<(Vec<u8>,)> = sql!(
                fetch_optional,
                snapshot.connection(),
                "SELECT hash FROM events WHERE seq = $1",
                first
            )?;
            let Some((hash,)) = row else {
                return broken(first, 0);
            };
            hash
        };
        let mut at = first;
        let mut checked = 0;
        loop {
            let rows: Vec<ChainRow> = sql!(
                fetch_all,
                snapshot.connection(),
                "SELECT seq, id, at, reference, kind, gate, outcome, action, user_id, user_name, session_id, body, prev, hash \
                 FROM events WHERE seq > $1 ORDER BY seq LIMIT $2",
                at,
                PAGE
            )?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                if row.seq != at + 1 || !row.holds(&prev) {
                    return broken(at + 1, checked);
                }
                at = row.seq;
                checked += 1;
                prev = row.hash;
            }
        }
        if at != head || prev != head_hash {
            return broken(at + 1, checked);
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
        // Held until the commit: no two events get one number, whoever appends them.
        let end = self.chain_end().await?;
        if self.has_event(event.id).await? {
            return Ok(false);
        }
        let seq = end.seq + 1;
        let prev = end.hash;
        let body = json(event)?;
        let hash = link(seq, &prev, &body);
        let columns = columns(event);
        sql!(
            execute,
            self.connection(),
            "INSERT INTO events (seq, id, at, reference, kind, gate, outcome, action, user_id, user_name, session_id, body, prev, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
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
        self.chain = Some(ChainEnd { seq, hash, moved: true });
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

    /// The end of the chain, which from then on only this transaction moves.
    async fn chain_end(&mut self) -> Result<ChainEnd, StoreError> {
        if let Some(end) = &self.chain {
            return Ok(end.clone());
        }
        let row: Option<(i64, Vec<u8>)> = sql!(lock, self.connection(), "SELECT seq, hash FROM event_head WHERE one = 1")?;
        let (seq, hash) = row.ok_or(StoreError::Invalid { what: "end of the record" })?;
        let end = ChainEnd {
            seq,
            hash: bytes32(&hash, "event hash")?,
            moved: false,
        };
        self.chain = Some(end.clone());
        Ok(end)
    }

    pub(crate) async fn store_chain(&mut self) -> Result<(), StoreError> {
        let Some(end) = self.chain.take().filter(|end| end.moved) else {
            return Ok(());
        };
        sql!(
            execute,
            self.connection(),
            "UPDATE event_head SET seq = $1, hash = $2 WHERE one = 1",
            end.seq,
            end.hash.as_slice()
        )?;
        Ok(())
    }

    /// Whether an event with this id was appended.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn has_event(&mut self, id: EventId) -> Result<bool, StoreError> {
        let known: Option<(i64,)> = sql!(
            fetch_optional,
            self.connection(),
            "SELECT seq FROM events WHERE id = $1",
            id.as_uuid()
        )?;
        Ok(known.is_some())
    }
}
