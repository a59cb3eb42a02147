//! Workspaces and zones.

use gatewright_core::capacity::Resources;
use gatewright_core::record::{Network, Workspace};
use gatewright_core::{WorkspaceId, ZoneId};
use sqlx::FromRow;
use uuid::Uuid;

use crate::convert::{from_json, json, to_i64, to_u32, to_u64};
use crate::sql::sql;
use crate::{ChangeKind, Store, StoreError, Write};

/// A workspace with what only the control plane reads.
#[derive(Debug, Clone)]
pub struct WorkspaceRecord {
    /// The workspace.
    pub workspace: Workspace,
    /// The order on the page.
    pub position: i64,
}

/// A place: nodes and edges near each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Id.
    pub id: ZoneId,
    /// Shown name.
    pub name: String,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    name: String,
    description: String,
    icon: String,
    image: String,
    cpu_millicores: i64,
    memory_bytes: i64,
    pids: i64,
    shm_bytes: i64,
    network: String,
    keep_home: bool,
    devices: String,
    enabled: bool,
    example: bool,
    position: i64,
}

pub(crate) fn network(text: &str) -> Result<Network, StoreError> {
    match text {
        "none" => Ok(Network::None),
        "internet" => Ok(Network::Internet),
        _ => Err(StoreError::Invalid { what: "network" }),
    }
}

pub(crate) const fn network_str(network: Network) -> &'static str {
    match network {
        Network::None => "none",
        Network::Internet => "internet",
    }
}

pub(crate) fn resources(cpu: i64, memory: i64, pids: i64, shm: i64) -> Result<Resources, StoreError> {
    Ok(Resources {
        cpu_millicores: to_u32(cpu, "cpu limit")?,
        memory_bytes: to_u64(memory, "memory limit")?,
        pids: to_u32(pids, "pids limit")?,
        shm_bytes: to_u64(shm, "shm limit")?,
    })
}

impl TryFrom<Row> for WorkspaceRecord {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            workspace: Workspace {
                id: WorkspaceId::from_uuid(row.id),
                name: row.name,
                description: row.description,
                icon: row.icon,
                image: row.image,
                resources: resources(row.cpu_millicores, row.memory_bytes, row.pids, row.shm_bytes)?,
                network: network(&row.network)?,
                keep_home: row.keep_home,
                devices: from_json(&row.devices, "list of devices")?,
                enabled: row.enabled,
                example: row.example,
            },
            position: row.position,
        })
    }
}

impl Store {
    /// All workspaces, as ordered for the page.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceRecord>, StoreError> {
        let rows: Vec<Row> = sql!(
            fetch_all,
            self.reader(),
            "SELECT id, name, description, icon, image, cpu_millicores, memory_bytes, pids, shm_bytes, network, keep_home, \
             devices, enabled, example, position FROM workspaces ORDER BY position, name"
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// A workspace by id.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn workspace(&self, id: WorkspaceId) -> Result<Option<WorkspaceRecord>, StoreError> {
        let row: Option<Row> = sql!(
            fetch_optional,
            self.reader(),
            "SELECT id, name, description, icon, image, cpu_millicores, memory_bytes, pids, shm_bytes, network, keep_home, \
             devices, enabled, example, position FROM workspaces WHERE id = $1",
            id.as_uuid()
        )?;
        row.map(TryInto::try_into).transpose()
    }

    /// All zones by name.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn zones(&self) -> Result<Vec<Zone>, StoreError> {
        let rows: Vec<(Uuid, String)> = sql!(fetch_all, self.reader(), "SELECT id, name FROM zones ORDER BY name")?;
        Ok(rows
            .into_iter()
            .map(|(id, name)| Zone {
                id: ZoneId::from_uuid(id),
                name,
            })
            .collect())
    }
}

impl Write {
    /// Adds a workspace.
    ///
    /// # Errors
    /// `Conflict(WorkspaceName)`, `OutOfRange`, `Unavailable`.
    pub async fn insert_workspace(&mut self, record: &WorkspaceRecord) -> Result<(), StoreError> {
        let one = &record.workspace;
        sql!(
            execute,
            self.connection(),
            "INSERT INTO workspaces (id, name, description, icon, image, cpu_millicores, memory_bytes, pids, shm_bytes, network, \
             enabled, example, position, keep_home, devices) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            one.id.as_uuid(),
            &one.name,
            &one.description,
            &one.icon,
            &one.image,
            i64::from(one.resources.cpu_millicores),
            to_i64(one.resources.memory_bytes, "memory limit")?,
            i64::from(one.resources.pids),
            to_i64(one.resources.shm_bytes, "shm limit")?,
            network_str(one.network),
            one.enabled,
            one.example,
            record.position,
            one.keep_home,
            json(&one.devices)?
        )?;
        self.changed(ChangeKind::Workspace, &one.id.to_string()).await
    }

    /// Changes a workspace to what the record says, but for its place on the page. False where there is none.
    ///
    /// # Errors
    /// `Conflict(WorkspaceName)`, `OutOfRange`, `Unavailable`.
    pub async fn update_workspace(&mut self, one: &Workspace) -> Result<bool, StoreError> {
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE workspaces SET name = $2, description = $3, icon = $4, image = $5, cpu_millicores = $6, memory_bytes = $7, \
             pids = $8, shm_bytes = $9, network = $10, enabled = $11, example = $12, keep_home = $13, devices = $14 WHERE id = $1",
            one.id.as_uuid(),
            &one.name,
            &one.description,
            &one.icon,
            &one.image,
            i64::from(one.resources.cpu_millicores),
            to_i64(one.resources.memory_bytes, "memory limit")?,
            i64::from(one.resources.pids),
            to_i64(one.resources.shm_bytes, "shm limit")?,
            network_str(one.network),
            one.enabled,
            one.example,
            one.keep_home,
            json(&one.devices)?
        )?;
        if done == 1 {
            self.changed(ChangeKind::Workspace, &one.id.to_string()).await?;
        }
        Ok(done == 1)
    }

    /// The place behind all others on the page.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn next_workspace_position(&mut self) -> Result<i64, StoreError> {
        let text = "SELECT coalesce(max(position), 0) + 1 FROM workspaces";
        let (position,): (i64,) = sql!(fetch_one, self.connection(), text)?;
        Ok(position)
    }

    /// Deletes a workspace with the rules that stand on it. Its sessions stay as history.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete_workspace(&mut self, id: WorkspaceId) -> Result<bool, StoreError> {
        self.delete_rules_of_target(id.as_uuid()).await?;
        let done = sql!(execute, self.connection(), "DELETE FROM workspaces WHERE id = $1", id.as_uuid())?;
        if done == 1 {
            self.changed(ChangeKind::Workspace, &id.to_string()).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Adds a zone.
    ///
    /// # Errors
    /// `Conflict`, `Unavailable`.
    pub async fn insert_zone(&mut self, zone: &Zone) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "INSERT INTO zones (id, name) VALUES ($1, $2)",
            zone.id.as_uuid(),
            &zone.name
        )?;
        Ok(())
    }
}
