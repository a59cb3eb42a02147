//! What can go wrong with the database, as a caller can act on it.

/// Why the database could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It does not answer, is locked for too long, or its disk is full.
    #[error("database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// Others wrote the same things at the same time, and were first. Nothing happened: do it again.
    #[error("database was changed by others at the same time")]
    Contended(#[source] sqlx::Error),
    /// The server is there and turns us away: wrong password, no such database, no right to it.
    #[error("database server refuses us")]
    Refused(#[source] sqlx::Error),
    /// Somebody else has taken the lease that this was done under.
    #[error("lease was taken over")]
    Fenced,
    /// The write would break a rule of the schema.
    #[error("database refused: {0}")]
    Conflict(Constraint),
    /// A row does not hold what this version understands.
    #[error("database holds an invalid {what}")]
    Invalid {
        /// Which value.
        what: &'static str,
    },
    /// A value is larger than the database can hold.
    #[error("{what} is out of range")]
    OutOfRange {
        /// Which value.
        what: &'static str,
    },
    /// The schema could not be brought up to date.
    #[error("database can't be migrated")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The database's file or folder can't be made private to this process.
    #[error("database file can't be prepared")]
    File(#[source] std::io::Error),
    /// A value can't be written as JSON.
    #[error("value can't be written as JSON")]
    Json(#[source] serde_json::Error),
}

/// The rules of the schema that a caller may run into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Constraint {
    /// Another user has this name.
    #[error("user name is taken")]
    UserName,
    /// Another group has this name.
    #[error("group name is taken")]
    GroupName,
    /// Another workspace has this name.
    #[error("workspace name is taken")]
    WorkspaceName,
    /// Another node has this name.
    #[error("node name is taken")]
    NodeName,
    /// The same launch was asked for before.
    #[error("session was requested before")]
    SessionRequest,
    /// This version of the plugin exists.
    #[error("plugin version exists")]
    PluginVersion,
    /// Events are only ever appended.
    #[error("events are append-only")]
    AppendOnly,
    /// What is referred to does not exist, or what is deleted is still referred to.
    #[error("reference to another row")]
    Reference,
    /// A value that the schema does not allow.
    #[error("value is not allowed")]
    Check,
    /// Another unique value.
    #[error("row exists")]
    Unique,
}

/// The unique keys whose violation has a name of its own. SQLite names the columns, PostgreSQL the constraint.
const UNIQUE: [(&str, Constraint); 12] = [
    ("users.name_key", Constraint::UserName),
    ("users_name_key_key", Constraint::UserName),
    ("groups.name", Constraint::GroupName),
    ("groups_name_key", Constraint::GroupName),
    ("workspaces.name", Constraint::WorkspaceName),
    ("workspaces_name_key", Constraint::WorkspaceName),
    ("nodes.name", Constraint::NodeName),
    ("nodes_name_key", Constraint::NodeName),
    ("sessions.user_id, sessions.request_key", Constraint::SessionRequest),
    ("sessions_user_id_request_key_key", Constraint::SessionRequest),
    ("plugin_versions.plugin, plugin_versions.version", Constraint::PluginVersion),
    ("plugin_versions_pkey", Constraint::PluginVersion),
];

impl StoreError {
    /// Whether the same again may well succeed at once.
    #[must_use]
    pub const fn is_contended(&self) -> bool {
        matches!(self, Self::Contended(_))
    }

    /// Whether the database may answer later, with nothing changed by a person.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Contended(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        let Some(database) = error.as_database_error() else {
            return match error {
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Invalid { what: "column" },
                other => Self::Unavailable(other),
            };
        };
        // PostgreSQL's classes of errors (its documentation, appendix A).
        match database
            .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
            .map(|error| error.code())
        {
            // Serialization failure, deadlock, lock not available in time.
            Some("40001" | "40P01" | "55P03") => return Self::Contended(error),
            // Invalid authorization, no such database, insufficient privilege.
            Some("28000" | "28P01" | "3D000" | "42501") => return Self::Refused(error),
            // Text that it can't hold.
            Some("22021") => return Self::Conflict(Constraint::Check),
            // A statement that this server does not understand: nothing that waiting mends.
            Some(code) if code.starts_with("42") => {
                tracing::error!(%error, "The database does not understand a statement");
                return Self::Invalid { what: "statement" };
            }
            _ => {}
        }
        let message = database.constraint().unwrap_or(database.message());
        if message.contains("events_append_only") {
            return Self::Conflict(Constraint::AppendOnly);
        }
        match database.kind() {
            ErrorKind::UniqueViolation => Self::Conflict(
                UNIQUE
                    .iter()
                    .find(|(name, _)| message == *name || message.ends_with(&format!(": {name}")))
                    .map_or(Constraint::Unique, |(_, constraint)| *constraint),
            ),
            ErrorKind::ForeignKeyViolation => Self::Conflict(Constraint::Reference),
            ErrorKind::CheckViolation | ErrorKind::NotNullViolation => Self::Conflict(Constraint::Check),
            _ => Self::Unavailable(error),
        }
    }
}
