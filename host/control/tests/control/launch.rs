//! Launches that go well, and those that are refused for a reason.

use std::sync::Arc;
use std::time::Duration;

use gatewright_control::{LaunchError, LaunchRequest};
use gatewright_core::session::{EndReason, SessionState};
use gatewright_ports::{Control, ControlError};
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::agent::{Call, FakeAgent, FakeProxy};
use crate::support::{Site, admin};

#[tokio::test]
async fn a_launch_goes_through_its_states_to_a_desktop_with_its_own_password() {
    let site = Site::new();
    let plane = site.open().await;
    let agent = FakeAgent::new(1, 2).share();
    plane.add(&agent).await;
    let id = plane.launch().await;
    let ready = plane.wait_state(id, SessionState::Ready).await;
    assert!(ready.steps.iter().all(|step| step.done), "{ready:?}");
    assert_eq!(ready.workspace.name, "Terminal");
    assert!(ready.ready_at.is_some());

    let container = agent.containers().remove(&id).unwrap();
    assert!(container.running);
    assert_eq!(container.password.len(), 8);
    let context = Control::session(&plane.control, id).await.unwrap();
    assert_eq!(context.user_name, "demo");
    assert_eq!(
        context.groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(),
        ["Sales", "all-users"]
    );
    assert_eq!(context.node, agent.node);
    let entries = plane.control.secrets(id).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.label.as_str()).collect::<Vec<_>>(), ["desktop"]);
    let entry = entries.first().unwrap();
    let password = plane.control.secret(id, entry.id).await.unwrap();
    assert_eq!(password.expose_secret(), container.password);

    // Another session gets another password, and not this one's entry.
    let other = plane.launch().await;
    plane.wait_state(other, SessionState::Ready).await;
    assert_eq!(plane.control.secret(other, entry.id).await.unwrap_err(), ControlError::NotFound);
    assert_ne!(agent.containers().get(&other).unwrap().password, container.password);

    plane.control.end(id, EndReason::User, &admin()).await.unwrap().unwrap();
    let ended = plane.wait_final(id).await;
    assert_eq!(ended.state, SessionState::Ended);
    assert_eq!(ended.end.unwrap().code, "user");
    assert_eq!(plane.control.secrets(id).await.unwrap_err(), ControlError::NotFound);
    assert!(!agent.containers().contains_key(&id));
    let actions = plane.actions().await;
    let about: Vec<_> = actions.iter().filter(|action| action.starts_with("session.")).collect();
    assert_eq!(
        about,
        [
            "session.requested",
            "session.ready",
            "session.requested",
            "session.ready",
            "session.ending",
            "session.ended"
        ]
    );
    plane.control.shutdown().await;
}

#[tokio::test]
async fn the_last_room_goes_to_one_of_two_launches() {
    let site = Site::new();
    let plane = site.open().await;
    let agent = FakeAgent::new(1, 1).share();
    plane.add(&agent).await;
    let (one, two) = tokio::join!(plane.launch(), plane.launch());
    let settled = |view: &gatewright_control::SessionView| view.state == SessionState::Ready || view.state.is_final();
    let (first, second) = tokio::join!(plane.wait(one, settled), plane.wait(two, settled));
    let mut views = [first, second];
    views.sort_by_key(|view| view.state);
    let [ready, failed] = views;
    assert_eq!(ready.state, SessionState::Ready);
    assert_eq!(failed.state, SessionState::Failed);
    let text = failed.message.unwrap();
    assert!(text.starts_with("No room right now. Try again in a few minutes. Ref "), "{text}");
    assert_eq!(agent.containers().len(), 1);
    assert_eq!(agent.calls(Call::Create), 1, "the other one was never sent to the node");

    // Why, an administrator finds under the reference that the person was told.
    let reference = text.rsplit(' ').next().unwrap().parse().unwrap();
    let query = gatewright_control::ActivityQuery {
        reference: Some(reference),
        limit: 10,
        ..Default::default()
    };
    let page = plane.control.activity(&query).await.unwrap();
    let item = page.items.first().unwrap();
    assert_eq!(item.action.as_deref(), Some("session.launch-failed"));
    assert!(item.detail.as_deref().unwrap().contains("node-1"), "{item:?}");
}

