//! Checks of images: every step by its name, and nothing left whatever happens.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use gatewright_control::{CheckError, CheckState, CheckStep, CheckView, LaunchRequest, NoHooks, SagaHooks, Step};
use gatewright_core::WorkspaceId;
use gatewright_ports::AgentError;
use gatewright_ports::agent_control::ContractPart;

use crate::agent::{Call, FakeAgent, When};
use crate::hooks::Freeze;
use crate::support::{Plane, SOON, Site, admin, eventually};

impl Plane {
    async fn begin_check(&self, agent: &Arc<FakeAgent>) -> WorkspaceId {
        let who = self.login("admin").await;
        let workspace = self.workspace("Terminal").await;
        self.control.check_image(&who, "192.0.2.7", workspace, agent.node).await.unwrap();
        workspace
    }

    async fn end_of_check(&self, workspace: WorkspaceId) -> CheckView {
        eventually("the check is over", async || {
            let last = self.control.last_check(workspace).await.unwrap();
            last.is_some_and(|check| check.finished_at.is_some())
        })
        .await;
        self.control.last_check(workspace).await.unwrap().unwrap()
    }

    async fn check(&self, agent: &Arc<FakeAgent>) -> CheckView {
        let workspace = self.begin_check(agent).await;
        self.end_of_check(workspace).await
    }
}

fn failed(check: &CheckView) -> Vec<(CheckStep, &str)> {
    let failed = check.steps.iter().filter(|one| one.state == CheckState::Failed);
    failed.map(|one| (one.step, one.why.as_deref().unwrap())).collect()
}

fn skipped(check: &CheckView) -> Vec<CheckStep> {
    let skipped = check.steps.iter().filter(|one| one.state == CheckState::Skipped);
    skipped.map(|one| one.step).collect()
}

async fn checked_with(agent: FakeAgent) -> CheckView {
    let site = Site::new();
    let mut config = site.config();
    config.ready_timeout = Duration::from_millis(200);
    let (plane, agent) = (site.open_with(config).await, agent.share());
    plane.add(&agent).await;
    let check = plane.check(&agent).await;
    assert!(agent.containers().is_empty(), "nothing is left");
    assert_eq!(check.steps.last().unwrap().state, CheckState::Passed, "and that was looked at");
    assert_eq!(plane.control.sessions_of(plane.login("admin").await.user.id).await.unwrap(), []);
    check
}

#[tokio::test]
async fn a_good_image_passes_every_step() {
    let check = checked_with(FakeAgent::new(1, 4)).await;
    assert_eq!(check.passed, Some(true));
    assert_eq!(check.node_name, "node-1");
    let steps: Vec<_> = check.steps.iter().map(|one| (one.step, one.state)).collect();
    assert_eq!(steps, CheckStep::ALL.map(|step| (step, CheckState::Passed)));
}

#[tokio::test]
async fn a_broken_image_fails_at_the_step_that_it_breaks() {
    for (part, step) in [
        (ContractPart::Password, CheckStep::Password),
        (ContractPart::User, CheckStep::User),
        (ContractPart::Transfer, CheckStep::Transfer),
        (ContractPart::Stop, CheckStep::Stop),
    ] {
        let check = checked_with(FakeAgent::new(1, 4).breaking(part)).await;
        assert_eq!(check.passed, Some(false));
        assert_eq!(failed(&check), [(step, "it does otherwise")]);
        assert!(skipped(&check).is_empty());
        let advice = check.steps.iter().find(|one| one.step == step).unwrap().advice.clone();
        assert!(advice.is_some_and(|words| !words.is_empty()), "{step:?}");
    }
    let check = checked_with(FakeAgent::new(1, 4).mute()).await;
    let (step, why) = failed(&check)[0];
    assert_eq!(step, CheckStep::Desktop);
    assert!(why.starts_with("nothing speaks RFB on /run/session/vnc.sock within"), "{why}");
    let rest = [CheckStep::Password, CheckStep::User, CheckStep::Transfer, CheckStep::Stop];
    assert_eq!(skipped(&check), rest);
}

