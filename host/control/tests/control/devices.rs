//! Devices: a session goes only where all of those are that its workspace asked for.

use gatewright_control::{ActivityQuery, WorkspaceError, WorkspaceWish};
use gatewright_core::DeviceName;
use gatewright_core::session::SessionState;

use crate::agent::FakeAgent;
use crate::support::{Plane, Site, admin};

const ONE: &str = "vendor.example/probe=one";
const TWO: &str = "vendor.example/probe=two";

/// Has Terminal ask for devices.
async fn asking(plane: &Plane, devices: &[&str]) -> Result<(), WorkspaceError> {
    let id = plane.workspace("Terminal").await;
    let old = plane.control.workspace_setting(id).await.unwrap().unwrap().workspace;
    let wish = WorkspaceWish {
        name: old.name,
        description: old.description,
        icon: old.icon,
        image: old.image,
        resources: old.resources,
        network: old.network,
        keep_home: old.keep_home,
        devices: devices.iter().map(|one| (*one).to_owned()).collect(),
        enabled: old.enabled,
    };
    plane.control.change_workspace(id, wish, &admin()).await?;
    Ok(())
}

#[tokio::test]
async fn a_session_goes_where_all_its_devices_are() {
    let site = Site::new();
    let plane = site.open().await;
    let without = FakeAgent::new(1, 8).share();
    let half = FakeAgent::new(2, 8).with_device(ONE).share();
    let whole = FakeAgent::new(3, 8).with_device(TWO).with_device(ONE).share();
    for agent in [&without, &half, &whole] {
        plane.add(agent).await;
    }
    asking(&plane, &[ONE, TWO]).await.unwrap();
    for _ in 0..3 {
        let id = plane.launch().await;
        let ready = plane.wait_state(id, SessionState::Ready).await;
        assert_eq!(ready.node, Some(whole.node));
    }
    let views = plane.control.node_views().await.unwrap();
    let view = views.into_iter().find(|view| view.id == half.node).unwrap();
    assert_eq!(DeviceName::list(&view.devices), ONE);
}

/// A launch that fails: what the person reads, and what an administrator finds under its reference.
async fn failed(plane: &Plane) -> (String, String) {
    let id = plane.launch().await;
    let text = plane.wait_final(id).await.message.unwrap();
    let query = ActivityQuery {
        reference: Some(text.rsplit(' ').next().unwrap().parse().unwrap()),
        limit: 10,
        ..Default::default()
    };
    let page = plane.control.activity(&query).await.unwrap();
    (text, page.items[0].detail.clone().unwrap())
}

#[tokio::test]
async fn a_device_that_no_node_has_is_told_apart_from_a_node_that_is_full() {
    let site = Site::new();
    let plane = site.open().await;
    // The one with the device has no room.
    plane.add(&FakeAgent::new(1, 0).with_device(ONE).share()).await;
    plane.add(&FakeAgent::new(2, 8).share()).await;
    asking(&plane, &[ONE]).await.unwrap();
    let (text, detail) = failed(&plane).await;
    assert!(text.starts_with("No room right now. "), "{text}");
    assert!(
        detail.contains("node-2: has no vendor.example/probe=one") && !detail.contains("no node at all"),
        "{detail}"
    );

    asking(&plane, &[ONE, TWO]).await.unwrap();
    let (text, detail) = failed(&plane).await;
    assert!(
        text.starts_with("No machine has the devices that this workspace needs. Ask your administrator. "),
        "{text}"
    );
    for says in [
        "node-1: has no vendor.example/probe=two",
        "node-2: has no vendor.example/probe=one, vendor.example/probe=two",
        "no node at all has vendor.example/probe=two: name it under [agent] devices",
    ] {
        assert!(detail.contains(says), "{detail}");
    }
}

#[tokio::test]
async fn what_is_no_device_is_no_wish() {
    let site = Site::new();
    let plane = site.open().await;
    for (wish, says) in [
        (&["/dev/dri/card0"][..], "a path is none"),
        (&[ONE, ONE], "is there twice"),
        (
            &["v/c=1", "v/c=2", "v/c=3", "v/c=4", "v/c=5", "v/c=6", "v/c=7", "v/c=8", "v/c=9"],
            "8 devices at the most",
        ),
    ] {
        match asking(&plane, wish).await {
            Err(WorkspaceError::Invalid(fields)) => {
                assert_eq!(fields[0].field, "devices");
                assert!(fields[0].text.contains(says), "{}", fields[0].text);
            }
            other => panic!("{wish:?}: {other:?}"),
        }
    }
}
