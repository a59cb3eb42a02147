//! Pausing and going on, with agents that fail and control planes that die in between.

use std::time::Duration;

use gatewright_control::{ControlConfig, PauseError};
use gatewright_core::SessionId;
use gatewright_core::session::{EndReason, SessionState};
use gatewright_ports::{AgentError, Control};

use crate::agent::{Call, FakeAgent, When};
use crate::support::{Plane, SOON, Site, admin, eventually};

async fn ready(plane: &Plane) -> SessionId {
    let id = plane.launch().await;
    plane.wait_state(id, SessionState::Ready).await;
    id
}

fn often(site: &Site) -> ControlConfig {
    let mut config = site.config();
    config.reconcile_every = Duration::from_millis(20);
    config
}

async fn times(plane: &Plane, wanted: &str) -> usize {
    plane.actions().await.iter().filter(|action| *action == wanted).count()
}

#[tokio::test]
async fn a_session_is_paused_and_goes_on_and_keeps_its_room() {
    let site = Site::new();
    let plane = site.open().await;
    let agent = FakeAgent::new(1, 1).share();
    plane.add(&agent).await;
    let id = ready(&plane).await;
    let mut watching = plane.control.subscribe(id).await.unwrap().unwrap();
    for _ in 0..2 {
        let view = plane.control.pause(id, &admin()).await.unwrap();
        assert_eq!((view.state, view.step.as_str()), (SessionState::Ready, "Paused"));
        assert!(view.paused_at.is_some());
    }
    eventually("it is paused", async || agent.is_paused(id)).await;
    tokio::time::timeout(SOON, watching.wait_for(|view| view.paused_at.is_some()))
        .await
        .unwrap()
        .unwrap();
    // Proxies let nobody in, and the room stays taken.
    assert!(plane.control.session(id).await.unwrap().unwrap().paused_at.is_some());
    assert!(Control::session(&plane.control, id).await.unwrap().paused);
    let other = plane.launch().await;
    assert_eq!(plane.wait_final(other).await.state, SessionState::Failed);

    for _ in 0..2 {
        assert!(plane.control.resume(id, &admin()).await.unwrap().paused_at.is_none());
    }
    eventually("it goes on", async || !agent.is_paused(id)).await;
    tokio::time::timeout(SOON, watching.wait_for(|view| view.paused_at.is_none()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (times(&plane, "session.paused").await, times(&plane, "session.resumed").await),
        (1, 1)
    );

    // A paused one ends like any other, and then it is not paused any more.
    plane.control.pause(id, &admin()).await.unwrap();
    plane.control.end(id, EndReason::User, &admin()).await.unwrap();
    let ended = plane.wait_final(id).await;
    assert_eq!((ended.state, ended.paused_at), (SessionState::Ended, None));
    assert!(agent.containers().is_empty());
    let refused = plane.control.pause(id, &admin()).await;
    assert!(matches!(refused, Err(PauseError::NotReady(SessionState::Ended))));
    plane.control.shutdown().await;
}

#[tokio::test]
async fn whoever_dies_before_the_agent_was_told_the_next_one_tells_it() {
    for (call, paused) in [(Call::Pause, true), (Call::Resume, false)] {
        for when in [When::Before, When::After] {
            let what = format!("{call:?} {when:?}");
            let site = Site::new();
            let plane = site.open().await;
            let agent = FakeAgent::new(1, 1).share();
            plane.add(&agent).await;
            let id = ready(&plane).await;
            if !paused {
                plane.control.pause(id, &admin()).await.unwrap();
                eventually("it is paused", async || agent.is_paused(id)).await;
            }
            agent.fault(call, when, AgentError::Unavailable);
            if paused {
                plane.control.pause(id, &admin()).await.unwrap();
            } else {
                plane.control.resume(id, &admin()).await.unwrap();
            }
            eventually("the agent was called", async || agent.calls(call) == 1).await;
            plane.control.shutdown().await;

            let next = site.open_with(often(&site)).await;
            next.control.recover().await.unwrap();
            next.add(&agent).await;
            eventually(&what, async || agent.is_paused(id) == paused).await;
            let view = next.control.session(id).await.unwrap().unwrap();
            assert_eq!((view.state, view.paused_at.is_some()), (SessionState::Ready, paused), "{what}");
            next.control.shutdown().await;
        }
    }
}

#[tokio::test]
async fn what_the_engine_cannot_pause_runs_and_says_why() {
    let site = Site::new();
    let plane = site.open().await;
    let agent = FakeAgent::new(1, 1).share();
    plane.add(&agent).await;
    let id = ready(&plane).await;
    agent.fault(Call::Pause, When::Before, AgentError::Unsupported { why: "no freezer".into() });
    plane.control.pause(id, &admin()).await.unwrap();
    plane.wait(id, |view| view.paused_at.is_none()).await;
    assert!(!agent.is_paused(id));
    assert_eq!(times(&plane, "session.pause-failed").await, 1);
    // And again, now that it can.
    plane.control.pause(id, &admin()).await.unwrap();
    eventually("it is paused", async || agent.is_paused(id)).await;
    plane.control.shutdown().await;
}

#[tokio::test]
async fn somebody_else_who_pauses_it_is_corrected() {
    let site = Site::new();
    let plane = site.open_with(often(&site)).await;
    let agent = FakeAgent::new(1, 1).share();
    plane.add(&agent).await;
    let id = ready(&plane).await;
    agent.freeze(id);
    eventually("it goes on", async || !agent.is_paused(id)).await;
    plane.control.shutdown().await;
}
