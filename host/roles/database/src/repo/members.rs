//! The processes of the deployment that know each other by certificate, and the tokens that bring new ones.

use std::collections::BTreeSet;

use gatewright_core::{NodeId, NodeIdentity, NodeRole, Timestamp, ZoneId};
use sqlx::FromRow;
use uuid::Uuid;

use crate::convert::{from_json, json};
use crate::sql::sql;
use crate::{ChangeKind, Store, StoreError, Write};

/// One process of the deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRecord {
    /// Who it is.
    pub identity: NodeIdentity,
    /// Shown name.
    pub name: String,
    /// Where other nodes reach it, `host:port`.
    pub address: Option<String>,
    /// Where people reach it, where it is an edge: an origin, `https://desk.example.org`.
    pub public_url: Option<String>,
    /// The public key of its tickets.
    pub ticket_key: Option<Vec<u8>>,
    /// When it joined.
    pub joined_at: Timestamp,
    /// When it was removed, where it was.
    pub removed_at: Option<Timestamp>,
}

/// A join token, as far as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinTokenRecord {
    /// SHA-256 of its secret.
    pub hash: [u8; 32],
    /// What a machine with it becomes.
    pub roles: BTreeSet<NodeRole>,
    /// And where.
    pub zone: ZoneId,
    /// How many machines may still use it.
    pub uses: u32,
    /// When it is over.
    pub expires_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    name: String,
    zone_id: Uuid,
    roles: String,
    address: Option<String>,
    public_url: Option<String>,
    ticket_key: Option<Vec<u8>>,
    joined_at: i64,
    removed_at: Option<i64>,
}

impl TryFrom<Row> for MemberRecord {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            identity: NodeIdentity {
                node: NodeId::from_uuid(row.id),
                zone: ZoneId::from_uuid(row.zone_id),
                roles: from_json(&row.roles, "roles")?,
            },
            name: row.name,
            address: row.address,
            public_url: row.public_url,
            ticket_key: row.ticket_key,
            joined_at: Timestamp::from_micros(row.joined_at),
            removed_at: row.removed_at.map(Timestamp::from_micros),
        })
    }
}

impl Store {
    /// All members by name, removed ones too.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn members(&self) -> Result<Vec<MemberRecord>, StoreError> {
        let rows: Vec<Row> = sql!(
            fetch_all,
            self.reader(),
            "SELECT id, name, zone_id, roles, address, public_url, ticket_key, joined_at, removed_at FROM members ORDER BY name, joined_at"
        )?;
        rows.into_iter().map(MemberRecord::try_from).collect()
    }

    /// The members that others have to know: who is dialled, who signs tickets, who was removed.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn told_members(&self) -> Result<Vec<MemberRecord>, StoreError> {
        let rows: Vec<Row> = sql!(
            fetch_all,
            self.reader(),
            "SELECT id, name, zone_id, roles, address, public_url, ticket_key, joined_at, removed_at FROM members \
             WHERE removed_at IS NOT NULL OR address IS NOT NULL OR ticket_key IS NOT NULL ORDER BY name, joined_at"
        )?;
        rows.into_iter().map(MemberRecord::try_from).collect()
    }

    /// The members that were removed.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn removed_members(&self) -> Result<BTreeSet<NodeId>, StoreError> {
        let rows: Vec<(Uuid,)> = sql!(fetch_all, self.reader(), "SELECT id FROM members WHERE removed_at IS NOT NULL")?;
        Ok(rows.into_iter().map(|(id,)| NodeId::from_uuid(id)).collect())
    }

    /// One member.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn member(&self, id: NodeId) -> Result<Option<MemberRecord>, StoreError> {
        let row: Option<Row> = sql!(
            fetch_optional,
            self.reader(),
            "SELECT id, name, zone_id, roles, address, public_url, ticket_key, joined_at, removed_at FROM members WHERE id = $1",
            id.as_uuid()
        )?;
        row.map(MemberRecord::try_from).transpose()
    }
}

impl Write {
    /// Keeps a new join token.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn insert_join_token(&mut self, token: &JoinTokenRecord, now: Timestamp) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "INSERT INTO join_tokens (hash, roles, zone_id, uses_left, expires_at, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            token.hash.as_slice(),
            json(&token.roles)?,
            token.zone.as_uuid(),
            i64::from(token.uses),
            token.expires_at.as_micros(),
            now.as_micros(),
            &token.created_by
        )?;
        Ok(())
    }

    /// Uses a token up, once. What it makes of a machine; none for one that is unknown, used up or over.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn take_join_token(&mut self, hash: &[u8; 32], now: Timestamp) -> Result<Option<(BTreeSet<NodeRole>, ZoneId)>, StoreError> {
        let row: Option<(String, Uuid)> = sql!(
            fetch_optional,
            self.connection(),
            "UPDATE join_tokens SET uses_left = uses_left - 1 WHERE hash = $1 AND uses_left > 0 AND expires_at > $2 \
             RETURNING roles, zone_id",
            hash.as_slice(),
            now.as_micros()
        )?;
        row.map(|(roles, zone)| Ok((from_json(&roles, "roles")?, ZoneId::from_uuid(zone))))
            .transpose()
    }

    /// Adds a member, or notes what is new of it. Zone and roles are those it joined with; a member that was removed
    /// stays so. True where something changed that others go by.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn upsert_member(&mut self, member: &MemberRecord) -> Result<bool, StoreError> {
        let changed = sql!(
            execute,
            self.connection(),
            "INSERT INTO members (id, name, zone_id, roles, address, public_url, ticket_key, joined_at) \
             VALUES ($1, $2, $3, $4, $5, $9, $6, $7) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, roles = excluded.roles, address = excluded.address, \
             public_url = excluded.public_url, ticket_key = excluded.ticket_key \
             WHERE members.removed_at IS NULL AND (members.name <> excluded.name OR members.roles <> excluded.roles \
             OR coalesce(members.address, '') <> coalesce(excluded.address, '') \
             OR coalesce(members.public_url, '') <> coalesce(excluded.public_url, '') \
             OR coalesce(members.ticket_key, $8) <> coalesce(excluded.ticket_key, $8))",
            member.identity.node.as_uuid(),
            &member.name,
            member.identity.zone.as_uuid(),
            json(&member.identity.roles)?,
            &member.address,
            member.ticket_key.as_deref(),
            member.joined_at.as_micros(),
            [0_u8].as_slice(),
            &member.public_url
        )? > 0;
        if changed {
            self.changed(ChangeKind::Member, &member.identity.node.to_string()).await?;
        }
        Ok(changed)
    }

    /// Removes a member: it is cut off wherever the change is read. False where there is none, or none any more.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn remove_member(&mut self, id: NodeId, now: Timestamp) -> Result<bool, StoreError> {
        let removed = sql!(
            execute,
            self.connection(),
            "UPDATE members SET removed_at = $2 WHERE id = $1 AND removed_at IS NULL",
            id.as_uuid(),
            now.as_micros()
        )? > 0;
        if removed {
            self.changed(ChangeKind::Member, &id.to_string()).await?;
        }
        Ok(removed)
    }
}
