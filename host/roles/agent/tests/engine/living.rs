//! Sessions that go well.

use std::time::Duration;

use gatewright_ports::agent_control::OwnedSession;
use gatewright_ports::{AgentControl as _, AgentError, SessionStreams as _, StreamError};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use crate::relay::Relay;
use crate::stand::{FENCE, IMAGE, PASSWORD, Stand, session, soon, spec, until};
use crate::witness::{Kind, on_each_engine};

on_each_engine!(
    a_session_lives_under_its_limits_and_leaves_nothing,
    steps_may_be_repeated_and_outlive_the_agent,
    sessions_are_apart,
    a_stopped_session_has_ended_and_keeps_its_folder,
    a_destroy_after_a_dropped_create_leaves_no_orphan,
    the_plugin_is_swapped_while_a_session_runs,
    the_node_tells_what_it_has,
);

async fn a_session_lives_under_its_limits_and_leaves_nothing(kind: Kind) {
    let relay = Relay::before(&kind.socket());
    let stand = Stand::over(kind, &relay.socket).await;
    let agent = &stand.agent;
    let session = session();
    soon(agent.create(spec(session), FENCE)).await.unwrap();
    assert_eq!(
        agent.list().await.unwrap(),
        [OwnedSession {
            session,
            running: false,
            paused: Some(false)
        }]
    );
    soon(agent.start(session, FENCE)).await.unwrap();
    soon(agent.wait_ready(session)).await.unwrap();
    assert_eq!(
        agent.list().await.unwrap(),
        [OwnedSession {
            session,
            running: true,
            paused: Some(false)
        }]
    );

    // What the engine was told, as it understood it.
    let seen = stand.seen(session).await;
    let host = &seen["HostConfig"];
    assert_eq!(host["Memory"], 256 << 20);
    assert_eq!(host["MemorySwap"], 256 << 20);
    assert_eq!(host["NanoCpus"], 750_000_000);
    assert_eq!(host["PidsLimit"], 128);
    assert_eq!(host["ShmSize"], 32 << 20);
    assert!(matches!(&host["CapAdd"], Value::Null) || host["CapAdd"] == json!([]));
    assert_eq!(host["NetworkMode"], "none");
    assert_eq!(host["Privileged"], false);
    assert_eq!(host["SecurityOpt"], json!(["no-new-privileges"]));
    assert_eq!(host["RestartPolicy"]["Name"], "no");
    match kind {
        Kind::Docker => {
            assert_eq!(host["CapDrop"], json!(["ALL"]));
            assert_eq!(host["LogConfig"]["Config"]["max-size"], "1m");
            assert!(!host["MaskedPaths"].as_array().unwrap().is_empty() && !host["ReadonlyPaths"].as_array().unwrap().is_empty());
        }
        Kind::Podman => {
            assert_eq!(host["LogConfig"]["Type"], "k8s-file");
            assert_eq!(host["LogConfig"]["Size"], "1.049MB");
            assert!(matches!(&seen["BoundingCaps"], Value::Null) || seen["BoundingCaps"] == json!([]));
            // Not to be read: the engine's list of masked paths is not in its answer.
            let masked = stand
                .inside(session, "cat /proc/timer_list /proc/keys | wc -c; ls /sys/firmware")
                .await;
            assert_eq!(masked, "0\n");
        }
    }
    let mounts = seen["Mounts"].as_array().unwrap();
    assert_eq!(mounts.len(), 1, "{mounts:?}");
    assert_eq!(mounts[0]["Source"].as_str(), stand.folder(session).to_str());
    assert_eq!(mounts[0]["Destination"], "/run/session");
    assert_eq!(seen["Config"]["User"], "1000:1000");

    // What holds inside.
    let status = stand.inside(session, "cat /proc/self/status; id -u; id -g").await;
    for line in [
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(line), "{line} in {status}");
    }
    assert!(status.ends_with("1000\n1000\n"), "{status}");
    assert_eq!(stand.inside(session, "ls /sys/class/net; hostname").await, "lo\ndesk\n");
    let shm = stand.inside(session, "df -k /dev/shm | tail -1 | awk '{print $2}'").await;
    assert_eq!(shm.trim(), "32768");

    // The password: nowhere but in the container, which took its file away.
    assert!(!seen.to_string().contains(PASSWORD));
    assert!(!relay.sent().contains(PASSWORD));
    assert!(relay.sent().contains("/containers/create") && relay.sent().contains(&format!("gatewright-{session}")));
    until("taking the password", async || !stand.folder(session).join("password").exists()).await;

    // Its stream, more than once.
    for _ in 0..2 {
        let mut stream = agent.open(session, "vnc").await.unwrap();
        let mut banner = [0; 12];
        soon(stream.read_exact(&mut banner)).await.unwrap();
        assert_eq!(&banner, b"RFB 003.008\n");
    }
    let mut open = agent.open(session, "vnc").await.unwrap();

    soon(agent.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
    assert!(agent.list().await.unwrap().is_empty());
    // Its streams end with it, and there are no new ones.
    let mut rest = Vec::new();
    let _ended = soon(open.read_to_end(&mut rest)).await;
    assert!(matches!(agent.open(session, "vnc").await, Err(StreamError::NotFound)));
    // What is gone is gone.
    soon(agent.destroy(session, FENCE)).await.unwrap();
    assert_eq!(soon(agent.start(session, FENCE)).await, Err(AgentError::NotFound));
    assert_eq!(soon(agent.wait_ready(session)).await, Err(AgentError::NotFound));
}

