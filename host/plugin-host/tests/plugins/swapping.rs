//! Versions change under callers, and no call fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use gatewright_core::plugin::PluginName;
use gatewright_plugin_host::{ClipboardVerdict, PluginSlots};

use crate::stand::{Stand, decide};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_under_eight_callers_fail_no_call() {
    let stand = Stand::new();
    let load = async |version: &str, limit| {
        let bytes = gatewright_hostile_guests::clipboard(version, limit).unwrap();
        stand.load(&bytes).await.unwrap()
    };
    let (lax, strict) = (load("1.0.0", 1024).await, load("1.1.0", 4).await);
    let name: PluginName = "quiet-clipboard".parse().unwrap();
    let slots = Arc::new(PluginSlots::new());
    slots.activate(Arc::clone(&lax));
    let stop = Arc::new(AtomicBool::new(false));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (slots, stop, name) = (Arc::clone(&slots), Arc::clone(&stop), name.clone());
        callers.spawn(async move {
            let (mut allowed, mut denied) = (0_u64, 0_u64);
            while !stop.load(Relaxed) {
                let plugin = slots.get(&name).unwrap();
                let verdict = decide(&plugin, "longer than four").await.unwrap().value;
                // Each call is answered by the version that it began with.
                match (plugin.version(), verdict) {
                    ("1.0.0", ClipboardVerdict::Allow) => allowed += 1,
                    ("1.1.0", ClipboardVerdict::Deny(_)) => denied += 1,
                    other => panic!("{other:?}"),
                }
            }
            (allowed, denied)
        });
    }
    let answered = || lax.counts().answered + strict.counts().answered;
    for swap in 0..100 {
        let next = if swap % 2 == 0 { &strict } else { &lax };
        let swapped = slots.activate(Arc::clone(next));
        assert!(swapped.before.is_some());
        // Effect at once: whoever asks from now on gets the new one.
        assert_eq!(slots.get(&name).unwrap().version(), next.version());
        let before = answered();
        while answered() < before + 16 {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Relaxed);
    let results = callers.join_all().await;
    let calls: u64 = results.iter().map(|(allowed, denied)| allowed + denied).sum();
    println!("{calls} calls, none failed: {results:?}");
    assert_eq!(calls, answered());
    assert!(results.iter().any(|(allowed, _)| *allowed > 0) && results.iter().any(|(_, denied)| *denied > 0));
}

#[tokio::test]
async fn a_failed_load_keeps_the_version_in_use_and_roll_back_returns_to_the_one_before() {
    let stand = Stand::new();
    let name: PluginName = "quiet-clipboard".parse().unwrap();
    let slots = PluginSlots::new();
    assert!(slots.get(&name).is_none());
    assert!(slots.roll_back(&name).is_none());
    let load = async |version: &str, limit| {
        let bytes = gatewright_hostile_guests::clipboard(version, limit).unwrap();
        stand.load(&bytes).await
    };
    slots.activate(load("1.0.0", 1024).await.unwrap());
    assert!(slots.roll_back(&name).is_none(), "nothing before the first");
    assert!(stand.load(b"not wasm").await.is_err());
    assert_eq!(slots.get(&name).unwrap().version(), "1.0.0");
    slots.activate(load("1.1.0", 4).await.unwrap());
    // The same again: a second click must not lose the way back.
    slots.activate(load("1.1.0", 4).await.unwrap());
    assert_eq!(slots.slot(&name).unwrap().previous().unwrap().version(), "1.0.0");
    assert_eq!(slots.roll_back(&name).unwrap().version(), "1.0.0");
    let verdict = decide(&slots.get(&name).unwrap(), "longer than four").await.unwrap().value;
    assert_eq!(verdict, ClipboardVerdict::Allow);
    assert_eq!(slots.remove(&name).unwrap().version(), "1.0.0");
    assert!(slots.get(&name).is_none());
}
