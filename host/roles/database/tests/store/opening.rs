//! Files, migrations, changes.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use gatewright_core::NodeId;
use gatewright_database::{ChangeKind, Sign, Store, status_digest};
use uuid::Uuid;

use crate::support::{Site, node, on_both, zone};

on_both!(
    a_transaction_that_is_dropped_never_happened,
    a_commit_wakes_whoever_waits_for_changes,
    trimming_keeps_the_newest_of_each_kind,
    a_heartbeat_alone_is_no_change,
    signs_of_life_are_noted_where_they_say_what_is_known,
    what_becomes_of_sessions_nodes_and_people_is_no_setting,
);

#[tokio::test]
async fn an_empty_folder_becomes_a_private_database_that_reopens() {
    let site = Site::sqlite();
    let store = site.open().await;
    let mut write = store.begin().await.unwrap();
    write.set_setting("name", "value").await.unwrap();
    write.commit().await.unwrap();
    // While it is open, the log and its index lie beside it: private as well.
    let data = site.file().parent().unwrap().to_owned();
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    let mut files = 0;
    for entry in std::fs::read_dir(&data).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            entry.path().display()
        );
        files += 1;
    }
    assert_eq!(files, 3, "database, write-ahead log and its index");
    store.close().await;

    let again = site.open().await;
    assert_eq!(again.setting("name").await.unwrap().as_deref(), Some("value"));
    assert_eq!(again.setting("other").await.unwrap(), None);
}

#[tokio::test]
async fn a_file_that_others_could_read_is_closed_to_them() {
    let site = Site::sqlite();
    std::fs::create_dir_all(site.file().parent().unwrap()).unwrap();
    std::fs::write(site.file(), "").unwrap();
    std::fs::set_permissions(site.file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let _store = site.open().await;
    assert_eq!(std::fs::metadata(site.file()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let site = Site::sqlite();
    std::fs::create_dir_all(site.file().parent().unwrap()).unwrap();
    std::fs::write(
        site.file(),
        "this is a letter, and by no means short enough to be taken for an empty file",
    )
    .unwrap();
    assert!(Store::open(&site.file()).await.is_err());
}

async fn a_transaction_that_is_dropped_never_happened(site: Site) {
    let store = site.open().await;
    let before = *store.changes().borrow();
    let mut write = store.begin().await.unwrap();
    write.changed(ChangeKind::Rule, "x").await.unwrap();
    write.set_setting("name", "value").await.unwrap();
    drop(write);
    assert_eq!(store.setting("name").await.unwrap(), None);
    assert_eq!(*store.changes().borrow(), before);
    assert_eq!(store.newest_change(&ChangeKind::POLICY).await.unwrap(), 0);
}

async fn a_commit_wakes_whoever_waits_for_changes(site: Site) {
    let store = site.open().await;
    let mut changes = store.changes();
    let seen = *changes.borrow_and_update();
    let waiting = tokio::spawn(async move { *changes.wait_for(|now| *now > seen).await.unwrap() });
    let mut write = store.begin().await.unwrap();
    write.changed(ChangeKind::Rule, "x").await.unwrap();
    write.commit().await.unwrap();
    let head = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    assert_eq!(head, store.newest_change(&[ChangeKind::Rule]).await.unwrap());
    assert_eq!(store.newest_change(&[ChangeKind::User]).await.unwrap(), 0);
}

async fn trimming_keeps_the_newest_of_each_kind(site: Site) {
    let store = site.open().await;
    let mut write = store.begin().await.unwrap();
    write.changed(ChangeKind::Rule, "x").await.unwrap();
    for number in 0..20 {
        write.changed(ChangeKind::Session, &number.to_string()).await.unwrap();
    }
    write.commit().await.unwrap();
    let revision = store.newest_change(&[ChangeKind::Rule]).await.unwrap();
    let mut write = store.begin().await.unwrap();
    assert_eq!(write.trim_changes(5).await.unwrap(), 15);
    write.commit().await.unwrap();
    assert_eq!(store.newest_change(&[ChangeKind::Rule]).await.unwrap(), revision);
}

async fn a_heartbeat_alone_is_no_change(site: Site) {
    let store = site.open().await;
    let zone = zone(&store).await;
    let mut status = node(5, 2);
    for (seen, degraded, changes) in [
        (1, None, 1),
        (2, None, 1),
        (3, Some("engine is down"), 2),
        (4, Some("engine is down"), 2),
    ] {
        status.degraded = degraded.map(str::to_owned);
        let mut write = store.begin().await.unwrap();
        write.upsert_node(&status, zone, crate::support::at(seen)).await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(store.newest_change(&[ChangeKind::Node]).await.unwrap(), changes);
    }
    let nodes = store.nodes().await.unwrap();
    let one = nodes.first().unwrap();
    assert_eq!(one.seen_at, crate::support::at(4));
    assert_eq!(one.degraded.as_deref(), Some("engine is down"));
    assert_eq!(one.labels.get("disk").map(String::as_str), Some("ssd"));
    assert_eq!(one.devices, vec!["vendor.example/probe=one".parse().unwrap()]);
}

async fn signs_of_life_are_noted_where_they_say_what_is_known(site: Site) {
    let store = site.open().await;
    let zone = zone(&store).await;
    let (known, mut changed) = (node(5, 2), node(6, 2));
    let mut write = store.begin().await.unwrap();
    for status in [&known, &changed] {
        write.upsert_node(status, zone, crate::support::at(1)).await.unwrap();
    }
    write.commit().await.unwrap();
    changed.images.push("another".into());
    let stranger = NodeId::from_uuid(Uuid::from_u128(7));
    let signs = [(&known, known.node), (&changed, changed.node), (&known, stranger)].map(|(status, node)| Sign {
        node,
        digest: status_digest(status).unwrap(),
        at: crate::support::at(9),
    });
    let mut write = store.begin().await.unwrap();
    assert_eq!(write.note_signs(&signs).await.unwrap(), [known.node].into());
    assert!(write.note_signs(&[]).await.unwrap().is_empty());
    write.commit().await.unwrap();
    let nodes = store.nodes().await.unwrap();
    let seen: Vec<_> = nodes.iter().map(|one| (one.id, one.seen_at)).collect();
    assert_eq!(seen, [(known.node, crate::support::at(9)), (changed.node, crate::support::at(1))]);
}

async fn what_becomes_of_sessions_nodes_and_people_is_no_setting(site: Site) {
    let store = site.open().await;
    let (mut changes, mut settings) = (store.changes(), store.changed_settings());
    let change = async |kind| {
        let mut write = store.begin().await.unwrap();
        write.changed(kind, "one").await.unwrap();
        write.commit().await.unwrap();
    };
    let before = *settings.borrow_and_update();
    for kind in [ChangeKind::Session, ChangeKind::Node, ChangeKind::User] {
        changes.mark_unchanged();
        change(kind).await;
        tokio::time::timeout(Duration::from_secs(20), changes.changed())
            .await
            .unwrap()
            .unwrap();
    }
    assert_eq!(*settings.borrow(), before);
    change(ChangeKind::Member).await;
    tokio::time::timeout(Duration::from_secs(20), settings.changed())
        .await
        .unwrap()
        .unwrap();
}
