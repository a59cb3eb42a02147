//! Nodes, as their heartbeats leave them.

use std::collections::{BTreeMap, BTreeSet};

use gatewright_core::capacity::{Allocatable, Resources};
use gatewright_core::record::Node;
use gatewright_core::{NodeId, Timestamp, ZoneId};
use gatewright_ports::agent_control::NodeStatus;
use sha2::{Digest as _, Sha256};
use sqlx::FromRow;
use uuid::Uuid;

use super::workspaces::resources;
use crate::convert::{from_json, json, to_i64, to_u32, to_u64};
use crate::sql::{Connection, Db, sql, within};
use crate::{ChangeKind, Store, StoreError, Write};

/// A node as its last heartbeat described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRecord {
    /// What its agent said.
    pub status: NodeStatus,
    /// Its zone.
    pub zone: ZoneId,
    /// When its agent said so.
    pub seen_at: Timestamp,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    name: String,
    zone_id: Uuid,
    engine: String,
    runtime: String,
    allocatable_cpu_millicores: i64,
    allocatable_memory_bytes: i64,
    allocatable_sessions: i64,
    degraded: Option<String>,
    images: String,
    labels: String,
    devices: String,
    seen_at: i64,
}

impl TryFrom<Row> for NodeRecord {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let images: Vec<String> = from_json(&row.images, "list of images")?;
        let labels: BTreeMap<String, String> = from_json(&row.labels, "labels")?;
        Ok(Self {
            status: NodeStatus {
                node: NodeId::from_uuid(row.id),
                name: row.name,
                engine: row.engine,
                runtime: row.runtime.parse().map_err(|_| StoreError::Invalid { what: "plugin name" })?,
                allocatable: Allocatable {
                    cpu_millicores: to_u64(row.allocatable_cpu_millicores, "node capacity")?,
                    memory_bytes: to_u64(row.allocatable_memory_bytes, "node capacity")?,
                    sessions: to_u32(row.allocatable_sessions, "node capacity")?,
                },
                degraded: row.degraded,
                images,
                labels,
                devices: from_json(&row.devices, "list of devices")?,
            },
            zone: ZoneId::from_uuid(row.zone_id),
            seen_at: Timestamp::from_micros(row.seen_at),
        })
    }
}

impl NodeRecord {
    /// The node with what is left on it when `reserved` run there.
    #[must_use]
    pub fn with_reserved(self, reserved: &[Resources]) -> Node {
        let headroom = self.status.allocatable.headroom(reserved);
        Node {
            id: self.status.node,
            name: self.status.name,
            zone: self.zone,
            engine: self.status.engine,
            runtime: self.status.runtime,
            allocatable: self.status.allocatable,
            headroom,
            degraded: self.status.degraded,
            images: self.status.images,
            labels: self.status.labels,
            devices: self.status.devices,
            seen_at: self.seen_at,
        }
    }
}

/// A sign of life that may say nothing new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// Whose.
    pub node: NodeId,
    /// What it says, as [`status_digest`] has it.
    pub digest: [u8; 32],
    /// When it came.
    pub at: Timestamp,
}

/// Stands for all that a heartbeat says.
///
/// # Errors
/// `Json`.
pub fn status_digest(status: &NodeStatus) -> Result<[u8; 32], StoreError> {
    Ok(Sha256::digest(json(status)?).into())
}

impl Store {
    /// All nodes with what is left on them, by name.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let rows: Vec<Row> = sql!(
            fetch_all,
            snapshot.connection(),
            "SELECT id, name, zone_id, engine, runtime, allocatable_cpu_millicores, allocatable_memory_bytes, \
             allocatable_sessions, degraded, images, labels, devices, seen_at FROM nodes ORDER BY name"
        )?;
        let held: Vec<(Uuid, i64, i64, i64, i64)> = sql!(
            fetch_all,
            snapshot.connection(),
            "SELECT node_id, cpu_millicores, memory_bytes, pids, shm_bytes FROM sessions \
             WHERE node_id IS NOT NULL AND state NOT IN ('requested', 'ended', 'failed')"
        )?;
        let mut reserved: BTreeMap<Uuid, Vec<Resources>> = BTreeMap::new();
        for (node, cpu, memory, pids, shm) in held {
            reserved.entry(node).or_default().push(resources(cpu, memory, pids, shm)?);
        }
        rows.into_iter()
            .map(|row| {
                let held = reserved.remove(&row.id).unwrap_or_default();
                Ok(NodeRecord::try_from(row)?.with_reserved(&held))
            })
            .collect()
    }
}

