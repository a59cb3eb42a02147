//! Moves of sessions, and who gets the last room.

use gatewright_core::NodeId;
use gatewright_core::SessionId;
use gatewright_core::capacity::Shortage;
use gatewright_core::session::{EndReason, SessionState};
use gatewright_database::{Constraint, Reservation, SealedSecret, Store, StoreError};
use uuid::Uuid;

use crate::support::{Site, at, new_session, node, on_both, request, zone};

on_both!(
    the_last_room_goes_to_one_session_only,
    a_session_moves_only_from_the_state_that_it_is_in,
    an_end_keeps_its_first_reason_and_takes_the_secrets_along,
    a_failed_launch_ends_as_failed,
    the_same_request_is_the_same_session,
    a_session_changes_its_node_only_while_it_is_created,
    a_session_keeps_the_devices_that_it_was_launched_with,
);

async fn with_node(site: &Site, sessions: u32) -> (Store, NodeId, gatewright_core::ZoneId) {
    let store = site.open().await;
    let zone = zone(&store).await;
    let status = node(5, sessions);
    let mut write = store.begin().await.unwrap();
    write.upsert_node(&status, zone, at(1)).await.unwrap();
    write.commit().await.unwrap();
    (store, status.node, zone)
}

async fn reserve(store: &Store, id: SessionId, node: NodeId) -> Reservation {
    let mut write = store.begin().await.unwrap();
    let reserved = write.reserve(id, node, at(20), "").await.unwrap();
    write.commit().await.unwrap();
    reserved
}

async fn advance(store: &Store, id: SessionId, from: SessionState, to: SessionState) -> bool {
    let mut write = store.begin().await.unwrap();
    let moved = write.advance(id, from, to, at(30), "").await.unwrap();
    write.commit().await.unwrap();
    moved
}

async fn the_last_room_goes_to_one_session_only(site: Site) {
    let (store, node, zone) = with_node(&site, 1).await;
    let (one, two) = (request(&store, 21, zone).await, request(&store, 22, zone).await);
    let (first, second) = tokio::join!(reserve(&store, one, node), reserve(&store, two, node));
    let mut outcomes = [first, second];
    outcomes.sort_by_key(|outcome| *outcome != Reservation::Taken);
    assert_eq!(outcomes, [Reservation::Taken, Reservation::NoRoom(Shortage::Sessions)]);
    let left = store.nodes().await.unwrap();
    assert_eq!(left.first().unwrap().headroom.sessions, 0);
}

async fn a_session_moves_only_from_the_state_that_it_is_in(site: Site) {
    use SessionState::{Creating, Ending, Ready, Requested, Reserved, Starting, Waiting};
    let (store, node, zone) = with_node(&site, 2).await;
    let id = request(&store, 21, zone).await;
    assert!(!advance(&store, id, Reserved, Creating).await);
    assert_eq!(reserve(&store, id, node).await, Reservation::Taken);
    assert_eq!(reserve(&store, id, node).await, Reservation::Moved);
    assert!(
        !advance(&store, id, Requested, Creating).await,
        "not a move that the state machine knows"
    );
    assert!(advance(&store, id, Reserved, Creating).await);
    assert!(!advance(&store, id, Reserved, Creating).await, "the second mover loses");
    assert!(advance(&store, id, Creating, Starting).await);
    assert!(advance(&store, id, Starting, Waiting).await);
    assert!(!advance(&store, id, Waiting, Ending).await, "an end needs a reason");
    assert!(advance(&store, id, Waiting, Ready).await);
    let record = store.session(id).await.unwrap().unwrap();
    assert_eq!(record.session.ready_at, Some(at(30)));
    let states: Vec<_> = store.session_steps(id).await.unwrap().into_iter().map(|step| step.state).collect();
    assert_eq!(states, [Requested, Reserved, Creating, Starting, Waiting, Ready]);
}

