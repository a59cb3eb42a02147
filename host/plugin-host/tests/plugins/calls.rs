//! Calls of plugins that behave.

use std::sync::Arc;
use std::time::Duration;

use gatewright_core::SessionId;
use gatewright_plugin_host::{
    CallContext, CallError, Candidate, Claims, ClipboardVerdict, OfferedSecret, PlacementRequest, Protocol, Resolution, Target,
};

use crate::stand::{Stand, decide};

#[tokio::test]
async fn a_verdict_carries_the_manifests_words() {
    let stand = Stand::new();
    let plugin = stand.quiet_clipboard().await;
    for text in ["", "hello", "emoji 🦀", "line\r\nline", "שלום", "nul \0 inside"] {
        assert_eq!(decide(&plugin, text).await.unwrap().value, ClipboardVerdict::Allow);
    }
    let answer = decide(&plugin, &"x".repeat(2048)).await.unwrap();
    let ClipboardVerdict::Deny(words) = answer.value else {
        panic!("{answer:?}");
    };
    assert_eq!(words.why, "is 2 KiB, the limit is 1 KiB");
    assert_eq!(words.check, "size");
    assert_eq!(plugin.counts().answered, 7);
    assert!(plugin.counts().micros > 0);
}

#[tokio::test]
async fn a_text_of_a_megabyte_goes_in() {
    let stand = Stand::new();
    let plugin = stand.quiet_clipboard().await;
    let answer = decide(&plugin, &"x".repeat(1 << 20)).await.unwrap();
    assert!(matches!(answer.value, ClipboardVerdict::Deny(_)));
}

#[tokio::test]
async fn every_quiet_plugin_passes_its_self_test() {
    let stand = Stand::new();
    for guest in gatewright_hostile_guests::quiet().unwrap() {
        let plugin = stand.load(&guest.bytes).await.unwrap();
        assert_eq!(plugin.name().as_str(), guest.name);
        plugin.self_test().await.unwrap();
    }
}

fn request() -> PlacementRequest {
    PlacementRequest {
        session: "s".into(),
        user: "demo".into(),
        groups: Vec::new(),
        workspace: "Desktop".into(),
        zone: "here".into(),
        image: "desktop".into(),
        cpu_millicores: 1000,
        memory_bytes: 1 << 30,
    }
}

pub(crate) fn candidate(n: usize) -> Candidate {
    Candidate {
        name: format!("node-{n}"),
        zone: "here".into(),
        engine: "docker 20.10.24".into(),
        cpu_millicores_allocatable: 8000,
        cpu_millicores_free: 4000,
        memory_bytes_allocatable: 16 << 30,
        memory_bytes_free: 8 << 30,
        sessions_allocatable: 20,
        sessions_free: 10,
        has_image: n.is_multiple_of(2),
        labels: vec![("rack".into(), "a".into())],
    }
}

#[tokio::test]
async fn a_ranking_has_each_candidate_once() {
    let stand = Stand::new();
    let bytes = gatewright_hostile_guests::placement().unwrap();
    let plugin = stand.load(&bytes).await.unwrap();
    let candidates = (0..1000).map(candidate).collect();
    let answer = plugin.rank(&CallContext::of_host(), request(), candidates).await.unwrap();
    assert_eq!(answer.value.order, (0..1000).collect::<Vec<_>>());
    assert!(answer.value.rejected.is_empty());
    let none = plugin.rank(&CallContext::of_host(), request(), Vec::new()).await.unwrap();
    assert!(none.value.order.is_empty());
}

#[tokio::test]
async fn a_provider_chooses_among_what_is_offered() {
    let stand = Stand::new();
    let plugin = stand.load(&gatewright_hostile_guests::credential().unwrap()).await.unwrap();
    let secret = |n: u8| OfferedSecret {
        id: format!("00000000-0000-7000-8000-0000000000{n:02x}").parse().unwrap(),
        label: "desktop".into(),
    };
    let resolve = async |offered| {
        let target = Target {
            name: "Desktop".into(),
            protocol: Protocol::Rfb,
            service: "vnc".into(),
        };
        let claims = Claims {
            user: "demo".into(),
            groups: Vec::new(),
        };
        plugin
            .resolve(&CallContext::of_host(), "s", target, claims, offered)
            .await
            .unwrap()
            .value
    };
    match resolve(vec![secret(7), secret(8)]).await {
        Resolution::Handle { secret: id, lifetime } => {
            assert_eq!(id, secret(7).id);
            assert_eq!(lifetime, Duration::from_secs(60));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(resolve(Vec::new()).await, Resolution::NotFound));
    plugin.release(&CallContext::of_host(), "s").await.unwrap();
}

#[tokio::test]
async fn a_plugin_of_another_kind_is_not_asked() {
    let stand = Stand::new();
    let bytes = gatewright_hostile_guests::placement().unwrap();
    let plugin = stand.load(&bytes).await.unwrap();
    assert_eq!(decide(&plugin, "x").await.unwrap_err(), CallError::WrongKind);
}

#[tokio::test]
async fn calls_run_beside_each_other_on_many_threads() {
    let stand = Stand::new();
    let plugin = stand.quiet_clipboard().await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let plugin = Arc::clone(&plugin);
        calls.spawn(async move { decide(&plugin, "hello").await });
    }
    for answer in calls.join_all().await {
        assert_eq!(answer.unwrap().value, ClipboardVerdict::Allow);
    }
}

#[tokio::test]
async fn a_session_that_stalls_its_calls_starves_nobody() {
    let stand = Stand::new();
    let good = stand.quiet_clipboard().await;
    let all = gatewright_hostile_guests::hostile().unwrap();
    let looping = all.iter().find(|guest| guest.name == "endless-loop").unwrap();
    let bad = stand.load(&looping.bytes).await.unwrap();
    let session = |n: u128| CallContext {
        session: Some(format!("00000000-0000-7000-8000-{n:012x}").parse::<SessionId>().unwrap()),
        ..CallContext::of_host()
    };
    let mut stalled = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (bad, context) = (Arc::clone(&bad), session(1));
        stalled.spawn(async move { bad.clipboard(&context, crate::stand::offer("x")).await });
    }
    // The stalled calls hold the session's share at any time, and forty of them would hold every instance there is.
    let answer = good.clipboard(&session(2), crate::stand::offer("x")).await.unwrap();
    assert_eq!(answer.value, ClipboardVerdict::Allow);
    let mut busy = 0;
    for result in stalled.join_all().await {
        match result.unwrap_err() {
            CallError::OutOfTime { .. } | CallError::Timeout { .. } => {}
            CallError::Busy => busy += 1,
            other => panic!("{other}"),
        }
    }
    assert!(busy > 0, "forty calls can't all have run");
}