#[tokio::test]
async fn no_node_at_all_is_no_room() {
    let site = Site::new();
    let plane = site.open().await;
    let id = plane.launch().await;
    let failed = plane.wait_final(id).await;
    assert_eq!(failed.state, SessionState::Failed);
    assert!(failed.message.unwrap().starts_with("No room right now."));
}

#[tokio::test]
async fn a_node_that_has_less_room_than_it_said_is_left_for_the_next() {
    let site = Site::new();
    let plane = site.open().await;
    // Equal in all that it says, so the first by name is tried first.
    let full = FakeAgent::new(1, 5).really_full().share();
    let good = FakeAgent::new(2, 5).share();
    plane.add(&full).await;
    plane.add(&good).await;
    let id = plane.launch().await;
    plane.wait_state(id, SessionState::Ready).await;
    assert_eq!(full.calls(Call::Create), 1);
    assert_eq!(full.calls(Call::Destroy), 1, "cleared before the next node is tried");
    let container = good.containers().remove(&id).unwrap();
    let entry = plane.control.secrets(id).await.unwrap().remove(0);
    assert_eq!(
        plane.control.secret(id, entry.id).await.unwrap().expose_secret(),
        container.password
    );
    assert_eq!(Control::session(&plane.control, id).await.unwrap().node, good.node);
}

#[tokio::test]
async fn an_image_that_no_node_has_is_said_so() {
    let site = Site::new();
    let plane = site.open().await;
    let agent = FakeAgent::new(1, 5).without_images().share();
    plane.add(&agent).await;
    let id = plane.launch().await;
    let failed = plane.wait_final(id).await;
    assert_eq!(failed.state, SessionState::Failed);
    assert!(
        failed
            .message
            .unwrap()
            .starts_with("This workspace is not installed on any machine yet.")
    );
    assert!(agent.containers().is_empty());
}

#[tokio::test]
async fn a_silent_node_takes_no_sessions() {
    let site = Site::new();
    let clock = crate::support::HandClock::new();
    let mut config = site.config();
    config.clock = clock.clone();
    let plane = site.open_with(config).await;
    let agent = FakeAgent::new(1, 5).share();
    plane.add(&agent).await;
    // The control plane's own first look counts as a sign of life too, and is stored before the first launch is ready: writes
    // queue up. Only then may time pass.
    crate::support::eventually("the node was looked at", async || agent.calls(Call::Status) == 2).await;
    let first = plane.launch().await;
    plane.wait_state(first, SessionState::Ready).await;
    clock.advance(Duration::from_secs(31));
    let id = plane.launch().await;
    let failed = plane.wait_final(id).await;
    assert_eq!(failed.state, SessionState::Failed);
    assert_eq!(agent.calls(Call::Create), 1);
}

#[tokio::test]
async fn a_desktop_that_never_answers_is_given_up_and_removed() {
    let site = Site::new();
    let mut config = site.config();
    config.ready_timeout = Duration::from_millis(50);
    let plane = site.open_with(config).await;
    let agent = FakeAgent::new(1, 5).mute().share();
    plane.add(&agent).await;
    let id = plane.launch().await;
    let failed = plane.wait_final(id).await;
    assert_eq!(failed.state, SessionState::Failed);
    assert!(failed.message.unwrap().starts_with("The desktop did not answer in time."));
    assert!(agent.containers().is_empty());
}