async fn an_end_keeps_its_first_reason_and_takes_the_secrets_along(site: Site) {
    let (store, node, zone) = with_node(&site, 1).await;
    let id = request(&store, 21, zone).await;
    assert_eq!(reserve(&store, id, node).await, Reservation::Taken);
    let secret = SealedSecret {
        id: gatewright_core::SecretId::from_uuid(Uuid::from_u128(7)),
        label: "desktop".into(),
        target: "x".into(),
        session: Some(id),
        nonce: vec![1],
        sealed: vec![2],
        created_at: at(1),
    };
    let mut write = store.begin().await.unwrap();
    write.insert_secret(&secret).await.unwrap();
    assert!(write.finish_session(id, at(40)).await.unwrap().is_none(), "it is not ending");
    assert!(write.begin_ending(id, &EndReason::User, at(40), "").await.unwrap());
    assert!(!write.begin_ending(id, &EndReason::WorkspaceGone, at(41), "").await.unwrap());
    write.commit().await.unwrap();
    assert_eq!(
        store.nodes().await.unwrap().first().unwrap().headroom.sessions,
        0,
        "room is held until it is gone"
    );
    assert_eq!(store.sealed_secrets_of(id).await.unwrap(), [secret]);

    let mut write = store.begin().await.unwrap();
    let finished = write.finish_session(id, at(50)).await.unwrap().unwrap();
    assert!(write.finish_session(id, at(51)).await.unwrap().is_none());
    write.commit().await.unwrap();
    assert_eq!(finished.session.state, SessionState::Ended);
    assert_eq!(finished.session.end, Some(EndReason::User));
    assert!(store.sealed_secrets_of(id).await.unwrap().is_empty());
    assert_eq!(store.nodes().await.unwrap().first().unwrap().headroom.sessions, 1);
    assert!(store.open_sessions().await.unwrap().is_empty());
}

async fn a_failed_launch_ends_as_failed(site: Site) {
    let (store, _node, zone) = with_node(&site, 1).await;
    for (number, reason, state) in [
        (21, EndReason::LaunchFailed("No room.".into()), SessionState::Failed),
        (22, EndReason::Interrupted, SessionState::Failed),
        (23, EndReason::Administrator, SessionState::Ended),
    ] {
        let id = request(&store, number, zone).await;
        let mut write = store.begin().await.unwrap();
        assert!(write.begin_ending(id, &reason, at(40), "").await.unwrap());
        write.finish_session(id, at(41)).await.unwrap().unwrap();
        write.commit().await.unwrap();
        let record = store.session(id).await.unwrap().unwrap();
        assert_eq!((record.session.state, record.session.end), (state, Some(reason)));
    }
}

async fn the_same_request_is_the_same_session(site: Site) {
    let (store, _node, zone) = with_node(&site, 1).await;
    let mut write = store.begin().await.unwrap();
    write.insert_session(&new_session(21, zone, Some(77)), at(1)).await.unwrap();
    write.commit().await.unwrap();
    let mut write = store.begin().await.unwrap();
    let error = write.insert_session(&new_session(22, zone, Some(77)), at(2)).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(Constraint::SessionRequest)), "{error}");
    drop(write);
    let user = new_session(0, zone, None).user;
    let known = store.session_by_request(user, Uuid::from_u128(77)).await.unwrap().unwrap();
    assert_eq!(known.session.id.as_uuid(), Uuid::from_u128(21));
}

async fn a_session_changes_its_node_only_while_it_is_created(site: Site) {
    let (store, old, zone) = with_node(&site, 1).await;
    let other = node(6, 1);
    let mut write = store.begin().await.unwrap();
    write.upsert_node(&other, zone, at(1)).await.unwrap();
    write.commit().await.unwrap();
    let id = request(&store, 21, zone).await;
    let change = |id| {
        let store = store.clone();
        let new = other.node;
        async move {
            let mut write = store.begin().await.unwrap();
            let changed = write.change_node(id, old, new, at(35), "no room").await.unwrap();
            write.commit().await.unwrap();
            changed
        }
    };
    assert_eq!(change(id).await, Reservation::Moved);
    assert_eq!(reserve(&store, id, old).await, Reservation::Taken);
    assert!(advance(&store, id, SessionState::Reserved, SessionState::Creating).await);
    assert_eq!(change(id).await, Reservation::Taken);
    assert_eq!(change(id).await, Reservation::NoRoom(Shortage::Sessions));
    assert_eq!(store.session(id).await.unwrap().unwrap().session.node, Some(other.node));
}

async fn a_session_keeps_the_devices_that_it_was_launched_with(site: Site) {
    let (store, node, zone) = with_node(&site, 4).await;
    let id = request(&store, 21, zone).await;
    assert_eq!(reserve(&store, id, node).await, Reservation::Taken);
    let devices = vec!["vendor.example/probe=one".parse().unwrap()];
    assert_eq!(store.session(id).await.unwrap().unwrap().devices, devices);
    let open = store.open_sessions_on(node).await.unwrap();
    assert!(open.iter().all(|record| record.devices == devices) && open.len() == 1, "{open:?}");
}
