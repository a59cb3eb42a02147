//! Users, groups and memberships.

use gatewright_core::record::{Group, User};
use gatewright_core::{GroupId, Timestamp, UserId};
use gatewright_ports::control::Membership;
use sqlx::FromRow;
use uuid::Uuid;

use crate::sql::sql;
use crate::write::Exclusive;
use crate::{ChangeKind, Store, StoreError, Write};

/// A user with what only the control plane reads.
#[derive(Debug, Clone)]
pub struct UserRecord {
    /// The user.
    pub user: User,
    /// The argon2id hash of the password, as a PHC string.
    pub password_hash: String,
    /// Seeded as an example.
    pub example: bool,
}

/// A group with what only the control plane reads.
#[derive(Debug, Clone)]
pub struct GroupRecord {
    /// The group.
    pub group: Group,
    /// Whether every new user joins it.
    pub everyone: bool,
}

#[derive(FromRow)]
struct UserRow {
    id: Uuid,
    name: String,
    password_hash: String,
    enabled: bool,
    role: String,
    example: bool,
    created_at: i64,
}

impl From<UserRow> for UserRecord {
    fn from(row: UserRow) -> Self {
        Self {
            user: User {
                id: UserId::from_uuid(row.id),
                name: row.name,
                enabled: row.enabled,
                role: row.role,
                created_at: Timestamp::from_micros(row.created_at),
            },
            password_hash: row.password_hash,
            example: row.example,
        }
    }
}

#[derive(FromRow)]
struct GroupRow {
    id: Uuid,
    name: String,
    priority: i64,
    everyone: bool,
    example: bool,
}

impl TryFrom<GroupRow> for GroupRecord {
    type Error = StoreError;

    fn try_from(row: GroupRow) -> Result<Self, StoreError> {
        Ok(Self {
            group: Group {
                id: GroupId::from_uuid(row.id),
                name: row.name,
                priority: priority(row.priority)?,
                example: row.example,
            },
            everyone: row.everyone,
        })
    }
}

fn priority(value: i64) -> Result<i32, StoreError> {
    i32::try_from(value).map_err(|_| StoreError::Invalid { what: "group priority" })
}

/// The key under which login names are unique: without regard to case and surrounding space.
fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