#[tokio::test]
async fn a_launch_is_ended_while_it_waits() {
    let site = Site::new();
    let plane = site.open().await;
    let agent = FakeAgent::new(1, 5).mute().share();
    plane.add(&agent).await;
    let id = plane.launch().await;
    plane.wait_state(id, SessionState::Waiting).await;
    let ending = plane.control.end(id, EndReason::User, &admin()).await.unwrap().unwrap();
    assert!(ending.state >= SessionState::Ending);
    let ended = plane.wait_final(id).await;
    assert_eq!(ended.state, SessionState::Ended);
    assert!(ended.ready_at.is_none());
    assert!(agent.containers().is_empty());
}

#[tokio::test]
async fn the_same_request_is_the_same_session_and_there_is_a_limit() {
    let site = Site::new();
    let mut config = site.config();
    config.sessions_per_user = 2;
    let plane = site.open_with(config).await;
    let agent = FakeAgent::new(1, 5).share();
    plane.add(&agent).await;
    let who = plane.login("demo").await;
    let request = |key: Option<u128>, workspace| LaunchRequest {
        workspace,
        key: key.map(Uuid::from_u128),
        client: String::new(),
        zone: None,
    };
    let terminal = plane.workspace("Terminal").await;
    let (one, same) = tokio::join!(
        plane.control.launch(&who, request(Some(5), terminal)),
        plane.control.launch(&who, request(Some(5), terminal))
    );
    assert_eq!(one.unwrap().id, same.unwrap().id);
    plane.control.launch(&who, request(Some(6), terminal)).await.unwrap();
    let refused = plane.control.launch(&who, request(Some(7), terminal)).await.unwrap_err();
    assert!(matches!(refused, LaunchError::TooMany { limit: 2 }), "{refused}");
    assert_eq!(plane.control.sessions_of(who.user.id).await.unwrap().len(), 2);

    let firefox = plane.workspace("Firefox").await;
    let refused = plane.control.launch(&who, request(None, firefox)).await.unwrap_err();
    assert!(matches!(refused, LaunchError::Unavailable(_)), "{refused}");
    let nowhere = gatewright_core::WorkspaceId::from_uuid(Uuid::from_u128(404));
    let refused = plane.control.launch(&who, request(None, nowhere)).await.unwrap_err();
    assert!(matches!(refused, LaunchError::NotFound), "{refused}");
}

#[tokio::test]
async fn ending_and_disabling_close_open_streams() {
    let site = Site::new();
    let plane = site.open().await;
    let agent = FakeAgent::new(1, 5).share();
    let proxy = Arc::new(FakeProxy::default());
    plane.add(&agent).await;
    plane.control.register_proxy(proxy.clone());
    let (one, two) = (plane.launch().await, plane.launch().await);
    for id in [one, two] {
        plane.wait_state(id, SessionState::Ready).await;
        proxy.connect(id);
    }
    // A proxy reports what it could not inspect.
    let reason = EndReason::ProtocolViolation("wild length".into());
    plane.control.end_session(one, reason.clone()).await.unwrap();
    let ended = plane.wait_final(one).await;
    assert_eq!(ended.end.unwrap().code, "protocol-violation");
    assert_eq!(proxy.closed(), [(one, reason.clone())]);

    let (who, terminal) = (plane.login("demo").await, plane.workspace("Terminal").await);
    plane.control.disable_user(who.user.id, &admin()).await.unwrap();
    let ended = plane.wait_final(two).await;
    assert_eq!(ended.end.unwrap().code, "user-disabled");
    assert_eq!(proxy.closed(), [(one, reason), (two, EndReason::UserDisabled)]);
    assert!(agent.containers().is_empty(), "nothing of a disabled user goes on");
    let context = Control::session(&plane.control, two).await.unwrap();
    assert_eq!(
        context.end,
        Some(EndReason::UserDisabled),
        "what a proxy tells whoever is connected"
    );

    // Somebody who was logged in a moment ago.
    let late = LaunchRequest {
        workspace: terminal,
        key: None,
        client: String::new(),
        zone: None,
    };
    let refused = plane.control.launch(&who, late).await.unwrap_err();
    assert!(matches!(refused, LaunchError::Unavailable(_)), "{refused}");
}
