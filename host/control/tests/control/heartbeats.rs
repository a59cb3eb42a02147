//! Signs of life that say nothing new, and many nodes.

use std::time::Duration;

use gatewright_control::Clock as _;
use gatewright_core::session::SessionState;
use gatewright_ports::{AgentControl as _, Control as _};

use crate::agent::{Call, FakeAgent};
use crate::support::{HandClock, SOON, Site, eventually};

#[tokio::test]
async fn a_sign_that_says_nothing_new_counts_at_once_and_is_written_soon() {
    let site = Site::new();
    let clock = HandClock::new();
    let mut config = site.config();
    config.clock = clock.clone();
    let plane = site.open_with(config).await;
    let agent = FakeAgent::new(1, 2).share();
    plane.add(&agent).await;
    eventually("it is asked once, since it is new", async || agent.calls(Call::Status) == 2).await;

    clock.advance(Duration::from_secs(31));
    let silent = plane.launch().await;
    let failed = plane.wait_final(silent).await;
    assert_eq!(failed.state, SessionState::Failed, "its only node was silent for too long");
    plane.control.heartbeat(agent.status().await.unwrap()).await.unwrap();
    let session = plane.launch().await;
    plane.wait_state(session, SessionState::Ready).await;
    // As any web-app sees it.
    let written = plane.control.wait_for_node(agent.node, clock.now());
    tokio::time::timeout(SOON, written).await.unwrap();
}

#[tokio::test]
async fn of_more_nodes_than_are_asked_about_at_once_the_one_with_the_image_is_found() {
    let site = Site::new();
    let plane = site.open().await;
    let mut others = Vec::new();
    for number in 2..1_100 {
        let agent = FakeAgent::new(number, 2).without_images().share();
        plane.add(&agent).await;
        others.push(agent);
    }
    let agent = FakeAgent::new(1, 2).share();
    plane.add(&agent).await;
    for _ in 0..2 {
        let session = plane.launch().await;
        plane.wait_state(session, SessionState::Ready).await;
        assert!(agent.containers().contains_key(&session));
    }
    assert!(others.iter().all(|other| other.calls(Call::Create) == 0));
}