/// What runs or is promised on a node. The caller has locked the node: nobody can promise more meanwhile.
pub(crate) async fn reserved_on(connection: Connection<'_>, node: NodeId) -> Result<Vec<Resources>, StoreError> {
    let rows: Vec<(i64, i64, i64, i64)> = sql!(
        fetch_all,
        connection,
        "SELECT cpu_millicores, memory_bytes, pids, shm_bytes FROM sessions \
         WHERE node_id = $1 AND state NOT IN ('requested', 'ended', 'failed')",
        node.as_uuid()
    )?;
    rows.into_iter()
        .map(|(cpu, memory, pids, shm)| resources(cpu, memory, pids, shm))
        .collect()
}

/// What a node can give in all. Nobody else promises any of it until the transaction ends.
pub(crate) async fn lock_allocatable(connection: Connection<'_>, node: NodeId) -> Result<Option<Allocatable>, StoreError> {
    let row: Option<(i64, i64, i64)> = sql!(
        lock,
        connection,
        "SELECT allocatable_cpu_millicores, allocatable_memory_bytes, allocatable_sessions FROM nodes WHERE id = $1",
        node.as_uuid()
    )?;
    row.map(|(cpu, memory, sessions)| {
        Ok(Allocatable {
            cpu_millicores: to_u64(cpu, "node capacity")?,
            memory_bytes: to_u64(memory, "node capacity")?,
            sessions: to_u32(sessions, "node capacity")?,
        })
    })
    .transpose()
}

impl Write {
    /// Notes a heartbeat. The zone is fixed by the first one.
    ///
    /// # Errors
    /// `Conflict(NodeName)`, `OutOfRange`, `Unavailable`.
    pub async fn upsert_node(&mut self, status: &NodeStatus, zone: ZoneId, at: Timestamp) -> Result<(), StoreError> {
        let before: Option<(Option<String>,)> = sql!(
            fetch_optional,
            self.connection(),
            "SELECT degraded FROM nodes WHERE id = $1",
            status.node.as_uuid()
        )?;
        sql!(
            execute,
            self.connection(),
            "INSERT INTO nodes (id, name, zone_id, engine, runtime, allocatable_cpu_millicores, allocatable_memory_bytes, \
             allocatable_sessions, degraded, images, labels, devices, seen_at, status_digest) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, engine = excluded.engine, runtime = excluded.runtime, \
             allocatable_cpu_millicores = excluded.allocatable_cpu_millicores, \
             allocatable_memory_bytes = excluded.allocatable_memory_bytes, \
             allocatable_sessions = excluded.allocatable_sessions, degraded = excluded.degraded, \
             images = excluded.images, labels = excluded.labels, devices = excluded.devices, \
             seen_at = excluded.seen_at, status_digest = excluded.status_digest",
            status.node.as_uuid(),
            &status.name,
            zone.as_uuid(),
            &status.engine,
            status.runtime.as_str(),
            to_i64(status.allocatable.cpu_millicores, "node capacity")?,
            to_i64(status.allocatable.memory_bytes, "node capacity")?,
            i64::from(status.allocatable.sessions),
            &status.degraded,
            json(&status.images)?,
            json(&status.labels)?,
            json(&status.devices)?,
            at.as_micros(),
            status_digest(status)?.as_slice()
        )?;
        // A sign of life alone is no change: nobody would sleep in `watch` any more.
        if before.is_none_or(|(degraded,)| degraded != status.degraded) {
            self.changed(ChangeKind::Node, &status.node.to_string()).await?;
        }
        Ok(())
    }

    /// Notes many signs of life at once. The nodes of those that say what is known; the others need [`Self::upsert_node`].
    ///
    /// # Errors
    /// `Unavailable`, `Contended`.
    pub async fn note_signs(&mut self, signs: &[Sign]) -> Result<BTreeSet<NodeId>, StoreError> {
        let mut noted = BTreeSet::new();
        let Db::Postgres(on) = self.connection() else {
            // One process has the file: few nodes, and no way to a server and back for each.
            for sign in signs {
                let done = sql!(
                    execute,
                    self.connection(),
                    "UPDATE nodes SET seen_at = $3 WHERE id = $1 AND status_digest = $2",
                    sign.node.as_uuid(),
                    sign.digest.as_slice(),
                    sign.at.as_micros()
                )?;
                if done > 0 {
                    noted.insert(sign.node);
                }
            }
            return Ok(noted);
        };
        let (mut ids, mut digests, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for sign in signs {
            ids.push(sign.node.as_uuid());
            digests.push(sign.digest.to_vec());
            times.push(sign.at.as_micros());
        }
        let update = sqlx::query_as::<_, (Uuid,)>(
            "UPDATE nodes SET seen_at = told.at FROM unnest($1::uuid[], $2::bytea[], $3::bigint[]) AS told (id, digest, at) \
             WHERE nodes.id = told.id AND nodes.status_digest = told.digest RETURNING nodes.id",
        );
        let rows = within(update.bind(ids).bind(digests).bind(times).fetch_all(on)).await?;
        noted.extend(rows.into_iter().map(|(id,)| NodeId::from_uuid(id)));
        Ok(noted)
    }
}