async fn steps_may_be_repeated_and_outlive_the_agent(kind: Kind) {
    let stand = Stand::new(kind).await;
    let session = session();
    soon(stand.agent.create(spec(session), FENCE)).await.unwrap();
    let first = stand.seen(session).await["Id"].clone();
    soon(stand.agent.create(spec(session), FENCE)).await.unwrap();
    // An agent that knows nothing finds it by its labels.
    let second = stand.restarted();
    soon(second.create(spec(session), FENCE)).await.unwrap();
    assert_eq!(stand.seen(session).await["Id"], first);
    assert_eq!(stand.containers().await.len(), 1);

    let third = stand.restarted();
    soon(third.start(session, FENCE)).await.unwrap();
    soon(third.start(session, FENCE)).await.unwrap();
    soon(third.wait_ready(session)).await.unwrap();
    soon(third.create(spec(session), FENCE)).await.unwrap();
    assert_eq!(stand.seen(session).await["Id"], first);
    assert!(
        !stand.folder(session).join("password").exists(),
        "a running session got its password again"
    );

    let fourth = stand.restarted();
    assert!(fourth.open(session, "vnc").await.is_ok());
    soon(fourth.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
    // The agent that remembers it finds out.
    assert!(soon(third.start(session, FENCE)).await.is_err());
    soon(third.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
}

async fn a_stopped_session_has_ended_and_keeps_its_folder(kind: Kind) {
    let stand = Stand::new(kind).await;
    let agent = &stand.agent;
    let session = session();
    assert_eq!(
        soon(agent.stop(session, Duration::from_secs(1), FENCE)).await,
        Err(AgentError::NotFound)
    );
    soon(agent.create(spec(session), FENCE)).await.unwrap();
    soon(agent.start(session, FENCE)).await.unwrap();
    soon(agent.wait_ready(session)).await.unwrap();
    let kept = stand.folder(session).join("transfer/kept");
    std::fs::write(&kept, "kept").unwrap();
    // Longer than the guard lets anybody wait: nothing is stopped.
    let refused = soon(agent.stop(session, Duration::from_secs(121), FENCE)).await;
    assert!(matches!(refused, Err(AgentError::Refused { .. })), "{refused:?}");
    assert_eq!(
        agent.list().await.unwrap(),
        [OwnedSession {
            session,
            running: true,
            paused: Some(false)
        }]
    );
    for _ in 0..2 {
        soon(agent.stop(session, Duration::from_secs(1), FENCE)).await.unwrap();
        assert_eq!(
            agent.list().await.unwrap(),
            [OwnedSession {
                session,
                running: false,
                paused: Some(false)
            }]
        );
    }
    assert_eq!(stand.seen(session).await["State"]["Running"], false);
    assert!(agent.open(session, "vnc").await.is_err());
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "kept");
    soon(agent.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
}

async fn sessions_are_apart(kind: Kind) {
    let stand = Stand::new(kind).await;
    let agent = &stand.agent;
    let (one, two) = (session(), session());
    let both = soon(async { tokio::join!(agent.create(spec(one), FENCE), agent.create(spec(two), FENCE)) }).await;
    assert_eq!(both, (Ok(()), Ok(())));
    soon(agent.start(two, FENCE)).await.unwrap();
    soon(agent.wait_ready(two)).await.unwrap();
    soon(agent.destroy(one, FENCE)).await.unwrap();
    assert!(agent.open(two, "vnc").await.is_ok());
    assert!(matches!(agent.open(one, "vnc").await, Err(StreamError::NotFound)));
    soon(agent.destroy(two, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
}

/// A caller that goes away in the middle of a creation, at any moment, and then undoes it.
async fn a_destroy_after_a_dropped_create_leaves_no_orphan(kind: Kind) {
    let stand = Stand::new(kind).await;
    let agent = &stand.agent;
    soon(agent.status()).await.unwrap();
    for millis in [0, 1, 2, 4, 8, 15, 30, 60, 120, 250] {
        let session = session();
        let patience = Duration::from_millis(millis);
        let _dropped = tokio::time::timeout(patience, agent.create(spec(session), FENCE)).await;
        soon(agent.destroy(session, FENCE)).await.unwrap();
        stand.nothing_is_left().await;
        // Both at once: the destroy waits for its turn.
        let both = soon(async { tokio::join!(agent.create(spec(session), FENCE), agent.destroy(session, FENCE)) }).await;
        assert_eq!(both, (Ok(()), Ok(())));
        stand.nothing_is_left().await;
    }
}

async fn the_plugin_is_swapped_while_a_session_runs(kind: Kind) {
    let stand = Stand::new(kind).await;
    let agent = &stand.agent;
    let session = session();
    soon(agent.create(spec(session), FENCE)).await.unwrap();
    soon(agent.start(session, FENCE)).await.unwrap();
    soon(agent.wait_ready(session)).await.unwrap();
    let mut stream = agent.open(session, "vnc").await.unwrap();

    let before = stand.plugins.remove(&kind.runtime().parse().unwrap()).unwrap();
    assert!(matches!(soon(agent.destroy(session, FENCE)).await, Err(AgentError::Plugin { .. })));
    let status = soon(agent.status()).await.unwrap();
    assert_eq!(
        status.degraded.as_deref(),
        Some(format!("runtime plugin failed: {} is not active", kind.runtime()).as_str())
    );
    // Streams need no plugin.
    let mut banner = [0; 12];
    soon(stream.read_exact(&mut banner)).await.unwrap();
    assert!(agent.open(session, "vnc").await.is_ok());

    drop(before);
    stand.plugins.activate(crate::stand::plugin(&stand.host, kind.runtime()).await);
    assert_eq!(soon(agent.status()).await.unwrap().degraded, None);
    soon(agent.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
}

async fn the_node_tells_what_it_has(kind: Kind) {
    let stand = Stand::new(kind).await;
    let status = soon(stand.agent.status()).await.unwrap();
    let (engine, processors, memory) = stand.witness.machine().await;
    assert_eq!(status.engine, engine);
    assert_eq!(status.degraded, None);
    assert_eq!(status.name, "test-node");
    assert_eq!(status.labels["room"], "cellar");
    assert!(
        status.images.contains(&IMAGE.to_owned()),
        "{:?}; run: cargo xtask images terminal",
        status.images
    );
    assert_eq!(status.allocatable.cpu_millicores, processors * 2500);
    assert_eq!(status.allocatable.memory_bytes, memory - (1 << 20));
    assert_eq!(status.allocatable.sessions, 8);
}
