//! Sessions that go well.

use std::time::Duration;

use gatewright_ports::agent_control::OwnedSession;
use gatewright_ports::{AgentControl as _, AgentError, SessionStreams as _, StreamError};
use tokio::io::AsyncReadExt as _;

use crate::relay::Relay;
use crate::stand::{IMAGE, PASSWORD, Stand, engine, session, soon, spec, until};

#[tokio::test]
async fn a_session_lives_under_its_limits_and_leaves_nothing() {
    let relay = Relay::before(&engine());
    let stand = Stand::over(&relay.socket).await;
    let agent = &stand.agent;
    let session = session();
    soon(agent.create(spec(session))).await.unwrap();
    assert_eq!(agent.list().await.unwrap(), [OwnedSession { session, running: false }]);
    soon(agent.start(session)).await.unwrap();
    soon(agent.wait_ready(session)).await.unwrap();
    assert_eq!(agent.list().await.unwrap(), [OwnedSession { session, running: true }]);

    // What the engine was told, as it understood it.
    let seen = stand.witness(session).await;
    let host = seen.host_config.clone().unwrap();
    assert_eq!(host.memory, Some(256 << 20));
    assert_eq!(host.memory_swap, Some(256 << 20));
    assert_eq!(host.nano_cpus, Some(750_000_000));
    assert_eq!(host.pids_limit, Some(128));
    assert_eq!(host.shm_size, Some(32 << 20));
    assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
    assert_eq!(host.cap_add.unwrap_or_default(), Vec::<String>::new());
    assert_eq!(host.network_mode.as_deref(), Some("none"));
    assert_eq!(host.privileged, Some(false));
    assert_eq!(host.security_opt, Some(vec!["no-new-privileges".to_owned()]));
    assert_eq!(host.restart_policy.unwrap().name.unwrap().to_string(), "no");
    assert_eq!(host.log_config.unwrap().config.unwrap()["max-size"], "1m");
    assert!(!host.masked_paths.unwrap().is_empty() && !host.readonly_paths.unwrap().is_empty());
    let mounts = seen.mounts.clone().unwrap();
    assert_eq!(mounts.len(), 1, "{mounts:?}");
    assert_eq!(mounts[0].source.as_deref(), stand.folder(session).to_str());
    assert_eq!(mounts[0].destination.as_deref(), Some("/run/session"));
    assert_eq!(seen.config.as_ref().unwrap().user.as_deref(), Some("1000:1000"));

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
    assert!(!format!("{seen:?}").contains(PASSWORD));
    assert!(!relay.sent().contains(PASSWORD));
    assert!(relay.sent().contains("/containers/create?name=gatewright-"));
    until("taking the password", async || !stand.folder(session).join("password").exists()).await;

    // Its stream, more than once.
    for _ in 0..2 {
        let mut stream = agent.open(session, "vnc").await.unwrap();
        let mut banner = [0; 12];
        soon(stream.read_exact(&mut banner)).await.unwrap();
        assert_eq!(&banner, b"RFB 003.008\n");
    }
    let mut open = agent.open(session, "vnc").await.unwrap();

    soon(agent.destroy(session)).await.unwrap();
    stand.nothing_is_left().await;
    assert!(agent.list().await.unwrap().is_empty());
    // Its streams end with it, and there are no new ones.
    let mut rest = Vec::new();
    let _ended = soon(open.read_to_end(&mut rest)).await;
    assert!(matches!(agent.open(session, "vnc").await, Err(StreamError::NotFound)));
    // What is gone is gone.
    soon(agent.destroy(session)).await.unwrap();
    assert_eq!(soon(agent.start(session)).await, Err(AgentError::NotFound));
    assert_eq!(soon(agent.wait_ready(session)).await, Err(AgentError::NotFound));
}

#[tokio::test]
async fn steps_may_be_repeated_and_outlive_the_agent() {
    let stand = Stand::new().await;
    let session = session();
    soon(stand.agent.create(spec(session))).await.unwrap();
    let first = stand.witness(session).await.id;
    soon(stand.agent.create(spec(session))).await.unwrap();
    // An agent that knows nothing finds it by its labels.
    let second = stand.restarted();
    soon(second.create(spec(session))).await.unwrap();
    assert_eq!(stand.witness(session).await.id, first);
    assert_eq!(stand.containers().await.len(), 1);

    let third = stand.restarted();
    soon(third.start(session)).await.unwrap();
    soon(third.start(session)).await.unwrap();
    soon(third.wait_ready(session)).await.unwrap();
    soon(third.create(spec(session))).await.unwrap();
    assert_eq!(stand.witness(session).await.id, first);
    assert!(
        !stand.folder(session).join("password").exists(),
        "a running session got its password again"
    );

    let fourth = stand.restarted();
    assert!(fourth.open(session, "vnc").await.is_ok());
    soon(fourth.destroy(session)).await.unwrap();
    stand.nothing_is_left().await;
    // The agent that remembers it finds out.
    assert!(soon(third.start(session)).await.is_err());
    soon(third.destroy(session)).await.unwrap();
    stand.nothing_is_left().await;
}

