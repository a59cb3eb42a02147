//! The process dies in every step. After the next start there is no container without a session and no session without
//! a container.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use gatewright_control::{NoHooks, SagaHooks, Step};
use gatewright_core::SessionId;
use gatewright_core::session::{EndReason, SessionState};

use crate::agent::{FakeAgent, When};
use crate::hooks::Freeze;
use crate::support::{Plane, SOON, Site, admin};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Runs until the step is reached, then kills everything that runs.
fn die_at(site: &Site, agent: &Arc<FakeAgent>, step: (Step, When)) -> SessionId {
    let (sender, reached) = mpsc::channel();
    let runtime = runtime();
    let hooks: Arc<dyn SagaHooks> = Arc::new(Freeze::at(step, sender));
    let launching = step.0 <= Step::Ready;
    let (plane, id) = runtime.block_on(async {
        let plane = site.open_hooked(hooks).await;
        plane.add(agent).await;
        let id = plane.launch().await;
        if !launching {
            plane.wait_state(id, SessionState::Ready).await;
            plane.control.end(id, EndReason::User, &admin()).await.unwrap();
        }
        (plane, id)
    });
    reached.recv_timeout(SOON).unwrap_or_else(|_| panic!("{step:?} is never reached"));
    // All tasks are dropped where they are, as by SIGKILL; nothing gets to tidy up.
    runtime.shutdown_timeout(Duration::from_secs(10));
    drop(plane);
    id
}

async fn start_again(site: &Site, agent: &Arc<FakeAgent>) -> Plane {
    let plane = site.open_hooked(Arc::new(NoHooks)).await;
    plane.control.recover().await.unwrap();
    // The agent comes after the control plane: the undo has to wait for it.
    plane.add(agent).await;
    plane
}

#[test]
fn nothing_is_left_of_a_process_that_died_in_any_step() {
    for step in Step::ALL {
        for when in [When::Before, When::After] {
            let what = format!("{step:?} {when:?}");
            let site = Site::new();
            let agent = FakeAgent::new(1, 1).share();
            let id = die_at(&site, &agent, (step, when));

            // Twice: what mends must not break what is mended.
            for _ in 0..2 {
                let runtime = runtime();
                runtime.block_on(async {
                    let plane = start_again(&site, &agent).await;
                    if (step, when) == (Step::Ready, When::After) {
                        // It was ready: workspaces outlive the control plane.
                        let view = plane.wait_state(id, SessionState::Ready).await;
                        assert!(view.end.is_none(), "{what}");
                        assert!(agent.containers().contains_key(&id), "{what}");
                    } else {
                        let view = plane.wait_final(id).await;
                        let code = view.end.unwrap().code;
                        if step <= Step::Ready {
                            assert_eq!((view.state, code.as_str()), (SessionState::Failed, "interrupted"), "{what}");
                        } else {
                            assert_eq!((view.state, code.as_str()), (SessionState::Ended, "user"), "{what}");
                        }
                        assert!(agent.containers().is_empty(), "{what}: a container is left");
                    }
                    plane.control.shutdown().await;
                });
            }

            // And the room is free again.
            let runtime = runtime();
            runtime.block_on(async {
                let plane = start_again(&site, &agent).await;
                if agent.containers().contains_key(&id) {
                    plane.control.end(id, EndReason::User, &admin()).await.unwrap();
                    plane.wait_final(id).await;
                }
                let next = plane.launch().await;
                plane.wait_state(next, SessionState::Ready).await;
                assert_eq!(agent.containers().len(), 1, "{what}");
                let finals = plane
                    .actions()
                    .await
                    .into_iter()
                    .filter(|a| a == "session.failed" || a == "session.ended")
                    .count();
                assert_eq!(finals, 1, "{what}: told once");
                plane.control.shutdown().await;
            });
        }
    }
}
