//! A store in a folder of its own, and records to put into it.

use std::path::PathBuf;

use gatewright_core::capacity::{Allocatable, Resources};
use gatewright_core::event::{AuditRecord, Event, Item, RuleAnswer, VerdictRecord, What};
use gatewright_core::gate::{Gate, Outcome};
use gatewright_core::record::{Network, User};
use gatewright_core::{EventId, NodeId, Reference, RuleId, SessionId, Timestamp, UserId, WorkspaceId, ZoneId};
use gatewright_database::{NewSession, Store, UserRecord, Zone};
use gatewright_ports::agent_control::NodeStatus;
use uuid::Uuid;

pub(crate) struct Folder {
    pub(crate) dir: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("data").join("gatewright.db")
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.file()).await.unwrap()
    }

    /// Somebody else with the file: what an intruder or an administrator's shell can do.
    pub(crate) async fn raw(&self) -> sqlx::SqliteConnection {
        use sqlx::ConnectOptions;
        sqlx::sqlite::SqliteConnectOptions::new()
            .filename(self.file())
            .connect()
            .await
            .unwrap()
    }
}

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
