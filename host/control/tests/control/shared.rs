//! Two web-apps over one PostgreSQL: what is begun on one is seen, ended and finished on the other.

use std::sync::Arc;
use std::sync::mpsc;

use gatewright_control::{LoginError, Step};
use gatewright_core::session::{EndReason, SessionState};
use gatewright_ports::Control;
use secrecy::SecretString;

use crate::agent::{Call, FakeAgent, When};
use crate::hooks::{Freeze, Stall};
use crate::support::{PASSWORD, Plane, SOON, Site, admin, eventually};

async fn two(site: &Site, agent: &Arc<FakeAgent>) -> (Plane, Plane) {
    let (one, other) = tokio::join!(site.open(), site.open());
    for plane in [&one, &other] {
        plane.add(agent).await;
        plane.control.recover().await.unwrap();
    }
    (one, other)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_begins_the_other_watches_and_ends() {
    let site = Site::shared();
    let agent = FakeAgent::new(1, 5).share();
    let (one, other) = two(&site, &agent).await;
    let filled = [&one, &other]
        .into_iter()
        .filter(|plane| !plane.seeded.passwords.is_empty())
        .count();
    assert_eq!(filled, 1, "one filled the database, the other found it filled");
    let id = one.launch().await;
    other.wait_state(id, SessionState::Ready).await;
    assert_eq!(Control::session(&other.control, id).await.unwrap().node, agent.node);
    // Asked for on the other, seen on the first.
    let watching = one.control.subscribe(id).await.unwrap().unwrap();
    other.control.end(id, EndReason::User, &admin()).await.unwrap();
    let mut watching = watching;
    tokio::time::timeout(SOON, watching.wait_for(|view| view.state == SessionState::Ended))
        .await
        .unwrap()
        .unwrap();
    assert!(agent.containers().is_empty());
    let told = other.actions().await.into_iter().filter(|action| action == "session.ended").count();
    assert_eq!(told, 1);
    one.control.shutdown().await;
    other.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_that_waits_on_one_is_ended_on_the_other() {
    let site = Site::shared();
    let agent = FakeAgent::new(1, 5).mute().share();
    let (one, other) = two(&site, &agent).await;
    let id = one.launch().await;
    other.wait_state(id, SessionState::Waiting).await;
    other.control.end(id, EndReason::User, &admin()).await.unwrap();
    assert_eq!(other.wait_final(id).await.state, SessionState::Ended);
    assert_eq!(one.wait_final(id).await.state, SessionState::Ended);
    assert!(agent.containers().is_empty());
    one.control.shutdown().await;
    other.control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_and_its_end_count_on_both() {
    let site = Site::shared();
    let agent = FakeAgent::new(1, 5).share();
    let (one, other) = two(&site, &agent).await;
    let login = one.control.login("demo", SecretString::from(PASSWORD), "192.0.2.7").await.unwrap();
    assert!(other.control.authenticate(&login.token).await.unwrap().is_some());
    other.control.disable_user(login.identity.user.id, &admin()).await.unwrap();
    assert!(one.control.authenticate(&login.token).await.unwrap().is_none());
    let refused = one.control.login("demo", SecretString::from(PASSWORD), "").await.unwrap_err();
    assert!(matches!(refused, LoginError::Wrong));
    one.control.shutdown().await;
    other.control.shutdown().await;
}

#[test]
fn whoever_dies_in_whatever_step_the_other_brings_it_to_its_end() {
    for step in Step::ALL {
        for when in [When::Before, When::After] {
            let what = format!("{step:?} {when:?}");
            let site = Site::shared();
            let agent = FakeAgent::new(1, 1).share();
            let living = runtime();
            let other = living.block_on(async {
                let plane = site.open().await;
                plane.add(&agent).await;
                plane.control.recover().await.unwrap();
                plane
            });
            let launching = step <= Step::Ready;
            let (sender, reached) = mpsc::channel();
            let dying = runtime();
            let id = dying.block_on(async {
                let plane = site.open_hooked(Arc::new(Freeze::at((step, when), sender))).await;
                plane.add(&agent).await;
                plane.control.recover().await.unwrap();
                let id = plane.launch().await;
                if !launching {
                    plane.wait_state(id, SessionState::Ready).await;
                    plane.control.end(id, EndReason::User, &admin()).await.unwrap();
                }
                id
            });
            reached.recv_timeout(SOON).unwrap_or_else(|_| panic!("{what} is never reached"));
            // All tasks are dropped where they are, as by SIGKILL.
            dying.shutdown_timeout(std::time::Duration::from_secs(10));

            living.block_on(async {
                if (step, when) == (Step::Ready, When::After) {
                    let view = other.wait_state(id, SessionState::Ready).await;
                    assert!(view.end.is_none(), "{what}");
                    other.control.end(id, EndReason::User, &admin()).await.unwrap();
                    other.wait_final(id).await;
                } else {
                    let view = other.wait_final(id).await;
                    let expected = if launching {
                        (SessionState::Failed, "interrupted")
                    } else {
                        (SessionState::Ended, "user")
                    };
                    assert_eq!((view.state, view.end.unwrap().code.as_str()), expected, "{what}");
                }
                assert!(agent.containers().is_empty(), "{what}: a container is left");
                // And the room is free again.
                let next = other.launch().await;
                other.wait_state(next, SessionState::Ready).await;
                let finals = other.actions().await;
                let finals = finals.iter().filter(|a| *a == "session.failed" || *a == "session.ended").count();
                assert_eq!(finals, 1, "{what}: told once");
                other.control.shutdown().await;
            });
        }
    }
}

#[test]
fn a_driver_that_was_taken_for_dead_writes_nothing_any_more() {
    stalls_at((Step::Start, When::After));
}

/// It has yet to tell the agent when everything is undone: the agent does not listen to it any more.
#[test]
fn a_driver_that_was_taken_for_dead_makes_nothing_any_more() {
    stalls_at((Step::Create, When::Before));
}

fn stalls_at(step: (Step, When)) {
    let site = Site::shared();
    let agent = FakeAgent::new(1, 5).share();
    let living = runtime();
    let other = living.block_on(async {
        let plane = site.open().await;
        plane.add(&agent).await;
        plane.control.recover().await.unwrap();
        plane
    });
    let (sender, reached) = mpsc::channel();
    let (go, held) = mpsc::channel();
    std::thread::scope(|scope| {
        let stalling = scope.spawn(|| {
            // One thread for all of it: while the hook holds it, not even the lease is kept.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let plane = site.open_hooked(Arc::new(Stall::at(step, sender, held))).await;
                plane.add(&agent).await;
                let id = plane.launch().await;
                // It comes to itself when the other one has undone its work.
                eventually("the driver gave up", async || {
                    plane.control.session(id).await.unwrap().unwrap().state.is_final()
                })
                .await;
                plane.control.shutdown().await;
                id
            })
        });
        reached.recv_timeout(SOON).unwrap();
        living.block_on(async {
            eventually("and said so", async || {
                other.actions().await.iter().any(|action| action == "session.failed")
            })
            .await;
            assert!(agent.containers().is_empty(), "the other one undid it");
        });
        go.send(()).unwrap();
        let id = stalling.join().unwrap();
        living.block_on(async {
            let view = other.control.session(id).await.unwrap().unwrap();
            assert_eq!(view.state, SessionState::Failed);
            assert!(view.ready_at.is_none());
            let actions = other.actions().await;
            assert!(!actions.iter().any(|action| action == "session.ready"));
            assert_eq!(agent.calls(Call::Create), 1, "the stalled driver did ask");
            assert_eq!(agent.calls(Call::WaitReady), 0, "the stalled driver went no further");
            assert!(agent.containers().is_empty(), "and nothing came of it");
            other.control.shutdown().await;
        });
    });
}
