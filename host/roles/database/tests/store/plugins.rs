//! Versions, activation and the way back.

use gatewright_core::plugin::{Digest, PluginKind, PluginName};
use gatewright_database::{Constraint, Store, StoreError, VersionRecord, VersionState};

use crate::support::{Site, at, on_both};

on_both!(
    only_what_is_ready_is_activated,
    rolling_back_goes_down_the_activations_and_stops_at_the_first,
    an_active_version_can_not_be_deleted_and_files_go_with_their_last_version,
    a_version_exists_once,
);

fn name() -> PluginName {
    "dlp-clipboard".parse().unwrap()
}

fn version(number: u8, state: VersionState) -> VersionRecord {
    VersionRecord {
        plugin: name(),
        version: format!("0.{number}.0"),
        digest: Digest::from_bytes([number; 32]),
        state,
        state_detail: None,
        size_bytes: 3,
        wit: "dlp@0.1".into(),
        description: "Text.".into(),
        wants: vec!["nothing".into()],
        uploaded_at: at(number.into()),
        uploaded_by: "admin".into(),
        activated_at: None,
    }
}

async fn stored(site: &Site, states: &[VersionState]) -> Store {
    let store = site.open().await;
    let mut write = store.begin().await.unwrap();
    for (number, state) in (1..).zip(states) {
        write
            .insert_version(PluginKind::Dlp, &version(number, *state), &[number; 3])
            .await
            .unwrap();
    }
    write.commit().await.unwrap();
    store
}

async fn activate(store: &Store, version: &str) -> bool {
    let mut write = store.begin().await.unwrap();
    let done = write.activate_version(&name(), version, at(100), "admin").await.unwrap();
    write.commit().await.unwrap();
    done
}

async fn roll_back(store: &Store) -> Option<(String, String)> {
    let mut write = store.begin().await.unwrap();
    let done = write.roll_back_version(&name(), at(200)).await.unwrap();
    write.commit().await.unwrap();
    done
}

async fn active(store: &Store) -> Option<String> {
    store.plugin(&name()).await.unwrap().unwrap().active
}

async fn only_what_is_ready_is_activated(site: Site) {
    use VersionState::{Compiling, Failed, NeedsApproval, Ready, Uploaded};
    let store = stored(&site, &[Uploaded, Compiling, NeedsApproval, Failed, Ready]).await;
    for version in ["0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.9.0"] {
        assert!(!activate(&store, version).await, "{version}");
    }
    assert_eq!(active(&store).await, None);
    assert!(activate(&store, "0.5.0").await);
    assert!(!activate(&store, "0.5.0").await, "it is active already");
    assert_eq!(active(&store).await.as_deref(), Some("0.5.0"));
    let versions = store.active_versions().await.unwrap();
    assert_eq!(versions.first().unwrap().1, Digest::from_bytes([5; 32]));
}

async fn rolling_back_goes_down_the_activations_and_stops_at_the_first(site: Site) {
    let store = stored(&site, &[VersionState::Ready; 3]).await;
    assert_eq!(roll_back(&store).await, None);
    for version in ["0.1.0", "0.2.0", "0.3.0"] {
        assert!(activate(&store, version).await);
    }
    assert_eq!(store.previous_version(&name()).await.unwrap().as_deref(), Some("0.2.0"));
    assert_eq!(roll_back(&store).await, Some(("0.3.0".into(), "0.2.0".into())));
    assert_eq!(active(&store).await.as_deref(), Some("0.2.0"));
    // Activated anew, the version rolled back from is the way forward again.
    assert!(activate(&store, "0.3.0").await);
    assert_eq!(roll_back(&store).await, Some(("0.3.0".into(), "0.2.0".into())));
    assert_eq!(roll_back(&store).await, Some(("0.2.0".into(), "0.1.0".into())));
    assert_eq!(roll_back(&store).await, None);
    assert_eq!(active(&store).await.as_deref(), Some("0.1.0"));
}

async fn an_active_version_can_not_be_deleted_and_files_go_with_their_last_version(site: Site) {
    let store = stored(&site, &[VersionState::Ready; 2]).await;
    assert!(activate(&store, "0.1.0").await);
    assert!(activate(&store, "0.2.0").await);
    let mut write = store.begin().await.unwrap();
    assert!(!write.delete_version(&name(), "0.2.0").await.unwrap());
    assert!(write.delete_version(&name(), "0.1.0").await.unwrap());
    assert!(!write.delete_version(&name(), "0.1.0").await.unwrap());
    write.commit().await.unwrap();
    assert_eq!(store.plugin_file(&Digest::from_bytes([1; 32])).await.unwrap(), None);
    assert_eq!(store.plugin_file(&Digest::from_bytes([2; 32])).await.unwrap(), Some(vec![2; 3]));
    assert_eq!(roll_back(&store).await, None, "what was deleted is nothing to go back to");
}

async fn a_version_exists_once(site: Site) {
    let store = stored(&site, &[VersionState::Ready]).await;
    let mut write = store.begin().await.unwrap();
    let error = write
        .insert_version(PluginKind::Dlp, &version(1, VersionState::Ready), &[9])
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Conflict(Constraint::PluginVersion)), "{error}");
    drop(write);
    assert_eq!(store.plugin_versions(&name()).await.unwrap(), [version(1, VersionState::Ready)]);
}
