//! Many at once, from two processes' stores: what only one of them may get, only one gets.

use std::time::Duration;

use gatewright_core::NodeId;
use gatewright_core::capacity::Shortage;
use gatewright_database::{ChangeKind, EventFilter, Hint, Reservation, Store, StoreError};

use crate::support::{Site, at, audit, new_session, node, on_both, request, user, zone};

on_both!(
    events_of_many_appenders_are_each_in_a_chain,
    the_same_event_from_many_is_one_event,
    the_last_rooms_go_to_as_many_sessions,
    a_limit_holds_for_requests_made_at_once,
    text_that_a_database_may_not_hold_is_found_nowhere,
);

const SOON: Duration = Duration::from_secs(20);

async fn two(site: &Site) -> [Store; 2] {
    [site.open().await, site.open().await]
}

async fn events_of_many_appenders_are_each_in_a_chain(site: Site) {
    let stores = two(&site).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8_u128 {
        for store in stores.clone() {
            tasks.spawn(async move {
                for round in 0..8 {
                    let event = |copy| audit(1 + number * 1000 + round * 10 + copy, "x");
                    let done: Result<(), StoreError> = store
                        .retry(|| async {
                            let mut write = store.begin().await?;
                            write.append_event(&event(0)).await?;
                            write.append_event(&event(5)).await?;
                            write.commit().await
                        })
                        .await;
                    done.unwrap();
                }
            });
        }
    }
    tasks.join_all().await;
    let [store, other] = &stores;
    let report = store.verify_events(u32::MAX).await.unwrap();
    assert!(report.intact, "{report:?}");
    // Both stores appended the same 128 events: each is there once.
    assert_eq!(report.checked, 128);
    let newest = other.events(&EventFilter::default(), 200).await.unwrap();
    assert_eq!(newest.len(), 128);
    // Nobody waited for another's commit to append.
    let mut first = stores.first().unwrap().begin().await.unwrap();
    assert!(first.append_event(&audit(9001, "x")).await.unwrap());
    if store.is_shared() {
        assert!(crate::support::append(other, &audit(9002, "x")).await);
    }
    first.commit().await.unwrap();
    assert!(store.verify_events(u32::MAX).await.unwrap().intact);
    // The end alone, wherever each chain's rows lie.
    for last in 0..12 {
        let report = store.verify_events(last).await.unwrap();
        assert!(report.intact && report.checked == u64::from(last), "{report:?}");
    }
}

async fn the_same_event_from_many_is_one_event(site: Site) {
    let stores = two(&site).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        for store in stores.clone() {
            tasks.spawn(async move { crate::support::append(&store, &audit(7, "x")).await });
        }
    }
    let appended = tasks.join_all().await.into_iter().filter(|done| *done).count();
    assert_eq!(appended, 1);
    assert_eq!(stores.first().unwrap().verify_events(u32::MAX).await.unwrap().checked, 1);
}

async fn the_last_rooms_go_to_as_many_sessions(site: Site) {
    let stores = two(&site).await;
    let [store, _] = &stores;
    let zone = zone(store).await;
    let status = node(5, 3);
    let mut write = store.begin().await.unwrap();
    write.upsert_node(&status, zone, at(1)).await.unwrap();
    write.commit().await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..10 {
        let id = request(store, 100 + number, zone).await;
        let store = stores.get(number as usize % 2).unwrap().clone();
        tasks.spawn(async move { reserve(&store, id, status.node).await });
    }
    let outcomes = tasks.join_all().await;
    let taken = outcomes.iter().filter(|one| **one == Reservation::Taken).count();
    let refused = outcomes
        .iter()
        .filter(|one| **one == Reservation::NoRoom(Shortage::Sessions))
        .count();
    assert_eq!((taken, refused), (3, 7));
    assert_eq!(store.nodes().await.unwrap().first().unwrap().headroom.sessions, 0);
}

async fn reserve(store: &Store, id: gatewright_core::SessionId, node: NodeId) -> Reservation {
    let mut write = store.begin().await.unwrap();
    let outcome = write.reserve(id, node, at(20), "").await.unwrap();
    write.commit().await.unwrap();
    outcome
}

async fn a_limit_holds_for_requests_made_at_once(site: Site) {
    let stores = two(&site).await;
    let [store, _] = &stores;
    let zone = zone(store).await;
    let mut write = store.begin().await.unwrap();
    write.insert_user(&user(1, "demo")).await.unwrap();
    write.commit().await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let store = stores.get(number as usize % 2).unwrap().clone();
        tasks.spawn(async move {
            let new = new_session(200 + number, zone, None);
            let mut write = store.begin().await.unwrap();
            if write.count_open_sessions_of(new.user).await.unwrap() >= 2 {
                return false;
            }
            write.insert_session(&new, at(10)).await.unwrap();
            write.commit().await.unwrap();
            true
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|launched| *launched).count(), 2);
}

async fn text_that_a_database_may_not_hold_is_found_nowhere(site: Site) {
    let store = site.open().await;
    assert!(store.user_by_name("demo\0").await.unwrap().is_none());
    let filter = EventFilter {
        user_name: Some("demo\0".into()),
        ..EventFilter::default()
    };
    assert!(store.events(&filter, 5).await.unwrap().is_empty());
}

