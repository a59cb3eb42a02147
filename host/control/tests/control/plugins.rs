//! The registry with the real plugin host and plugins built from this tree.

use std::time::Duration;

use gatewright_control::plugin_host::Stage;
use gatewright_control::{ActivateError, DeleteError, RollBackError, UploadError};
use gatewright_core::plugin::PluginName;
use gatewright_core::session::SessionState;
use gatewright_ports::Control;

use crate::agent::FakeAgent;
use crate::support::{Plane, Site, admin, eventually, guest, guests};

fn name() -> PluginName {
    "dlp-clipboard".parse().unwrap()
}

/// The same plugin and version with other bytes: an empty custom section more.
fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend_from_slice(&[0, 2, 1, b'x']);
    bytes
}

async fn upload(plane: &Plane, bytes: Vec<u8>) -> Result<String, UploadError> {
    Ok(plane.control.upload_plugin(bytes.into(), &admin()).await?.version)
}

async fn active(plane: &Plane) -> Option<String> {
    let policy = plane.control.policy().await.unwrap();
    policy.plugins.get(&name()).map(|plugin| plugin.version.clone())
}

#[tokio::test]
async fn a_version_is_uploaded_activated_and_rolled_back() {
    let site = Site::new();
    let plane = site.open().await;
    let mild = guest("dlp-clipboard@0.1.0.wasm");
    assert_eq!(upload(&plane, mild.clone()).await.unwrap(), "0.1.0");
    assert_eq!(upload(&plane, guest("dlp-clipboard@0.2.0.wasm")).await.unwrap(), "0.2.0");
    assert_eq!(active(&plane).await, None, "uploading alone changes nothing");
    let view = plane.control.plugin(&name()).await.unwrap().unwrap();
    assert_eq!(
        view.versions
            .iter()
            .map(|one| (one.version.as_str(), one.state.as_str()))
            .collect::<Vec<_>>(),
        [("0.2.0", "ready"), ("0.1.0", "ready")]
    );
    assert_eq!(view.used_by.len(), 4);

    let before = plane.control.watch(0).await.unwrap();
    plane.control.activate_plugin(&name(), "0.1.0", &admin()).await.unwrap();
    let after = tokio::time::timeout(Duration::from_secs(1), plane.control.watch(before))
        .await
        .unwrap()
        .unwrap();
    assert!(after > before, "whoever watches is woken at once");
    assert_eq!(active(&plane).await.as_deref(), Some("0.1.0"));
    let impact = plane.control.plugin_impact(&name(), "0.2.0").await.unwrap().unwrap();
    assert_eq!(impact.replaces.as_deref(), Some("0.1.0"));
    assert_eq!(impact.groups, ["Sales", "all-users"]);
    assert_eq!((impact.rules.len(), impact.open_sessions), (4, 0));

    let stricter = plane.control.activate_plugin(&name(), "0.2.0", &admin()).await.unwrap();
    assert_eq!(stricter.active.unwrap().state, "active");
    assert_eq!(stricter.previous.unwrap().version, "0.1.0");
    let digest = plane.control.policy().await.unwrap().plugins.get(&name()).unwrap().digest;
    assert_eq!(plane.control.component(digest).await.unwrap(), guest("dlp-clipboard@0.2.0.wasm"));
    let deleted = plane.control.delete_plugin_version(&name(), "0.2.0", &admin()).await.unwrap_err();
    assert!(matches!(deleted, DeleteError::Active), "{deleted}");

    let back = plane.control.roll_back_plugin(&name(), &admin()).await.unwrap();
    assert_eq!(back.active.unwrap().version, "0.1.0");
    assert_eq!(active(&plane).await.as_deref(), Some("0.1.0"));
    let nothing = plane.control.roll_back_plugin(&name(), &admin()).await.unwrap_err();
    assert!(matches!(nothing, RollBackError::Nothing), "{nothing}");
    plane.control.delete_plugin_version(&name(), "0.2.0", &admin()).await.unwrap();

    // The same bytes again are the same version, other bytes are not.
    assert_eq!(upload(&plane, mild.clone()).await.unwrap(), "0.1.0");
    let taken = upload(&plane, padded(mild)).await.unwrap_err();
    assert!(matches!(taken, UploadError::VersionTaken { .. }), "{taken}");
    let missing = plane.control.activate_plugin(&name(), "9.9.9", &admin()).await.unwrap_err();
    assert!(matches!(missing, ActivateError::NotFound), "{missing}");
    plane.control.shutdown().await;
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_and_leaves_nothing() {
    let site = Site::new();
    let plane = site.open().await;
    let good = guest("dlp-clipboard@0.1.0.wasm");
    let half = good.get(..good.len() / 2).unwrap().to_vec();
    for bytes in [Vec::new(), b"not wasm at all".to_vec(), half] {
        match upload(&plane, bytes).await {
            Err(UploadError::Bad(bad)) => assert_eq!(bad.stage, Stage::Manifest, "{bad}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(plane.control.plugins().await.unwrap().is_empty());
    assert_eq!(plane.actions().await.iter().filter(|action| *action == "plugin.refused").count(), 3);
}

#[tokio::test]
async fn the_first_start_activates_plugins_and_only_readies_the_stricter_one() {
    let site = Site::new();
    let plugins = site.dir.path().join("first");
    std::fs::create_dir(&plugins).unwrap();
    for file in ["dlp-clipboard.wasm", "dlp-clipboard@0.2.0.wasm", "placement-spread.wasm"] {
        std::fs::copy(guests().join(file), plugins.join(file)).unwrap();
    }
    std::fs::write(plugins.join("broken.wasm"), "nonsense").unwrap();
    let mut config = site.config();
    config.first_plugins = Some(plugins);
    let plane = site.open_with(config).await;
    assert_eq!(plane.seeded.bad_plugins.len(), 1);
    assert_eq!(active(&plane).await.as_deref(), Some("0.1.0"));
    let view = plane.control.plugin(&name()).await.unwrap().unwrap();
    assert_eq!(view.versions.iter().find(|one| one.version == "0.2.0").unwrap().state, "ready");

    // Placement is asked of the plugin, also after a restart of the control plane.
    plane.control.shutdown().await;
    let plane = site.open().await;
    let agent = FakeAgent::new(1, 2).share();
    plane.add(&agent).await;
    let id = plane.launch().await;
    plane.wait_state(id, SessionState::Ready).await;
    assert!(!plane.actions().await.contains(&"placement.fell-back".to_owned()));
    let full = FakeAgent::new(2, 0).share();
    plane.add(&full).await;
    let who = plane.login("demo").await;
    for _ in 0..2 {
        plane.launch().await;
    }
    let failed = plane
        .control
        .sessions_of(who.user.id)
        .await
        .unwrap()
        .into_iter()
        .map(|view| view.id)
        .collect::<Vec<_>>();
    for id in failed {
        plane
            .wait(id, |view| view.state == SessionState::Ready || view.state.is_final())
            .await;
    }
    let query = gatewright_control::ActivityQuery {
        limit: 50,
        ..Default::default()
    };
    let page = plane.control.activity(&query).await.unwrap();
    let refused = page
        .items
        .iter()
        .find(|item| item.action.as_deref() == Some("session.launch-failed"))
        .unwrap();
    let detail = refused.detail.as_deref().unwrap();
    assert!(detail.contains("by placement-spread"), "{detail}");
    assert!(detail.contains("node-2: "), "every rejection has its reason: {detail}");
    plane.control.shutdown().await;
}

#[tokio::test]
async fn a_placement_plugin_that_can_not_answer_raises_an_alarm_and_stops_nobody() {
    use gatewright_database::{ProviderPurpose, Store};
    use gatewright_ports::control::Provider;
    let site = Site::new();
    let plane = site.open().await;
    let version = upload(&plane, guest("placement-spread.wasm")).await.unwrap();
    let plugin: PluginName = "placement-spread".parse().unwrap();
    plane.control.activate_plugin(&plugin, &version, &admin()).await.unwrap();
    let store = Store::connect(&site.config().database).await.unwrap();
    let set = async |config: serde_json::Value| {
        let provider = Provider {
            plugin: plugin.clone(),
            config,
        };
        let mut write = store.begin().await.unwrap();
        write.set_provider(ProviderPurpose::Placement, &provider).await.unwrap();
        write.commit().await.unwrap();
    };
    let agent = FakeAgent::new(1, 5).share();
    plane.add(&agent).await;
    set(serde_json::json!({ "require_images": "yes" })).await;
    let id = plane.launch().await;
    plane.wait_state(id, SessionState::Ready).await;
    let alarms = async || {
        plane
            .actions()
            .await
            .into_iter()
            .filter(|action| action == "placement.fell-back")
            .count()
    };
    assert_eq!(alarms().await, 1);

    // Mended, it is asked again; and what it says of images, the person is told.
    set(serde_json::json!({})).await;
    let id = plane.launch().await;
    plane.wait_state(id, SessionState::Ready).await;
    assert_eq!(alarms().await, 1);
    plane.control.unregister_agent(agent.node);
    let bare = FakeAgent::new(2, 5).without_images().share();
    plane.add(&bare).await;
    let id = plane.launch().await;
    let failed = plane.wait_final(id).await;
    assert!(
        failed
            .message
            .unwrap()
            .starts_with("This workspace is not installed on any machine yet.")
    );
    assert_eq!(bare.calls(crate::agent::Call::Create), 0, "the plugin had rejected it");
    plane.control.shutdown().await;
}

#[tokio::test]
async fn a_file_in_the_watched_folder_is_live_and_a_bad_one_changes_nothing() {
    let site = Site::new();
    let folder = site.dir.path().join("plugins");
    let mut config = site.config();
    config.watched_plugins = Some(folder.clone());
    let plane = site.open_with(config).await;
    std::fs::write(folder.join("clipboard.wasm"), guest("dlp-clipboard@0.1.0.wasm")).unwrap();
    eventually("the first file is active", async || {
        active(&plane).await.as_deref() == Some("0.1.0")
    })
    .await;
    std::fs::write(folder.join("clipboard.wasm"), "nonsense").unwrap();
    eventually("the bad file is refused", async || {
        plane.actions().await.contains(&"plugin.refused".to_owned())
    })
    .await;
    assert_eq!(active(&plane).await.as_deref(), Some("0.1.0"));
    std::fs::write(folder.join("clipboard.wasm"), guest("dlp-clipboard@0.2.0.wasm")).unwrap();
    eventually("the changed file is active", async || {
        active(&plane).await.as_deref() == Some("0.2.0")
    })
    .await;
    plane.control.shutdown().await;
}

#[tokio::test]
async fn a_plugin_that_wants_what_nobody_granted_waits_for_approval() {
    let site = Site::new();
    let plane = site.open().await;
    let bytes = guest("runtime-docker.wasm");
    let version = upload(&plane, bytes).await.unwrap();
    let runtime: PluginName = "runtime-docker".parse().unwrap();
    let view = plane.control.plugin(&runtime).await.unwrap().unwrap();
    let one = view.versions.first().unwrap();
    assert_eq!(one.state, "needs-approval");
    assert!(!one.wants.is_empty() && one.state_detail.is_some());
    let refused = plane.control.activate_plugin(&runtime, &version, &admin()).await.unwrap_err();
    assert!(matches!(refused, ActivateError::NotReady { .. }), "{refused}");
    plane.control.shutdown().await;

    // The configuration grants it, and the next start takes it up.
    let approvals = [(runtime.clone(), gatewright_plugin_host::Approved::endpoints(["engine"]))].into();
    let engine = std::sync::Arc::new(gatewright_control::HostEngine::new(crate::support::plugin_host(), approvals));
    let (control, _) = gatewright_control::ControlPlane::open(site.config(), engine).await.unwrap();
    let view = control.plugin(&runtime).await.unwrap().unwrap();
    assert_eq!(view.versions.first().unwrap().state, "ready", "{view:?}");
    control.activate_plugin(&runtime, &version, &admin()).await.unwrap();
    control.shutdown().await;
}
