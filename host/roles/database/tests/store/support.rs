//! A store in a folder or on the server, for one test alone, and records to put into it.

use std::path::PathBuf;

use gatewright_core::capacity::{Allocatable, Resources};
use gatewright_core::event::{AuditRecord, Event, Item, RuleAnswer, VerdictRecord, What};
use gatewright_core::gate::{Gate, Outcome};
use gatewright_core::record::{Network, User};
use gatewright_core::{EventId, NodeId, Reference, RuleId, SessionId, Timestamp, UserId, WorkspaceId, ZoneId};
use gatewright_database::testing::ScratchDatabase;
use gatewright_database::{NewSession, Store, StoreAddress, StoreError, UserRecord, Zone};
use gatewright_ports::agent_control::NodeStatus;
use uuid::Uuid;

/// Where a test's store is.
pub(crate) enum Site {
    Sqlite(tempfile::TempDir),
    Postgres(ScratchDatabase),
}

impl Site {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn postgres() -> Self {
        Self::Postgres(ScratchDatabase::create().await)
    }

    /// An empty one of the same kind.
    pub(crate) async fn another(&self) -> Self {
        match self {
            Self::Sqlite(_) => Self::sqlite(),
            Self::Postgres(_) => Self::postgres().await,
        }
    }

    pub(crate) fn address(&self) -> StoreAddress {
        match self {
            Self::Sqlite(_) => self.file().into(),
            Self::Postgres(scratch) => StoreAddress::Postgres(scratch.address()),
        }
    }

    /// The file, where it is one.
    pub(crate) fn file(&self) -> PathBuf {
        match self {
            Self::Sqlite(dir) => dir.path().join("data").join("gatewright.db"),
            Self::Postgres(_) => unreachable!("not in a file"),
        }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::connect(&self.address()).await.unwrap()
    }

    /// Somebody else with the database: what an intruder or an administrator's shell can do.
    pub(crate) async fn raw(&self) -> Raw {
        use sqlx::ConnectOptions;
        use std::str::FromStr;
        match (self, self.address()) {
            (Self::Sqlite(_), StoreAddress::File(path)) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                Raw::Sqlite(options.connect().await.unwrap())
            }
            (Self::Postgres(scratch), _) => {
                let options = sqlx::postgres::PgConnectOptions::from_str(scratch.url()).unwrap();
                Raw::Postgres(options.connect().await.unwrap())
            }
            _ => unreachable!(),
        }
    }
}

/// A connection that nothing of ours guards.
pub(crate) enum Raw {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Raw {
    pub(crate) async fn execute(&mut self, sql: &'static str) -> Result<(), StoreError> {
        use sqlx::Executor;
        match self {
            Self::Sqlite(connection) => connection.execute(sql).await.map(drop)?,
            Self::Postgres(connection) => connection.execute(sql).await.map(drop)?,
        }
        Ok(())
    }

    /// What a row of the record is chained to, and its body.
    pub(crate) async fn link(&mut self, seq: i64) -> (Vec<u8>, String) {
        const SQL: &str = "SELECT prev, body FROM events WHERE seq = $1";
        match self {
            Self::Sqlite(connection) => sqlx::query_as(SQL).bind(seq).fetch_one(connection).await.unwrap(),
            Self::Postgres(connection) => sqlx::query_as(SQL).bind(seq).fetch_one(connection).await.unwrap(),
        }
    }

    pub(crate) async fn set_link(&mut self, seq: i64, body: &str, hash: &[u8]) {
        const SQL: &str = "UPDATE events SET body = $2, hash = $3 WHERE seq = $1";
        match self {
            Self::Sqlite(connection) => drop(sqlx::query(SQL).bind(seq).bind(body).bind(hash).execute(connection).await.unwrap()),
            Self::Postgres(connection) => drop(sqlx::query(SQL).bind(seq).bind(body).bind(hash).execute(connection).await.unwrap()),
        }
    }

    /// Takes away what keeps the record of events from being changed.
    pub(crate) async fn unguard_events(&mut self) {
        self.execute(match self {
            Self::Sqlite(_) => "DROP TRIGGER events_no_update; DROP TRIGGER events_no_delete;",
            Self::Postgres(_) => "DROP TRIGGER events_no_change ON events",
        })
        .await
        .unwrap();
    }
}

/// Runs each of these tests on both databases.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::support::Site::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::support::Site::postgres().await).await;
            })+
        }
    };
}
pub(crate) use on_both;

