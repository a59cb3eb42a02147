//! Hostile guests each get a clear error, and a plugin beside them notices nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use gatewright_core::plugin::PluginKind;
use gatewright_hostile_guests::{Fate, Hostile};
use gatewright_plugin_host::{
    CallContext, CallError, Candidate, Claims, ClipboardVerdict, PlacementRequest, Plugin, Protocol, Runtime, RuntimeError, Target,
};

use crate::calls::candidate;
use crate::http::Silent;
use crate::stand::{Stand, decide};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_gets_a_clear_error_and_its_neighbour_goes_on() {
    let stand = Stand::new();
    let good = stand.quiet_clipboard().await;
    let stop = Arc::new(AtomicBool::new(false));
    let neighbour = tokio::spawn({
        let (good, stop) = (Arc::clone(&good), Arc::clone(&stop));
        async move {
            let mut calls = 0_u32;
            while !stop.load(Relaxed) {
                let answer = decide(&good, "hello").await.unwrap();
                assert_eq!(answer.value, ClipboardVerdict::Allow);
                calls += 1;
                tokio::task::yield_now().await;
            }
            calls
        }
    });
    for guest in gatewright_hostile_guests::hostile().unwrap() {
        let text = meet(&stand, &guest).await;
        println!("{:20} {text}", guest.name);
        assert!(text.len() < 600, "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
    stop.store(true, Relaxed);
    let calls = neighbour.await.unwrap();
    println!("{calls} calls beside them");
    assert!(calls > 50);
    assert_eq!(good.counts().answered, u64::from(calls));
}

/// Loads and calls a guest, checks that it meets its fate, and gives the text that an administrator reads.
async fn meet(stand: &Stand, guest: &Hostile) -> String {
    let loaded = stand.load(&guest.bytes).await;
    match (guest.fate, loaded) {
        (Fate::NotLoaded { stage, says }, Err(error)) => {
            let failed_in = error.stage().as_str();
            let text = format!("{:#}", anyhow::Error::from(error));
            assert_eq!(failed_in, stage, "{}: {text}", guest.name);
            assert!(text.contains(says), "{}: {text}", guest.name);
            text
        }
        (Fate::CallFails { kind }, Ok(plugin)) => {
            // Twice: a guest that broke once is asked again in a fresh instance, and breaks again.
            call(&plugin).await.unwrap_err();
            let error = call(&plugin).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{}: {error}", guest.name);
            assert_eq!(plugin.counts().answered, 0);
            error.to_string()
        }
        (fate, loaded) => panic!("{}: {fate:?}, but {loaded:?}", guest.name),
    }
}

async fn call(plugin: &Arc<Plugin>) -> Result<(), CallError> {
    let context = CallContext::of_host();
    match plugin.kind() {
        PluginKind::Dlp => decide(plugin, "hello").await.map(drop),
        PluginKind::Placement => {
            let candidates: Vec<Candidate> = (0..2).map(candidate).collect();
            plugin.rank(&context, request(), candidates).await.map(drop)
        }
        PluginKind::Credential => {
            let target = Target {
                name: "Desktop".into(),
                protocol: Protocol::Rfb,
                service: "vnc".into(),
            };
            let claims = Claims {
                user: "demo".into(),
                groups: Vec::new(),
            };
            plugin.resolve(&context, "s", target, claims, Vec::new()).await.map(drop)
        }
        PluginKind::Runtime => {
            let runtime = Runtime::new(Arc::clone(plugin), "engine", Arc::new(Silent)).unwrap();
            match runtime.health(&context).await {
                Ok(_) => Ok(()),
                Err(RuntimeError::Call(error)) => Err(error),
                Err(other) => panic!("{other}"),
            }
        }
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

#[tokio::test]
async fn a_panic_is_explained_by_the_plugins_last_line() {
    let stand = Stand::new();
    let all = gatewright_hostile_guests::hostile().unwrap();
    let guest = all.iter().find(|guest| guest.name == "panic").unwrap();
    let plugin = stand.load(&guest.bytes).await.unwrap();
    let text = decide(&plugin, "x").await.unwrap_err().to_string();
    assert!(text.contains("panicked at src/lib.rs:14:24: no such thing"), "{text}");
}
