//! Owns the schema: migrations and typed repositories over SQLite and PostgreSQL. The only crate that names sqlx.
//!
//! [`Store`] opens the database and reads; [`Write`] is one transaction: every mutation is a method of it, and those
//! that other roles must notice append their hint to `changes` in the same transaction.
//!
//! One SQL text serves every database: `$1` placeholders, `ON CONFLICT`, `RETURNING`, ids as UUIDs, times as
//! microseconds. Which database it is stands in `sql.rs` alone.
#![forbid(unsafe_code)]

mod address;
mod convert;
mod error;
mod feed;
mod postgres;
mod repo;
mod sql;
mod sqlite;
mod store;
pub mod testing;
mod write;

pub use address::{AddressError, PostgresAddress, StoreAddress};
pub use error::{Constraint, StoreError};
pub use feed::{Hint, Hints};
pub use repo::checks::CheckRecord;
pub use repo::events::{ChainReport, EventFilter, EventKind, StoredEvent};
pub use repo::homes::{HomeRecord, SessionHome};
pub use repo::leases::{Lease, SESSION_LEASES, session_lease};
pub use repo::logins::LoginRecord;
pub use repo::members::{JoinTokenRecord, MemberRecord};
pub use repo::nodes::{NodeRecord, Sign, status_digest};
pub use repo::plugins::{PluginRecord, VersionRecord, VersionState};
pub use repo::policy::{ProviderPurpose, RuleRecord};
pub use repo::secrets::SealedSecret;
pub use repo::sessions::{NewSession, Reservation, SessionRecord, StepRecord};
pub use repo::users::{GroupRecord, UserRecord};
pub use repo::workspaces::{WorkspaceRecord, Zone};
pub use store::{AsStoreError, Store};
pub use write::{ChangeKind, Write};
