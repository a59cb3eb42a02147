//! One transaction, and the changes that it tells others of.

use crate::StoreError;
use crate::convert::to_u64;
use crate::feed::{Feed, Hint};
use crate::repo::events::ChainEnd;
use crate::sql::{Connection, Db, Tx, sql, within};

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
    /// A process joined, was removed, or is reached elsewhere.
    Member,
}

impl ChangeKind {
    /// What a [`gatewright_ports::control::PolicySnapshot`] is made of.
    pub const POLICY: [Self; 4] = [Self::Plugin, Self::Rule, Self::Provider, Self::Group];

    const ALL: [Self; 9] = [
        Self::User,
        Self::Group,
        Self::Workspace,
        Self::Node,
        Self::Session,
        Self::Plugin,
        Self::Rule,
        Self::Provider,
        Self::Member,
    ];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

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
            Self::Member => "member",
        }
    }
}

/// What only one transaction at a time may decide by, where no single row stands for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exclusive {
    /// The order of the changes that [`ChangeKind::POLICY`] revisions are counted by: the newest number must be the last one
    /// that becomes visible.
    Policy,
    /// Who is in a group that everyone is in.
    Everyone,
}

/// A transaction. Every mutation is a method of it; nothing is seen by anyone before [`Self::commit`].
pub struct Write {
    transaction: Tx,
    feed: Feed,
    changes: Vec<(u64, Hint)>,
    /// The end of the events' chain, once this transaction holds it.
    pub(crate) chain: Option<ChainEnd>,
}

impl Write {
    pub(crate) const fn new(transaction: Tx, feed: Feed) -> Self {
        Self {
            transaction,
            feed,
            changes: Vec::new(),
            chain: None,
        }
    }

    pub(crate) const fn transaction(&mut self) -> &mut Tx {
        &mut self.transaction
    }

    pub(crate) fn connection(&mut self) -> Connection<'_> {
        self.transaction.connection()
    }

    /// Makes it durable, then wakes whoever waits for changes.
    ///
    /// # Errors
    /// `Unavailable`; `Conflict` for what is only checked at the end: it never happened then. After `Unavailable` nobody knows
    /// whether it happened.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.store_chain().await?;
        self.transaction.commit().await?;
        if !self.changes.is_empty() {
            self.feed.committed(self.changes);
        }
        Ok(())
    }

    /// Keeps everybody else from `what` until this transaction ends.
    pub(crate) async fn exclusive(&mut self, what: Exclusive) -> Result<(), StoreError> {
        let name = match what {
            Exclusive::Policy => "gatewright policy",
            Exclusive::Everyone => "gatewright everyone",
        };
        match self.connection() {
            Db::Sqlite(_) => Ok(()),
            Db::Postgres(on) => {
                let locked = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || $1, 0))").bind(name);
                within(locked.execute(on)).await.map(|_| ())
            }
        }
    }

    /// Tells others that something changed, when this is committed.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn changed(&mut self, kind: ChangeKind, id: &str) -> Result<(), StoreError> {
        if ChangeKind::POLICY.contains(&kind) {
            self.exclusive(Exclusive::Policy).await?;
        }
        let (seq,): (i64,) = sql!(
            fetch_one,
            self.connection(),
            "INSERT INTO changes (kind, id) VALUES ($1, $2) RETURNING seq",
            kind.as_str(),
            id
        )?;
        let hint = Hint::Changed { kind, id: id.to_owned() };
        self.changes.push((to_u64(seq, "change")?, hint));
        Ok(())
    }

    /// Drops all but the newest `keep` changes and the newest of each kind, by which revisions are counted.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn trim_changes(&mut self, keep: u32) -> Result<u64, StoreError> {
        let done = sql!(
            execute,
            self.connection(),
            "DELETE FROM changes WHERE seq <= (SELECT max(seq) FROM changes) - $1 \
             AND seq NOT IN (SELECT max(seq) FROM changes GROUP BY kind)",
            i64::from(keep)
        )?;
        Ok(done)
    }

    /// Sets a setting that nobody has set yet. False where somebody has.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn claim_setting(&mut self, name: &str, value: &str) -> Result<bool, StoreError> {
        let text = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        Ok(sql!(execute, self.connection(), text, name, value)? > 0)
    }

    /// Sets a setting.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn set_setting(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        sql!(
            execute,
            self.connection(),
            "INSERT INTO settings (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            value
        )?;
        Ok(())
    }
}
