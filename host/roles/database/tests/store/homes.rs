//! Homes: who has them, where they are, and when they may be made.

use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::{HomeId, NodeId, SessionId, UserId, WorkspaceId, ZoneId};
use gatewright_database::{Reservation, SessionHome, Store};
use uuid::Uuid;

use crate::support::{Site, at, new_session, node, on_both, zone};

on_both!(
    a_home_is_in_one_session_at_a_time,
    a_home_stays_on_the_node_that_made_it,
    a_deleted_home_is_out_of_reach_until_it_is_forgotten,
);

fn home(number: u128) -> HomeId {
    HomeId::from_uuid(Uuid::from_u128(number))
}

fn person() -> (UserId, WorkspaceId) {
    let session = new_session(0, ZoneId::from_uuid(Uuid::nil()), None);
    (session.user, session.workspace)
}

async fn with_nodes(site: &Site) -> (Store, NodeId, NodeId, ZoneId) {
    let store = site.open().await;
    let zone = zone(&store).await;
    let (one, two) = (node(5, 4), node(6, 4));
    let mut write = store.begin().await.unwrap();
    write.upsert_node(&one, zone, at(1)).await.unwrap();
    write.upsert_node(&two, zone, at(1)).await.unwrap();
    write.commit().await.unwrap();
    (store, one.node, two.node, zone)
}

/// Requests a session and claims the home for it, as a launch does; none where it is refused.
async fn launch(store: &Store, number: u128, zone: ZoneId) -> Option<SessionId> {
    let new = new_session(number, zone, None);
    let mut write = store.begin().await.unwrap();
    write.count_open_sessions_of(new.user).await.unwrap();
    write.insert_session(&new, at(10)).await.unwrap();
    let record = write.session(new.id).await.unwrap().unwrap();
    if !write.claim_home(&record, home(number), at(10)).await.unwrap() {
        return None;
    }
    write.commit().await.unwrap();
    Some(new.id)
}

async fn reserve(store: &Store, id: SessionId, node: NodeId) -> Reservation {
    let mut write = store.begin().await.unwrap();
    let reserved = write.reserve(id, node, at(20), "").await.unwrap();
    if reserved == Reservation::Taken {
        write.commit().await.unwrap();
    }
    reserved
}

async fn advance(store: &Store, id: SessionId, from: SessionState, to: SessionState) {
    let mut write = store.begin().await.unwrap();
    assert!(write.advance(id, from, to, at(30), "").await.unwrap());
    write.commit().await.unwrap();
}

async fn finish(store: &Store, id: SessionId) {
    let mut write = store.begin().await.unwrap();
    assert!(write.begin_ending(id, &EndReason::User, at(40), "").await.unwrap());
    assert!(write.finish_session(id, at(41)).await.unwrap().is_some());
    write.commit().await.unwrap();
}

async fn home_of(store: &Store, id: SessionId) -> SessionHome {
    store.session(id).await.unwrap().unwrap().home.unwrap()
}

async fn a_home_is_in_one_session_at_a_time(site: Site) {
    let (store, one, _, zone) = with_nodes(&site).await;
    let other = site.open().await;
    let (first, second) = tokio::join!(launch(&store, 21, zone), launch(&other, 22, zone));
    let mut got: Vec<_> = [first, second].into_iter().flatten().collect();
    assert_eq!(got.len(), 1, "of two web-apps at once, one gets the home");
    let id = got.remove(0);
    assert!(launch(&other, 23, zone).await.is_none());

    assert_eq!(reserve(&store, id, one).await, Reservation::Taken);
    advance(&store, id, SessionState::Reserved, SessionState::Creating).await;
    advance(&store, id, SessionState::Creating, SessionState::Starting).await;
    let (user, workspace) = person();
    let kept = store.home_of(user, workspace).await.unwrap().unwrap();
    assert_eq!((kept.node, kept.used_by, kept.made_at), (Some(one), Some(id), Some(at(30))));
    finish(&store, id).await;
    let next = launch(&store, 24, zone).await.unwrap();
    assert_eq!(home_of(&store, next).await.id, kept.id);
}

async fn a_home_stays_on_the_node_that_made_it(site: Site) {
    let (store, one, two, zone) = with_nodes(&site).await;
    let id = launch(&store, 21, zone).await.unwrap();
    assert_eq!(reserve(&store, id, one).await, Reservation::Taken);
    advance(&store, id, SessionState::Reserved, SessionState::Creating).await;
    let first = home_of(&store, id).await;
    assert_eq!((first.node, first.made), (Some(one), false));

    // Nobody has confirmed it so far, so it may still be made elsewhere.
    let mut write = store.begin().await.unwrap();
    assert_eq!(write.change_node(id, one, two, at(25), "").await.unwrap(), Reservation::Taken);
    write.commit().await.unwrap();
    assert_eq!(home_of(&store, id).await.node, Some(two));
    let (user, workspace) = person();
    assert_eq!(store.homes_of(user).await.unwrap(), []);
    advance(&store, id, SessionState::Creating, SessionState::Starting).await;
    finish(&store, id).await;

    let next = launch(&store, 22, zone).await.unwrap();
    let kept = home_of(&store, next).await;
    assert_eq!((kept.id, kept.node, kept.made), (first.id, Some(two), true));
    assert_eq!(reserve(&store, next, one).await, Reservation::HomeElsewhere);
    assert_eq!(home_of(&store, next).await.node, Some(two));
    assert_eq!(reserve(&store, next, two).await, Reservation::Taken);
    assert_eq!(store.homes_of(user).await.unwrap().len(), 1);
    let mut write = store.begin().await.unwrap();
    assert_eq!(write.count_homes_in(workspace).await.unwrap(), 1);
}

async fn a_deleted_home_is_out_of_reach_until_it_is_forgotten(site: Site) {
    let (store, one, _, zone) = with_nodes(&site).await;
    let id = launch(&store, 21, zone).await.unwrap();
    assert_eq!(reserve(&store, id, one).await, Reservation::Taken);
    advance(&store, id, SessionState::Reserved, SessionState::Creating).await;
    advance(&store, id, SessionState::Creating, SessionState::Starting).await;
    let (user, workspace) = person();
    let kept = home_of(&store, id).await.id;
    let delete = async |whose| {
        let mut write = store.begin().await.unwrap();
        let deleted = write.delete_home(kept, whose).await.unwrap();
        write.commit().await.unwrap();
        deleted
    };
    assert!(!delete(user).await, "a session has it");
    finish(&store, id).await;
    assert!(!delete(UserId::from_uuid(Uuid::from_u128(99))).await, "somebody else's");
    assert!(delete(user).await);
    assert_eq!(store.homes_of(user).await.unwrap(), []);
    assert_eq!(store.home_of(user, workspace).await.unwrap(), None);
    let left = store.homes_to_remove().await.unwrap();
    assert_eq!(
        left.iter().map(|home| (home.id, home.node)).collect::<Vec<_>>(),
        [(kept, Some(one))]
    );

    // The person need not wait for the node.
    let next = launch(&store, 22, zone).await.unwrap();
    let fresh = home_of(&store, next).await;
    assert!(fresh.id != kept && !fresh.made);
    let mut write = store.begin().await.unwrap();
    write.forget_home(kept).await.unwrap();
    write.forget_home(fresh.id).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(store.homes_to_remove().await.unwrap(), []);
    assert_eq!(home_of(&store, next).await.id, fresh.id);
}
