//! What a node has and what the database says.

use std::time::Duration;

use gatewright_control::ControlConfig;
use gatewright_core::SessionId;
use gatewright_core::session::{EndReason, SessionState};
use uuid::Uuid;

use crate::agent::FakeAgent;
use crate::support::{Site, admin, eventually};

fn often(site: &Site) -> ControlConfig {
    let mut config = site.config();
    config.reconcile_every = Duration::from_millis(20);
    config
}

#[tokio::test]
async fn a_session_whose_container_is_gone_is_ended() {
    let site = Site::new();
    let plane = site.open_with(often(&site)).await;
    let agent = FakeAgent::new(1, 2).share();
    plane.add(&agent).await;
    let (one, two) = (plane.launch().await, plane.launch().await);
    for id in [one, two] {
        plane.wait_state(id, SessionState::Ready).await;
    }
    agent.lose(one);
    let ended = plane.wait_final(one).await;
    assert_eq!(ended.state, SessionState::Ended);
    assert_eq!(ended.end.unwrap().code, "workspace-gone");
    assert_eq!(plane.control.session(two).await.unwrap().unwrap().state, SessionState::Ready);
    plane.control.shutdown().await;
}

#[tokio::test]
async fn what_is_left_of_a_session_that_is_over_is_removed() {
    let site = Site::new();
    let plane = site.open_with(often(&site)).await;
    let agent = FakeAgent::new(1, 2).share();
    plane.add(&agent).await;
    let id = plane.launch().await;
    plane.wait_state(id, SessionState::Ready).await;
    plane.control.end(id, EndReason::User, &admin()).await.unwrap();
    plane.wait_final(id).await;
    agent.plant(id);
    eventually("the tombstone is honoured", async || agent.containers().is_empty()).await;
    plane.control.shutdown().await;
}

#[tokio::test]
async fn a_workspace_that_nobody_knows_is_reported_once_and_left_alone() {
    let site = Site::new();
    let plane = site.open_with(often(&site)).await;
    let agent = FakeAgent::new(1, 2).share();
    let stranger = SessionId::from_uuid(Uuid::from_u128(4711));
    agent.plant(stranger);
    plane.add(&agent).await;
    let reports = async || {
        plane
            .actions()
            .await
            .into_iter()
            .filter(|action| action == "session.quarantined")
            .count()
    };
    eventually("it is reported", async || reports().await > 0).await;
    // Further rounds go by: a session comes and goes meanwhile.
    let id = plane.launch().await;
    plane.wait_state(id, SessionState::Ready).await;
    agent.lose(id);
    plane.wait_final(id).await;
    assert_eq!(reports().await, 1);
    assert!(agent.containers().contains_key(&stranger));
    plane.control.shutdown().await;
}

#[tokio::test]
async fn after_a_restart_ready_sessions_stay_only_where_their_container_still_is() {
    let site = Site::new();
    let agent = FakeAgent::new(1, 2).share();
    let plane = site.open().await;
    plane.add(&agent).await;
    let (stays, goes) = (plane.launch().await, plane.launch().await);
    for id in [stays, goes] {
        plane.wait_state(id, SessionState::Ready).await;
    }
    plane.control.shutdown().await;
    agent.lose(goes);

    let plane = site.open().await;
    assert_eq!(plane.control.recover().await.unwrap(), 0);
    assert_eq!(
        plane.control.session(goes).await.unwrap().unwrap().state,
        SessionState::Ready,
        "nobody has looked yet"
    );
    plane.add(&agent).await;
    assert_eq!(plane.wait_final(goes).await.end.unwrap().code, "workspace-gone");
    assert_eq!(plane.control.session(stays).await.unwrap().unwrap().state, SessionState::Ready);
    plane.control.shutdown().await;
}
