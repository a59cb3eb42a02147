//! One transaction, and the changes that it tells others of.

use sqlx::Transaction;
use tokio::sync::watch;

use crate::StoreError;
use crate::convert::to_u64;
use crate::sql::{Connection, Database};

/// What kind of thing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A user, their groups or logins.
    User,
    /// A group.
    Group,
    /// A workspace.
    Workspace,
    /// A node came, went or became degraded.
    Node,
    /// A session's state.
    Session,
    /// A plugin's versions or its active one.
    Plugin,
    /// A rule.
    Rule,
    /// Which plugin places or resolves credentials.
    Provider,
}

impl ChangeKind {
    /// What a [`gatewright_ports::control::PolicySnapshot`] is made of.
    pub const POLICY: [Self; 4] = [Self::Plugin, Self::Rule, Self::Provider, Self::Group];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Workspace => "workspace",
            Self::Node => "node",
            Self::Session => "session",
            Self::Plugin => "plugin",
            Self::Rule => "rule",
            Self::Provider => "provider",
        }
    }
}

/// A transaction. Every mutation is a method of it; nothing is seen by anyone before [`Self::commit`].
pub struct Write {
    transaction: Transaction<'static, Database>,
    head: watch::Sender<u64>,
    newest: u64,
}

impl Write {
    pub(crate) const fn new(transaction: Transaction<'static, Database>, head: watch::Sender<u64>) -> Self {
        Self {
            transaction,
            head,
            newest: 0,
        }
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.transaction
    }

    /// Makes it durable, then wakes whoever waits for changes.
    ///
    /// # Errors
    /// `Unavailable`, `Conflict` for what is only checked at the end: it never happened then.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.transaction.commit().await?;
        if self.newest > 0 {
            self.head.send_if_modified(|head| {
                let newer = self.newest > *head;
                *head = (*head).max(self.newest);
                newer
            });
        }
        Ok(())
    }

    /// Tells others that something changed, when this is committed.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn changed(&mut self, kind: ChangeKind, id: &str) -> Result<(), StoreError> {
        let (seq,): (i64,) = sqlx::query_as("INSERT INTO changes (kind, id) VALUES ($1, $2) RETURNING seq")
            .bind(kind.as_str())
            .bind(id)
            .fetch_one(self.connection())
            .await?;
        self.newest = to_u64(seq, "change")?;
        Ok(())
    }

    /// Drops all but the newest `keep` changes and the newest of each kind, by which revisions are counted.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn trim_changes(&mut self, keep: u32) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM changes WHERE seq <= (SELECT max(seq) FROM changes) - $1 \
             AND seq NOT IN (SELECT max(seq) FROM changes GROUP BY kind)",
        )
        .bind(i64::from(keep))
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected())
    }

    /// Sets a setting.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn set_setting(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO settings (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