pub(crate) const fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

pub(crate) fn user(number: u128, name: &str) -> UserRecord {
    UserRecord {
        user: User {
            id: UserId::from_uuid(Uuid::from_u128(number)),
            name: name.into(),
            enabled: true,
            role: "user".into(),
            created_at: at(1),
        },
        password_hash: "$argon2id$x".into(),
        example: false,
    }
}

pub(crate) const RESOURCES: Resources = Resources {
    cpu_millicores: 500,
    memory_bytes: 1 << 30,
    pids: 100,
    shm_bytes: 1 << 20,
};

pub(crate) fn node(number: u128, sessions: u32) -> NodeStatus {
    NodeStatus {
        node: NodeId::from_uuid(Uuid::from_u128(number)),
        name: format!("node-{number}"),
        engine: "docker 20.10.24".into(),
        runtime: "runtime-docker".parse().unwrap(),
        allocatable: Allocatable {
            cpu_millicores: 100_000,
            memory_bytes: 1 << 40,
            sessions,
        },
        degraded: None,
        images: vec!["image".into()],
        labels: [("disk".to_owned(), "ssd".to_owned())].into(),
        devices: vec!["vendor.example/probe=one".parse().unwrap()],
    }
}

pub(crate) async fn zone(store: &Store) -> ZoneId {
    let zone = Zone {
        id: ZoneId::from_uuid(Uuid::from_u128(9)),
        name: "default".into(),
    };
    let mut write = store.begin().await.unwrap();
    write.insert_zone(&zone).await.unwrap();
    write.commit().await.unwrap();
    zone.id
}

pub(crate) fn new_session(number: u128, zone: ZoneId, key: Option<u128>) -> NewSession {
    NewSession {
        id: SessionId::from_uuid(Uuid::from_u128(number)),
        request_key: key.map(Uuid::from_u128),
        user: UserId::from_uuid(Uuid::from_u128(1)),
        user_name: "demo".into(),
        workspace: WorkspaceId::from_uuid(Uuid::from_u128(2)),
        workspace_name: "Terminal".into(),
        workspace_icon: "terminal".into(),
        image: "image".into(),
        network: Network::None,
        devices: vec!["vendor.example/probe=one".parse().unwrap()],
        resources: RESOURCES,
        zone,
        client: "192.0.2.1".into(),
    }
}

pub(crate) async fn request(store: &Store, number: u128, zone: ZoneId) -> SessionId {
    let new = new_session(number, zone, None);
    let mut write = store.begin().await.unwrap();
    write.insert_session(&new, at(10)).await.unwrap();
    write.commit().await.unwrap();
    new.id
}

pub(crate) fn audit(number: u128, action: &str) -> Event {
    event(
        number,
        What::Audit(AuditRecord {
            action: action.into(),
            object: "thing".into(),
            detail: String::new(),
            succeeded: true,
        }),
    )
}

pub(crate) fn verdict(number: u128, plugin: &str, outcome: Outcome) -> Event {
    event(
        number,
        What::Verdict(VerdictRecord {
            gate: Gate::CopyIn,
            item: Item {
                name: "text".into(),
                media_type: "text/plain".into(),
                bytes: 16,
                sha256: None,
            },
            rules: vec![RuleAnswer {
                rule: RuleId::from_uuid(Uuid::from_u128(3)),
                rule_name: "rule".into(),
                plugin: Some(plugin.parse().unwrap()),
                version: "0.1.0".into(),
                digest: None,
                config_revision: 1,
                check: None,
                outcome,
                failure: None,
                micros: 120,
            }],
            outcome,
            message: String::new(),
        }),
    )
}

fn event(number: u128, what: What) -> Event {
    Event {
        id: EventId::from_uuid(Uuid::from_u128(number)),
        reference: Reference::from_random(u32::try_from(number).unwrap()),
        at: at(i64::try_from(number).unwrap()),
        user: Some(UserId::from_uuid(Uuid::from_u128(1))),
        user_name: "demo".into(),
        groups: vec!["Sales".into()],
        session: None,
        workspace: None,
        workspace_name: String::new(),
        client: "192.0.2.1".into(),
        what,
    }
}

pub(crate) async fn append(store: &Store, event: &Event) -> bool {
    let mut write = store.begin().await.unwrap();
    let appended = write.append_event(event).await.unwrap();
    write.commit().await.unwrap();
    appended
}
