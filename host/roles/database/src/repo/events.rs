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
use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use crate::convert::{bytes32, from_json, json, to_i64, to_u64};
use crate::sql::Database;
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
        let mut query: QueryBuilder<Database> = QueryBuilder::new("SELECT seq, body FROM events WHERE 1 = 1");
        if let Some(gate) = filter.gate {
            query.push(" AND gate = ").push_bind(gate.as_str());
        }
        if let Some(outcome) = filter.outcome {
            query.push(" AND outcome = ").push_bind(outcome.as_str());
        }
        if let Some(name) = &filter.user_name {
            query.push(" AND user_name = ").push_bind(name.clone());
        }
        if let Some(user) = filter.user {
            query.push(" AND user_id = ").push_bind(user.as_uuid());
        }
        if let Some(session) = filter.session {
            query.push(" AND session_id = ").push_bind(session.as_uuid());
        }
        if let Some(reference) = filter.reference {
            query.push(" AND reference = ").push_bind(reference.to_string());
        }
        if let Some(action) = &filter.action {
            query.push(" AND action = ").push_bind(action.clone());
        }
        if let Some(kind) = filter.kind {
            query.push(" AND kind = ").push_bind(kind.as_str());
        }
        if let Some(before) = filter.before {
            query.push(" AND seq < ").push_bind(to_i64(before, "event number")?);
        }
        query.push(" ORDER BY seq DESC LIMIT ").push_bind(i64::from(limit));
        stored(query.build_query_as::<Row>().fetch_all(&self.readers).await?)
    }

    /// The newest verdicts in which a plugin was asked.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn events_of_plugin(&self, plugin: &PluginName, limit: u32) -> Result<Vec<StoredEvent>, StoreError> {
        let rows = sqlx::query_as::<_, Row>(
            "SELECT seq, body FROM events WHERE seq IN (SELECT DISTINCT seq FROM event_plugins WHERE plugin = $1 ORDER BY seq DESC LIMIT $2) \
             ORDER BY seq DESC",
        )
        .bind(plugin.as_str())
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        stored(rows)
    }

    /// How often a plugin said what since `since`: pairs of an outcome's name and a count.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn count_verdicts_of_plugin(&self, plugin: &PluginName, since: Timestamp) -> Result<Vec<(String, u64)>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT p.outcome, count(*) FROM event_plugins p JOIN events e ON e.seq = p.seq \
             WHERE p.plugin = $1 AND e.at >= $2 GROUP BY p.outcome",
        )
        .bind(plugin.as_str())
        .bind(since.as_micros())
        .fetch_all(&self.readers)
        .await?;
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
        let mut snapshot = self.readers.begin().await?;
        let (head, head_hash): (i64, Vec<u8>) = sqlx::query_as("SELECT seq, hash FROM event_head WHERE one = 1")
            .fetch_one(&mut *snapshot)
            .await?;
        let first = head.saturating_sub(i64::from(last)).max(0);
        let mut prev: Vec<u8> = if first == 0 {
            vec![0; 32]
        } else {
            let row: Option<(Vec<u8>,)> = sqlx::query_as("SELECT hash FROM events WHERE seq = $1")
                .bind(first)
                .fetch_optional(&mut *snapshot)
                .await?;
            let Some((hash,)) = row else {
                return broken(first, 0);
            };
            hash
        };
        let mut at = first;
        let mut checked = 0;
        loop {
            let rows = sqlx::query_as::<_, ChainRow>(
                "SELECT seq, id, at, reference, kind, gate, outcome, action, user_id, user_name, session_id, body, prev, hash \
                 FROM events WHERE seq > $1 ORDER BY seq LIMIT $2",
            )
            .bind(at)
            .bind(PAGE)
            .fetch_all(&mut *snapshot)
            .await?;
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
        let known: Option<(i64,)> = sqlx::query_as("SELECT seq FROM events WHERE id = $1")
            .bind(event.id.as_uuid())
            .fetch_optional(self.connection())
            .await?;
        if known.is_some() {
            return Ok(false);
        }
        // The head is read and written in this transaction, which is the only writer: no two events get one number.
        let (head, prev): (i64, Vec<u8>) = sqlx::query_as("SELECT seq, hash FROM event_head WHERE one = 1")
            .fetch_one(self.connection())
            .await?;
        let prev = bytes32(&prev, "event hash")?;
        let seq = head + 1;
        let body = json(event)?;
        let hash = link(seq, &prev, &body);
        let columns = columns(event);
        sqlx::query(
            "INSERT INTO events (seq, id, at, reference, kind, gate, outcome, action, user_id, user_name, session_id, body, prev, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(seq)
        .bind(event.id.as_uuid())
        .bind(event.at.as_micros())
        .bind(event.reference.to_string())
        .bind(columns.kind)
        .bind(columns.gate)
        .bind(columns.outcome)
        .bind(columns.action)
        .bind(event.user.map(|id| id.as_uuid()))
        .bind(&event.user_name)
        .bind(event.session.map(|id| id.as_uuid()))
        .bind(&body)
        .bind(prev.as_slice())
        .bind(hash.as_slice())
        .execute(self.connection())
        .await?;
        sqlx::query("UPDATE event_head SET seq = $1, hash = $2 WHERE one = 1")
            .bind(seq)
            .bind(hash.as_slice())
            .execute(self.connection())
            .await?;
        if let What::Verdict(verdict) = &event.what {
            for (plugin, outcome) in verdict.rules.iter().filter_map(|rule| Some((rule.plugin.as_ref()?, rule.outcome))) {
                sqlx::query(
                    "INSERT INTO event_plugins (plugin, seq, outcome) VALUES ($1, $2, $3) ON CONFLICT (plugin, seq, outcome) DO NOTHING",
                )
                .bind(plugin.as_str())
                .bind(seq)
                .bind(outcome.as_str())
                .execute(self.connection())
                .await?;
            }
        }
        Ok(true)
    }

    /// Whether an event with this id was appended.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn has_event(&mut self, id: EventId) -> Result<bool, StoreError> {
        let known: Option<(i64,)> = sqlx::query_as("SELECT seq FROM events WHERE id = $1")
            .bind(id.as_uuid())
            .fetch_optional(self.connection())
            .await?;
        Ok(known.is_some())
    }
}