#[tokio::test]
async fn a_node_that_can_not_is_told_as_such() {
    let check = checked_with(FakeAgent::new(1, 4).without_images()).await;
    assert_eq!(
        failed(&check),
        [(CheckStep::Image, "the node has no image gatewright/terminal:dev")]
    );
    let check = checked_with(FakeAgent::new(1, 0)).await;
    let why = "node-1 has no room for it: its number of sessions is reached";
    assert_eq!(failed(&check), [(CheckStep::Create, why)]);
    let check = checked_with(FakeAgent::new(1, 4).really_full()).await;
    assert_eq!(failed(&check), [(CheckStep::Create, "node has no capacity: sessions")]);

    let agent = FakeAgent::new(1, 4);
    agent.fault(
        Call::Start,
        When::Before,
        AgentError::Engine {
            why: "no such file".into(),
        },
    );
    assert_eq!(
        failed(&checked_with(agent).await),
        [(CheckStep::Start, "engine failed: no such file")]
    );
    let agent = FakeAgent::new(1, 4);
    agent.fault(Call::WaitReady, When::Before, AgentError::Exited { code: 3 });
    let why = "workspace exited with code 3 before its desktop answered";
    assert_eq!(failed(&checked_with(agent).await), [(CheckStep::Desktop, why)]);

    let check = checked_with(FakeAgent::new(1, 4).not_looking_at(ContractPart::Stop)).await;
    assert_eq!(skipped(&check), [CheckStep::Stop]);
    assert_eq!(check.passed, Some(false), "what was not looked at is not kept");
}

#[tokio::test]
async fn one_check_at_a_time_and_none_on_a_node_that_is_away() {
    let site = Site::new();
    let (plane, agent) = (site.open().await, FakeAgent::new(1, 4).mute().share());
    plane.add(&agent).await;
    let workspace = plane.begin_check(&agent).await;
    let who = plane.login("admin").await;
    let again = plane.control.check_image(&who, "", workspace, agent.node).await;
    assert!(matches!(again, Err(CheckError::Running)));
    let other = FakeAgent::new(2, 4);
    let nowhere = plane.control.check_image(&who, "", workspace, other.node).await;
    assert!(matches!(nowhere, Err(CheckError::NotFound)));

    // People launch meanwhile; a check is none of anybody's sessions, and goes with its workspace.
    eventually("the check waits for the desktop", async || agent.calls(Call::WaitReady) == 1).await;
    assert_eq!(plane.control.sessions_of(who.user.id).await.unwrap(), []);
    let refused = plane.control.delete_workspace(workspace, false, &admin()).await;
    assert!(matches!(refused, Err(gatewright_control::WorkspaceError::InUse(1))));
    plane.control.delete_workspace(workspace, true, &admin()).await.unwrap();
    eventually("the check is gone", async || agent.containers().is_empty()).await;
    assert_eq!(plane.control.last_check(workspace).await.unwrap(), None);

    plane.control.unregister_agent(agent.node);
    let desktop = plane.workspace("Desktop").await;
    let away = plane.control.check_image(&who, "", desktop, agent.node).await;
    assert!(matches!(away, Err(CheckError::NodeAway(name)) if name == "node-1"));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_check_whose_control_plane_dies_is_swept_in_any_step() {
    for step in [
        Step::Reserve,
        Step::Create,
        Step::Start,
        Step::WaitReady,
        Step::Disconnect,
        Step::Destroy,
        Step::Finish,
    ] {
        for when in [When::Before, When::After] {
            let what = format!("{step:?} {when:?}");
            let (site, agent) = (Site::new(), FakeAgent::new(1, 1).share());
            let (sender, reached) = mpsc::channel();
            let dying = runtime();
            let hooks: Arc<dyn SagaHooks> = Arc::new(Freeze::at((step, when), sender));
            let (plane, workspace) = dying.block_on(async {
                let plane = site.open_hooked(hooks).await;
                plane.add(&agent).await;
                let workspace = plane.begin_check(&agent).await;
                (plane, workspace)
            });
            reached.recv_timeout(SOON).unwrap_or_else(|_| panic!("{what} is never reached"));
            dying.shutdown_timeout(Duration::from_secs(10));
            drop(plane);

            runtime().block_on(async {
                let plane = site.open_hooked(Arc::new(NoHooks)).await;
                plane.control.recover().await.unwrap();
                plane.add(&agent).await;
                let check = plane.end_of_check(workspace).await;
                assert!(agent.containers().is_empty(), "{what}");
                if step < Step::Disconnect {
                    assert_eq!(check.passed, Some(false), "{what}");
                    let (_, why) = failed(&check)[0];
                    assert!(why.starts_with("the check was broken off: The service restarted"), "{what}: {why}");
                } else {
                    assert_eq!(check.passed, Some(true), "{what}: {check:?}");
                }
                // The room that it took is there again.
                let who = plane.login("demo").await;
                let request = LaunchRequest {
                    workspace,
                    key: None,
                    client: String::new(),
                    zone: None,
                };
                let launched = plane.control.launch(&who, request).await.unwrap();
                plane.wait_state(launched.id, gatewright_core::session::SessionState::Ready).await;
                plane.control.shutdown().await;
            });
        }
    }
}