#[tokio::test]
async fn sessions_are_apart() {
    let stand = Stand::new().await;
    let agent = &stand.agent;
    let (one, two) = (session(), session());
    let both = soon(async { tokio::join!(agent.create(spec(one)), agent.create(spec(two))) }).await;
    assert_eq!(both, (Ok(()), Ok(())));
    soon(agent.start(two)).await.unwrap();
    soon(agent.wait_ready(two)).await.unwrap();
    soon(agent.destroy(one)).await.unwrap();
    assert!(agent.open(two, "vnc").await.is_ok());
    assert!(matches!(agent.open(one, "vnc").await, Err(StreamError::NotFound)));
    soon(agent.destroy(two)).await.unwrap();
    stand.nothing_is_left().await;
}

/// A caller that goes away in the middle of a creation, at any moment, and then undoes it.
#[tokio::test]
async fn a_destroy_after_a_dropped_create_leaves_no_orphan() {
    let stand = Stand::new().await;
    let agent = &stand.agent;
    soon(agent.status()).await.unwrap();
    for millis in [0, 1, 2, 4, 8, 15, 30, 60, 120, 250] {
        let session = session();
        let patience = Duration::from_millis(millis);
        let _dropped = tokio::time::timeout(patience, agent.create(spec(session))).await;
        soon(agent.destroy(session)).await.unwrap();
        stand.nothing_is_left().await;
        // Both at once: the destroy waits for its turn.
        let both = soon(async { tokio::join!(agent.create(spec(session)), agent.destroy(session)) }).await;
        assert_eq!(both, (Ok(()), Ok(())));
        stand.nothing_is_left().await;
    }
}

#[tokio::test]
async fn the_plugin_is_swapped_while_a_session_runs() {
    let stand = Stand::new().await;
    let agent = &stand.agent;
    let session = session();
    soon(agent.create(spec(session))).await.unwrap();
    soon(agent.start(session)).await.unwrap();
    soon(agent.wait_ready(session)).await.unwrap();
    let mut stream = agent.open(session, "vnc").await.unwrap();

    let before = stand.plugins.remove(&crate::stand::runtime_name()).unwrap();
    assert!(matches!(soon(agent.destroy(session)).await, Err(AgentError::Plugin { .. })));
    let status = soon(agent.status()).await.unwrap();
    assert_eq!(
        status.degraded.as_deref(),
        Some("runtime plugin failed: runtime-docker is not active")
    );
    // Streams need no plugin.
    let mut banner = [0; 12];
    soon(stream.read_exact(&mut banner)).await.unwrap();
    assert!(agent.open(session, "vnc").await.is_ok());

    drop(before);
    stand.plugins.activate(crate::stand::plugin(&stand.host).await);
    assert_eq!(soon(agent.status()).await.unwrap().degraded, None);
    soon(agent.destroy(session)).await.unwrap();
    stand.nothing_is_left().await;
}

#[tokio::test]
async fn the_node_tells_what_it_has() {
    let stand = Stand::new().await;
    let status = soon(stand.agent.status()).await.unwrap();
    let info = stand.docker.info().await.unwrap();
    assert_eq!(status.engine, format!("docker {}", info.server_version.unwrap()));
    assert_eq!(status.degraded, None);
    assert_eq!(status.name, "test-node");
    assert_eq!(status.labels["room"], "cellar");
    assert!(
        status.images.contains(&IMAGE.to_owned()),
        "{:?}; run: cargo xtask images terminal",
        status.images
    );
    assert_eq!(status.allocatable.cpu_millicores, u64::try_from(info.ncpu.unwrap()).unwrap() * 2500);
    assert_eq!(
        status.allocatable.memory_bytes,
        u64::try_from(info.mem_total.unwrap()).unwrap() - (1 << 20)
    );
    assert_eq!(status.allocatable.sessions, 8);
}
