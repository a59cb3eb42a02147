//! Every step failed in turn, before it did anything and after it did all of it; the undo failed as well, so that it
//! runs twice; every call of the agent failed likewise. A clean slate each time.

use std::sync::Arc;

use gatewright_control::Step;
use gatewright_core::session::{EndReason, SessionState};
use gatewright_ports::{AgentError, Control, ControlError};

use crate::agent::{Call, FakeAgent, When};
use crate::hooks::FailSteps;
use crate::support::{Plane, Site, admin};

const LAUNCH: [Step; 6] = [Step::Place, Step::Reserve, Step::Create, Step::Start, Step::WaitReady, Step::Ready];
const UNDO: [Step; 3] = [Step::Disconnect, Step::Destroy, Step::Finish];
const BOTH: [When; 2] = [When::Before, When::After];

/// Nothing is left of a session, and the node can take another one.
async fn clean_slate(plane: &Plane, agent: &Arc<FakeAgent>, id: gatewright_core::SessionId, what: &str) {
    assert!(agent.containers().is_empty(), "{what}: a container is left");
    assert_eq!(plane.control.secrets(id).await.unwrap_err(), ControlError::NotFound, "{what}");
    let next = plane.launch().await;
    plane.wait_state(next, SessionState::Ready).await;
    plane.control.end(next, EndReason::User, &admin()).await.unwrap();
    plane.wait_final(next).await;
    assert!(agent.containers().is_empty(), "{what}: a container is left of the next session");
}

#[tokio::test]
async fn every_step_of_a_launch_is_undone() {
    for step in LAUNCH {
        for when in BOTH {
            let what = format!("{step:?} {when:?}");
            let site = Site::new();
            let hooks = Arc::new(FailSteps::at(&[(step, when)]));
            let plane = site.open_hooked(hooks.clone()).await;
            let agent = FakeAgent::new(1, 1).share();
            plane.add(&agent).await;
            let id = plane.launch().await;
            let failed = plane.wait_final(id).await;
            assert_eq!(hooks.left(), 0, "{what}");
            assert_eq!(failed.state, SessionState::Failed, "{what}");
            let text = failed.message.unwrap();
            assert!(
                text.starts_with("The desktop could not be started. Try again. Ref "),
                "{what}: {text}"
            );
            clean_slate(&plane, &agent, id, &what).await;
            plane.control.shutdown().await;
        }
    }
}

#[tokio::test]
async fn the_undo_is_repeated_until_it_is_through() {
    for failed in [Step::Reserve, Step::Create, Step::WaitReady] {
        for undo in UNDO {
            for when in BOTH {
                let what = format!("{failed:?}, then {undo:?} {when:?}");
                let site = Site::new();
                // Twice each: the undo runs three times.
                let hooks = Arc::new(FailSteps::at(&[(failed, When::After), (undo, when), (undo, when)]));
                let plane = site.open_hooked(hooks.clone()).await;
                let agent = FakeAgent::new(1, 1).share();
                plane.add(&agent).await;
                let id = plane.launch().await;
                let view = plane.wait_final(id).await;
                assert_eq!(view.state, SessionState::Failed, "{what}");
                crate::support::eventually(&what, async || hooks.left() == 0).await;
                clean_slate(&plane, &agent, id, &what).await;
                let finished = plane
                    .actions()
                    .await
                    .into_iter()
                    .filter(|action| action == "session.failed")
                    .count();
                assert_eq!(finished, 1, "{what}: told once");
                plane.control.shutdown().await;
            }
        }
    }
}

#[tokio::test]
async fn every_call_of_the_agent_may_fail_and_its_answer_get_lost() {
    let error = || AgentError::Engine {
        why: "connection reset".into(),
    };
    for call in [Call::Create, Call::Start, Call::WaitReady] {
        for when in BOTH {
            let what = format!("{call:?} {when:?}");
            let site = Site::new();
            let plane = site.open().await;
            let agent = FakeAgent::new(1, 1).share();
            agent.fault(call, when, error());
            // And the undo meets a node in the same bad shape.
            agent.fault(Call::Destroy, When::Before, AgentError::Unavailable);
            agent.fault(Call::Destroy, When::After, error());
            plane.add(&agent).await;
            let id = plane.launch().await;
            let failed = plane.wait_final(id).await;
            assert_eq!(failed.state, SessionState::Failed, "{what}");
            assert!(agent.calls(Call::Destroy) >= 3, "{what}");
            clean_slate(&plane, &agent, id, &what).await;
            plane.control.shutdown().await;
        }
    }
}

#[tokio::test]
async fn a_node_that_can_not_be_cleared_keeps_its_session_until_it_can() {
    let site = Site::new();
    let plane = site.open().await;
    // The first makes a container and says that it has no room; and does not clear it at once either.
    let first = FakeAgent::new(1, 1).share();
    let second = FakeAgent::new(2, 1).share();
    first.fault(Call::Create, When::After, AgentError::NoCapacity { why: "disk".into() });
    for _ in 0..5 {
        first.fault(Call::Destroy, When::Before, AgentError::Unavailable);
    }
    plane.add(&first).await;
    plane.add(&second).await;
    let id = plane.launch().await;
    let failed = plane.wait_final(id).await;
    assert_eq!(failed.state, SessionState::Failed, "no second desktop while the first may run");
    assert!(first.containers().is_empty());
    assert_eq!(second.calls(Call::Create), 0);
}