impl Store {
    /// A user by login name, without regard to case.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn user_by_name(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        // PostgreSQL holds no text with a NUL, and refuses to be asked for it.
        if name.contains('\0') {
            return Ok(None);
        }
        let row: Option<UserRow> = sql!(
            fetch_optional,
            self.reader(),
            "SELECT id, name, password_hash, enabled, role, example, created_at FROM users WHERE name_key = $1",
            name_key(name)
        )?;
        Ok(row.map(Into::into))
    }

    /// A user by id.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn user(&self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        let row: Option<UserRow> = sql!(
            fetch_optional,
            self.reader(),
            "SELECT id, name, password_hash, enabled, role, example, created_at FROM users WHERE id = $1",
            id.as_uuid()
        )?;
        Ok(row.map(Into::into))
    }

    /// All users by name.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn users(&self) -> Result<Vec<UserRecord>, StoreError> {
        let rows: Vec<UserRow> = sql!(
            fetch_all,
            self.reader(),
            "SELECT id, name, password_hash, enabled, role, example, created_at FROM users ORDER BY name_key"
        )?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// The groups of a user, the one that decides first at the front.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn groups_of(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        let rows: Vec<GroupRow> = sql!(
            fetch_all,
            self.reader(),
            "SELECT g.id, g.name, g.priority, g.everyone, g.example FROM groups g \
             JOIN memberships m ON m.group_id = g.id WHERE m.user_id = $1 ORDER BY g.priority, g.name",
            user.as_uuid()
        )?;
        rows.into_iter()
            .map(|row| {
                Ok(Membership {
                    id: GroupId::from_uuid(row.id),
                    name: row.name,
                    priority: priority(row.priority)?,
                })
            })
            .collect()
    }

    /// All groups, by priority.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub async fn groups(&self) -> Result<Vec<GroupRecord>, StoreError> {
        let rows: Vec<GroupRow> = sql!(
            fetch_all,
            self.reader(),
            "SELECT id, name, priority, everyone, example FROM groups ORDER BY priority, name"
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

impl Write {
    /// Adds a user and lets them join every group that is for everyone.
    ///
    /// # Errors
    /// `Conflict(UserName)`, `Unavailable`.
    pub async fn insert_user(&mut self, record: &UserRecord) -> Result<(), StoreError> {
        let id = record.user.id;
        self.exclusive(Exclusive::Everyone).await?;
        sql!(
            execute,
            self.connection(),
            "INSERT INTO users (id, name, name_key, password_hash, enabled, role, example, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            id.as_uuid(),
            &record.user.name,
            name_key(&record.user.name),
            &record.password_hash,
            record.user.enabled,
            &record.user.role,
            record.example,
            record.user.created_at.as_micros()
        )?;
        sql!(
            execute,
            self.connection(),
            "INSERT INTO memberships (user_id, group_id) SELECT $1, id FROM groups WHERE everyone",
            id.as_uuid()
        )?;
        self.changed(ChangeKind::User, &id.to_string()).await
    }

    /// Sets a user's password hash. False where there is no such user.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn set_password_hash(&mut self, user: UserId, hash: &str) -> Result<bool, StoreError> {
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE users SET password_hash = $2 WHERE id = $1",
            user.as_uuid(),
            hash
        )?;
        Ok(done == 1)
    }

    /// Enables or disables a user. False where there is no such user or nothing changed.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn set_user_enabled(&mut self, user: UserId, enabled: bool) -> Result<bool, StoreError> {
        let done = sql!(
            execute,
            self.connection(),
            "UPDATE users SET enabled = $2 WHERE id = $1 AND enabled <> $2",
            user.as_uuid(),
            enabled
        )?;
        if done == 1 {
            self.changed(ChangeKind::User, &user.to_string()).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Deletes a user with memberships and logins.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete_user(&mut self, user: UserId) -> Result<bool, StoreError> {
        self.delete_homes_of(user).await?;
        let done = sql!(execute, self.connection(), "DELETE FROM users WHERE id = $1", user.as_uuid())?;
        if done == 1 {
            self.changed(ChangeKind::User, &user.to_string()).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Adds a group. Where it is for everyone, everyone joins it.
    ///
    /// # Errors
    /// `Conflict(GroupName)`, `Unavailable`.
    pub async fn insert_group(&mut self, record: &GroupRecord) -> Result<(), StoreError> {
        let group = &record.group;
        self.exclusive(Exclusive::Everyone).await?;
        sql!(
            execute,
            self.connection(),
            "INSERT INTO groups (id, name, priority, everyone, example) VALUES ($1, $2, $3, $4, $5)",
            group.id.as_uuid(),
            &group.name,
            i64::from(group.priority),
            record.everyone,
            group.example
        )?;
        if record.everyone {
            sql!(
                execute,
                self.connection(),
                "INSERT INTO memberships (user_id, group_id) SELECT id, $1 FROM users",
                group.id.as_uuid()
            )?;
        }
        self.changed(ChangeKind::Group, &group.id.to_string()).await
    }

    /// Lets a user join a group. Idempotent.
    ///
    /// # Errors
    /// `Conflict(Reference)` where one of them does not exist, `Unavailable`.
    pub async fn join_group(&mut self, user: UserId, group: GroupId) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "INSERT INTO memberships (user_id, group_id) VALUES ($1, $2) ON CONFLICT (user_id, group_id) DO NOTHING",
            user.as_uuid(),
            group.as_uuid()
        )?;
        self.changed(ChangeKind::User, &user.to_string()).await
    }

    /// Deletes a group with its memberships and the rules that stand on it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete_group(&mut self, group: GroupId) -> Result<bool, StoreError> {
        self.delete_rules_of_target(group.as_uuid()).await?;
        let done = sql!(execute, self.connection(), "DELETE FROM groups WHERE id = $1", group.as_uuid())?;
        if done == 1 {
            self.changed(ChangeKind::Group, &group.to_string()).await?;
            return Ok(true);
        }
        Ok(false)
    }
}