async fn hears(hints: &mut gatewright_database::Hints, wanted: &Hint) {
    let heard = tokio::time::timeout(SOON, async { while hints.next().await.as_ref() != Some(wanted) {} });
    heard.await.unwrap_or_else(|_| panic!("never heard {wanted:?}"));
}

fn changed(kind: ChangeKind, id: &str) -> Hint {
    Hint::Changed { kind, id: id.into() }
}

#[tokio::test]
async fn what_one_process_changes_another_hears_of() {
    let site = Site::postgres().await;
    let [one, other] = two(&site).await;
    let (mut here, mut there) = (one.hints(), other.hints());
    let mut head = other.changes();
    let before = *head.borrow_and_update();
    let mut write = one.begin().await.unwrap();
    write.changed(ChangeKind::Session, "x").await.unwrap();
    write.commit().await.unwrap();
    hears(&mut here, &changed(ChangeKind::Session, "x")).await;
    hears(&mut there, &changed(ChangeKind::Session, "x")).await;
    tokio::time::timeout(SOON, head.wait_for(|now| *now != before))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_change_that_becomes_visible_late_is_not_missed() {
    let site = Site::postgres().await;
    let [one, other] = two(&site).await;
    let mut there = other.hints();
    let mut slow = one.begin().await.unwrap();
    slow.changed(ChangeKind::Session, "slow").await.unwrap();
    let mut fast = one.begin().await.unwrap();
    fast.changed(ChangeKind::Session, "fast").await.unwrap();
    fast.commit().await.unwrap();
    hears(&mut there, &changed(ChangeKind::Session, "fast")).await;
    let mut head = other.changes();
    let before = *head.borrow_and_update();
    slow.commit().await.unwrap();
    hears(&mut there, &changed(ChangeKind::Session, "slow")).await;
    tokio::time::timeout(SOON, head.wait_for(|now| *now != before))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn revisions_of_the_policy_become_visible_in_order() {
    let site = Site::postgres().await;
    let [one, other] = two(&site).await;
    let mut first = one.begin().await.unwrap();
    first.changed(ChangeKind::Rule, "first").await.unwrap();
    let second = tokio::spawn(async move {
        let mut write = other.begin().await.unwrap();
        write.changed(ChangeKind::Plugin, "second").await.unwrap();
        write.commit().await.unwrap();
    });
    // Whoever reads now keeps what it reads until the newest number moves: the second one has to wait.
    let revision = one.newest_change(&ChangeKind::POLICY).await.unwrap();
    assert_eq!(revision, 0);
    first.commit().await.unwrap();
    second.await.unwrap();
    assert!(one.newest_change(&[ChangeKind::Plugin]).await.unwrap() > one.newest_change(&[ChangeKind::Rule]).await.unwrap());
}

#[tokio::test]
async fn a_server_that_goes_away_is_unavailable_and_comes_back_by_itself() {
    let site = Site::postgres().await;
    let store = site.open().await;
    let Site::Postgres(scratch) = &site else { unreachable!() };
    let mut hints = store.hints();
    store.ping().await.unwrap();

    scratch.allow_connections(false).await.unwrap();
    scratch.cut_connections().await.unwrap();
    let error = loop {
        // Several connections were open: each is found out once.
        match store.ping().await {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    assert!(error.is_unavailable(), "{error:?}");
    assert!(store.begin().await.is_err());

    scratch.allow_connections(true).await.unwrap();
    let back = tokio::time::timeout(SOON, async { while store.ping().await.is_err() {} });
    back.await.unwrap();
    let mut write = store.begin().await.unwrap();
    write.changed(ChangeKind::Rule, "after").await.unwrap();
    write.commit().await.unwrap();
    hears(&mut hints, &changed(ChangeKind::Rule, "after")).await;
}

#[tokio::test]
async fn two_that_wait_for_each_other_both_get_through() {
    let site = Site::postgres().await;
    let [one, other] = two(&site).await;
    let mut write = one.begin().await.unwrap();
    for number in [1, 2] {
        write.insert_user(&user(number, &format!("user-{number}"))).await.unwrap();
    }
    write.commit().await.unwrap();
    // Each locks what the other one wants next, and neither goes on before both did.
    let both = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    let work = |store: Store, first: u128, second: u128| {
        let both = both.clone();
        async move {
            let met = std::sync::atomic::AtomicBool::new(false);
            let done: Result<(), StoreError> = store
                .retry(|| async {
                    let mut write = store.begin().await?;
                    write.count_open_sessions_of(user(first, "").user.id).await?;
                    if !met.swap(true, std::sync::atomic::Ordering::Relaxed) {
                        both.wait().await;
                    }
                    write.count_open_sessions_of(user(second, "").user.id).await?;
                    write.commit().await
                })
                .await;
            done
        }
    };
    let (a, b) = tokio::join!(work(one, 1, 2), work(other, 2, 1));
    a.unwrap();
    b.unwrap();
}
