//! Sessions that don't go well, and engines that go away.

use std::time::{Duration, Instant};

use gatewright_core::record::Network;
use gatewright_ports::{AgentControl as _, AgentError};

use crate::relay::{Mode, Relay};
use crate::stand::{FENCE, Stand, session, soon, spec};
use crate::witness::{Kind, on_each_engine};

on_each_engine!(
    a_desktop_that_ends_is_told_from_one_that_is_slow,
    a_desktop_that_was_not_started_is_waited_for,
    what_can_not_be_made_leaves_nothing,
    an_engine_that_is_away_degrades_the_node_and_hangs_nothing,
    an_engine_that_comes_back_is_used_again,
    an_engine_that_stalls_is_given_up,
);

async fn a_desktop_that_ends_is_told_from_one_that_is_slow(kind: Kind) {
    let stand = Stand::new(kind).await;
    let session = session();
    let mut spec = spec(session);
    // Without a password the desktop does not start.
    spec.desktop_password = None;
    soon(stand.agent.create(spec, FENCE)).await.unwrap();
    soon(stand.agent.start(session, FENCE)).await.unwrap();
    let ended = soon(stand.agent.wait_ready(session)).await;
    assert!(matches!(ended, Err(AgentError::Exited { code: 1.. })), "{ended:?}");
    soon(stand.agent.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
}

async fn a_desktop_that_was_not_started_is_waited_for(kind: Kind) {
    let stand = Stand::new(kind).await;
    let session = session();
    soon(stand.agent.create(spec(session), FENCE)).await.unwrap();
    let waiting = stand.agent.clone();
    let waiter = tokio::spawn(async move { waiting.wait_ready(session).await });
    soon(stand.agent.start(session, FENCE)).await.unwrap();
    soon(waiter).await.unwrap().unwrap();
    // Destroyed while somebody waits.
    let other = crate::stand::session();
    soon(stand.agent.create(spec(other), FENCE)).await.unwrap();
    let waiting = stand.agent.clone();
    let waiter = tokio::spawn(async move { waiting.wait_ready(other).await });
    soon(stand.agent.destroy(other, FENCE)).await.unwrap();
    assert_eq!(soon(waiter).await.unwrap(), Err(AgentError::NotFound));
    soon(stand.agent.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
}

async fn what_can_not_be_made_leaves_nothing(kind: Kind) {
    let stand = Stand::new(kind).await;
    let agent = &stand.agent;
    let mut missing = spec(session());
    missing.image = "gatewright/no-such-image:dev".into();
    let image = missing.image.clone();
    assert_eq!(soon(agent.create(missing, FENCE)).await, Err(AgentError::ImageMissing { image }));
    let mut odd = spec(session());
    odd.image = "../../containers/x".into();
    assert!(soon(agent.create(odd, FENCE)).await.is_err());
    let mut networked = spec(session());
    networked.network = Network::Internet;
    assert!(matches!(
        soon(agent.create(networked, FENCE)).await,
        Err(AgentError::NoCapacity { .. })
    ));
    for limit in 0..4 {
        let mut unlimited = spec(session());
        match limit {
            0 => unlimited.resources.cpu_millicores = 0,
            1 => unlimited.resources.memory_bytes = 0,
            2 => unlimited.resources.pids = 0,
            _ => unlimited.resources.shm_bytes = 0,
        }
        assert!(matches!(
            soon(agent.create(unlimited, FENCE)).await,
            Err(AgentError::NoCapacity { .. })
        ));
    }
    let mut huge = spec(session());
    huge.resources.cpu_millicores = 4_000_000;
    assert!(matches!(soon(agent.create(huge, FENCE)).await, Err(AgentError::NoCapacity { .. })));
    stand.nothing_is_left().await;
}

async fn an_engine_that_is_away_degrades_the_node_and_hangs_nothing(kind: Kind) {
    let stand = Stand::over(kind, std::path::Path::new("/nonexistent/engine.sock")).await;
    let started = Instant::now();
    let status = soon(stand.agent.status()).await.unwrap();
    assert_eq!(status.degraded.as_deref(), Some("engine failed: it does not answer"));
    assert_eq!((status.engine.as_str(), status.allocatable.memory_bytes), ("", 0));
    let session = session();
    assert!(matches!(
        soon(stand.agent.create(spec(session), FENCE)).await,
        Err(AgentError::Engine { .. })
    ));
    assert!(matches!(
        soon(stand.agent.start(session, FENCE)).await,
        Err(AgentError::Engine { .. })
    ));
    assert!(matches!(soon(stand.agent.list()).await, Err(AgentError::Engine { .. })));
    // It can't be known that nothing is there.
    assert!(matches!(
        soon(stand.agent.destroy(session, FENCE)).await,
        Err(AgentError::Engine { .. })
    ));
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

async fn an_engine_that_comes_back_is_used_again(kind: Kind) {
    let relay = Relay::before(&kind.socket());
    let stand = Stand::over(kind, &relay.socket).await;
    let session = session();
    soon(stand.agent.create(spec(session), FENCE)).await.unwrap();
    soon(stand.agent.start(session, FENCE)).await.unwrap();
    soon(stand.agent.wait_ready(session)).await.unwrap();
    relay.set(Mode::Babble);
    let failed = soon(stand.agent.destroy(session, FENCE)).await;
    assert!(failed.is_err(), "{failed:?}");
    // The folder stays as long as its container may.
    assert!(stand.folder(session).exists());
    assert_eq!(stand.containers().await.len(), 1);
    relay.set(Mode::Pass);
    soon(stand.agent.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
    assert_eq!(soon(stand.agent.status()).await.unwrap().degraded, None);
}

async fn an_engine_that_stalls_is_given_up(kind: Kind) {
    let relay = Relay::before(&kind.socket());
    relay.set(Mode::Stall);
    let stand = Stand::over(kind, &relay.socket).await;
    let started = Instant::now();
    let status = soon(stand.agent.status()).await.unwrap();
    assert!(status.degraded.is_some());
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}
