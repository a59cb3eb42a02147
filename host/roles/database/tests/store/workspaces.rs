//! Workspaces that are changed, and the checks of their images.

use gatewright_core::record::{Network, Workspace};
use gatewright_core::{NodeId, SessionId, Timestamp, UserId, WorkspaceId};
use gatewright_database::{CheckRecord, Constraint, Store, StoreError, WorkspaceRecord};
use uuid::Uuid;

use crate::support::{RESOURCES, Site, at, on_both, request, zone};

on_both!(
    a_workspace_is_changed_and_keeps_its_place,
    two_workspaces_have_two_names,
    a_check_belongs_to_its_session_and_goes_with_its_workspace,
);

fn workspace(number: u128, name: &str) -> Workspace {
    Workspace {
        id: WorkspaceId::from_uuid(Uuid::from_u128(number)),
        name: name.into(),
        description: String::new(),
        icon: "terminal".into(),
        image: "image:1".into(),
        resources: RESOURCES,
        network: Network::None,
        enabled: true,
        keep_home: false,
        devices: Vec::new(),
        example: false,
    }
}

async fn insert(store: &Store, workspace: Workspace) -> Result<(), StoreError> {
    let mut write = store.begin().await?;
    let record = WorkspaceRecord {
        position: write.next_workspace_position().await?,
        workspace,
    };
    write.insert_workspace(&record).await?;
    write.commit().await
}

async fn a_workspace_is_changed_and_keeps_its_place(site: Site) {
    let store = site.open().await;
    insert(&store, workspace(2, "Zebra")).await.unwrap();
    insert(&store, workspace(3, "Ape")).await.unwrap();
    let changed = Workspace {
        image: "image:2".into(),
        network: Network::Internet,
        devices: vec!["nvidia.com/gpu=all".parse().unwrap(), "v/c=n".parse().unwrap()],
        enabled: false,
        ..workspace(2, "Zebra crossing")
    };
    let mut write = store.begin().await.unwrap();
    assert!(write.update_workspace(&changed).await.unwrap());
    assert!(!write.update_workspace(&workspace(9, "Nobody")).await.unwrap());
    write.commit().await.unwrap();
    let all = store.workspaces().await.unwrap();
    let shown: Vec<_> = all.into_iter().map(|record| record.workspace).collect();
    assert_eq!(shown, [changed, workspace(3, "Ape")]);
}

async fn two_workspaces_have_two_names(site: Site) {
    let store = site.open().await;
    insert(&store, workspace(2, "Terminal")).await.unwrap();
    insert(&store, workspace(3, "Desktop")).await.unwrap();
    let taken = insert(&store, workspace(4, "Terminal")).await;
    assert!(matches!(taken, Err(StoreError::Conflict(Constraint::WorkspaceName))));
    let mut write = store.begin().await.unwrap();
    let taken = write.update_workspace(&workspace(3, "Terminal")).await;
    assert!(matches!(taken, Err(StoreError::Conflict(Constraint::WorkspaceName))));
}

fn check(session: SessionId, at: Timestamp) -> CheckRecord {
    CheckRecord {
        session,
        workspace: WorkspaceId::from_uuid(Uuid::from_u128(2)),
        node: NodeId::from_uuid(Uuid::from_u128(5)),
        node_name: "node".into(),
        started_at: at,
        finished_at: None,
        steps: "[]".into(),
    }
}

async fn a_check_belongs_to_its_session_and_goes_with_its_workspace(site: Site) {
    let store = site.open().await;
    let zone = zone(&store).await;
    insert(&store, workspace(2, "Terminal")).await.unwrap();
    let workspace = WorkspaceId::from_uuid(Uuid::from_u128(2));
    let (launched, first, second) = (
        request(&store, 20, zone).await,
        request(&store, 21, zone).await,
        request(&store, 22, zone).await,
    );
    let mut write = store.begin().await.unwrap();
    assert_eq!(write.last_check(workspace).await.unwrap(), None);
    write.insert_check(&check(first, at(10))).await.unwrap();
    write.insert_check(&check(second, at(11))).await.unwrap();
    write.update_check(second, "[1]", None).await.unwrap();
    write.update_check(second, "[2]", Some(at(12))).await.unwrap();
    // What is over stays as it is.
    write.update_check(second, "[3]", None).await.unwrap();
    write.commit().await.unwrap();

    let last = store.last_check(workspace).await.unwrap().unwrap();
    assert_eq!((last.session, last.steps.as_str(), last.finished_at), (second, "[2]", Some(at(12))));
    assert_eq!(store.check_of_session(first).await.unwrap(), Some(check(first, at(10))));
    assert_eq!(store.check_of_session(launched).await.unwrap(), None);
    let user = UserId::from_uuid(Uuid::from_u128(1));
    let shown = store.sessions_of(user, at(0)).await.unwrap();
    assert_eq!(shown.iter().map(|one| one.session.id).collect::<Vec<_>>(), [launched]);
    assert_eq!(
        store.open_sessions().await.unwrap().len(),
        3,
        "to everything that mends it is a session"
    );

    let mut write = store.begin().await.unwrap();
    write.delete_workspace(workspace).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(store.last_check(workspace).await.unwrap(), None);
    assert_eq!(store.check_of_session(second).await.unwrap(), None);
}
