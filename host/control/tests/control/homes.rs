//! Homes that outlive their sessions: never lost, never taken for new, never in two sessions.

use std::collections::HashSet;

use gatewright_control::{HomeError, LaunchError, LaunchRequest, WorkspaceError, WorkspaceWish};
use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::{NodeId, SessionId, WorkspaceId};
use gatewright_ports::AgentError;

use crate::agent::{Call, FakeAgent, When};
use crate::support::{Plane, Site, admin, eventually};

/// Has Terminal keep homes.
async fn keeping(plane: &Plane) -> WorkspaceId {
    let id = plane.workspace("Terminal").await;
    let old = plane.control.workspace_setting(id).await.unwrap().unwrap().workspace;
    let wish = WorkspaceWish {
        name: old.name,
        description: old.description,
        icon: old.icon,
        image: old.image,
        resources: old.resources,
        network: old.network,
        keep_home: true,
        devices: old.devices.iter().map(ToString::to_string).collect(),
        enabled: old.enabled,
    };
    plane.control.change_workspace(id, wish, &admin()).await.unwrap();
    id
}

async fn try_launch(plane: &Plane) -> Result<SessionId, LaunchError> {
    let who = plane.login("demo").await;
    let request = LaunchRequest {
        workspace: plane.workspace("Terminal").await,
        key: None,
        client: "192.0.2.7".into(),
        zone: None,
    };
    Ok(plane.control.launch(&who, request).await?.id)
}

async fn launch_and_end(plane: &Plane) -> NodeId {
    let id = plane.launch().await;
    let ready = plane.wait_state(id, SessionState::Ready).await;
    end(plane, id).await;
    ready.node.unwrap()
}

async fn end(plane: &Plane, id: SessionId) {
    plane.control.end(id, EndReason::User, &admin()).await.unwrap().unwrap();
    plane.wait_final(id).await;
}

fn refused(outcome: Result<SessionId, LaunchError>) -> String {
    match outcome {
        Err(LaunchError::Unavailable(text)) => text,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_home_is_made_once_and_found_again_where_it_is() {
    let site = Site::new();
    let plane = site.open().await;
    let workspace = keeping(&plane).await;
    let (one, two) = (FakeAgent::new(1, 4).share(), FakeAgent::new(2, 4).share());
    plane.add(&one).await;
    plane.add(&two).await;
    let first = launch_and_end(&plane).await;
    let (home, other) = if first == one.node { (&one, &two) } else { (&two, &one) };
    let made = home.homes();
    assert_eq!((made.len(), other.homes().len()), (1, 0));
    for _ in 0..3 {
        assert_eq!(launch_and_end(&plane).await, home.node);
    }
    assert_eq!((home.homes(), other.homes().len()), (made, 0));

    // With the node away nobody gets an empty home on another one.
    plane.control.unregister_agent(home.node);
    let mut status = gatewright_ports::AgentControl::status(&**home).await.unwrap();
    status.degraded = Some("its disk is gone".into());
    gatewright_ports::Control::heartbeat(&plane.control, status).await.unwrap();
    let id = plane.launch().await;
    let text = plane.wait_final(id).await.message.unwrap();
    let wanted = "Your home folder is on a machine that can't be reached right now. Try again later. Ref ";
    assert!(text.starts_with(wanted), "{text}");
    assert!(other.homes().is_empty() && other.containers().is_empty());

    // A disk that is not mounted is no new home.
    plane.add(home).await;
    home.lose_homes();
    let id = plane.launch().await;
    let text = plane.wait_final(id).await.message.unwrap();
    assert!(
        text.starts_with("Your home folder was not found on its machine. Ask your administrator. Ref "),
        "{text}"
    );
    assert!(home.homes().is_empty());

    let kept = plane.control.delete_workspace(workspace, true, &admin()).await;
    assert!(matches!(kept, Err(WorkspaceError::HasHomes(1))), "{kept:?}");
    plane.control.shutdown().await;
}

#[tokio::test]
async fn a_home_is_new_until_its_node_has_confirmed_it() {
    let site = Site::new();
    let plane = site.open().await;
    keeping(&plane).await;
    let (one, two) = (FakeAgent::new(1, 4).really_full().share(), FakeAgent::new(2, 2).share());
    plane.add(&one).await;
    plane.add(&two).await;
    // Made, and the answer is lost.
    two.fault(Call::Create, When::After, AgentError::Unavailable);
    let id = plane.launch().await;
    assert_eq!(plane.wait_final(id).await.state, SessionState::Failed);
    let made = two.homes();
    assert_eq!(made.len(), 1);
    let who = plane.login("demo").await.user.id;
    assert_eq!(plane.control.home_folders(who).await.unwrap(), [], "nobody has been in it");
    assert_eq!(launch_and_end(&plane).await, two.node);
    assert_eq!(two.homes(), made);
    assert_eq!(plane.control.home_folders(who).await.unwrap().len(), 1);
    plane.control.shutdown().await;
}

#[tokio::test]
async fn of_two_launches_at_once_one_gets_the_home() {
    let site = Site::shared();
    let (plane, other) = (site.open().await, site.open().await);
    keeping(&plane).await;
    let agent = FakeAgent::new(1, 8).share();
    plane.add(&agent).await;
    other.add(&agent).await;
    let (first, second) = tokio::join!(try_launch(&plane), try_launch(&other));
    let (got, text) = match (first, second) {
        (Ok(id), refusal) | (refusal, Ok(id)) => (id, refused(refusal)),
        both => panic!("{both:?}"),
    };
    assert_eq!(text, "Terminal is already open and keeps your home; resume that one.");
    plane.wait_state(got, SessionState::Ready).await;
    assert_eq!(agent.containers().keys().copied().collect::<HashSet<_>>(), HashSet::from([got]));
    end(&plane, got).await;
    let next = try_launch(&other).await.unwrap();
    other.wait_state(next, SessionState::Ready).await;
    assert_eq!(agent.homes().len(), 1);
    plane.control.shutdown().await;
    other.control.shutdown().await;
}

#[tokio::test]
async fn a_home_is_deleted_by_its_person_once_no_session_has_it() {
    let site = Site::new();
    let plane = site.open().await;
    let workspace = keeping(&plane).await;
    let agent = FakeAgent::new(1, 4).share();
    plane.add(&agent).await;
    let who = plane.login("demo").await;
    let id = plane.launch().await;
    plane.wait_state(id, SessionState::Ready).await;
    let saved = plane.control.home_folders(who.user.id).await.unwrap().remove(0);
    assert_eq!((saved.workspace_name.as_str(), saved.in_use), ("Terminal", true));
    let by = who.actor("192.0.2.7");
    let busy = plane.control.delete_home_folder(saved.id, who.user.id, &by).await;
    assert!(matches!(busy, Err(HomeError::InUse)), "{busy:?}");
    end(&plane, id).await;
    let stranger = plane.login("admin").await.user.id;
    let foreign = plane.control.delete_home_folder(saved.id, stranger, &admin()).await;
    assert!(matches!(foreign, Err(HomeError::NotFound)), "{foreign:?}");
    assert_eq!(agent.homes().len(), 1);

    plane.control.delete_home_folder(saved.id, who.user.id, &by).await.unwrap();
    eventually("the node removes it", async || agent.homes().is_empty()).await;
    assert_eq!(plane.control.home_folders(who.user.id).await.unwrap(), []);
    assert!(plane.actions().await.contains(&"home.deleted".to_owned()));
    plane.control.delete_workspace(workspace, false, &admin()).await.unwrap();
    plane.control.shutdown().await;
}
