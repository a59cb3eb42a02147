//! What can be done with a session beside making and removing it; and who may.

use gatewright_ports::agent_control::{Fence, OutputStream, OwnedSession};
use gatewright_ports::{AgentControl as _, AgentError, SessionStreams as _};
use tokio::io::AsyncReadExt as _;

use crate::stand::{FENCE, Stand, session, soon, spec, until};
use crate::witness::{Kind, on_each_engine};

on_each_engine!(
    a_paused_session_is_frozen_and_goes_on_where_it_stood,
    a_paused_session_can_be_stopped_and_destroyed,
    what_a_session_wrote_is_told_newest_lines_only,
    who_was_overtaken_leaves_nothing,
);

async fn ready(stand: &Stand) -> gatewright_core::SessionId {
    let session = session();
    soon(stand.agent.create(spec(session), FENCE)).await.unwrap();
    soon(stand.agent.start(session, FENCE)).await.unwrap();
    soon(stand.agent.wait_ready(session)).await.unwrap();
    session
}

async fn a_paused_session_is_frozen_and_goes_on_where_it_stood(kind: Kind) {
    let stand = Stand::new(kind).await;
    let agent = &stand.agent;
    let session = ready(&stand).await;
    // Something that never rests, and remembers what it did.
    let busy = "(x=0; while :; do x=$((x+1)); echo $x > /run/session/transfer/count; done) >/dev/null 2>&1 &";
    stand.inside(session, busy).await;
    let count = || {
        let text = std::fs::read_to_string(stand.folder(session).join("transfer/count"));
        text.ok().and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or_default()
    };
    let first = soon(agent.stats(session)).await.unwrap();
    assert!(first.memory_bytes > 0 && first.pids > 1, "{first:?}");
    assert_eq!(first.memory_limit_bytes, 256 << 20);
    assert_eq!((first.received_bytes, first.sent_bytes), (None, None));
    until("using time", async || {
        soon(agent.stats(session)).await.unwrap().cpu_micros > first.cpu_micros
    })
    .await;

    for _ in 0..2 {
        soon(agent.pause(session, FENCE)).await.unwrap();
        assert_eq!(
            agent.list().await.unwrap(),
            [OwnedSession {
                session,
                running: true,
                paused: Some(true)
            }]
        );
    }
    assert_eq!(stand.seen(session).await["State"]["Status"], "paused");
    let (frozen, counted) = (soon(agent.stats(session)).await.unwrap(), count());
    assert!(frozen.memory_bytes > 0, "what is paused keeps its memory");
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(soon(agent.stats(session)).await.unwrap().cpu_micros, frozen.cpu_micros);
    assert_eq!(count(), counted);
    // Another agent, as after a restart, finds it paused.
    let again = stand.restarted();
    assert_eq!(again.list().await.unwrap()[0].paused, Some(true));

    for _ in 0..2 {
        soon(again.resume(session, FENCE)).await.unwrap();
        assert_eq!(again.list().await.unwrap()[0].paused, Some(false));
    }
    until("going on", async || count() > counted).await;
    let mut stream = agent.open(session, "vnc").await.unwrap();
    let mut banner = [0; 12];
    soon(stream.read_exact(&mut banner)).await.unwrap();
    soon(agent.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
    for gone in [agent.pause(session, FENCE).await, agent.resume(session, FENCE).await] {
        assert_eq!(gone, Err(AgentError::NotFound));
    }
    assert_eq!(agent.stats(session).await, Err(AgentError::NotFound));
    assert_eq!(agent.logs(session, 10).await, Err(AgentError::NotFound));
}

async fn a_paused_session_can_be_stopped_and_destroyed(kind: Kind) {
    let stand = Stand::new(kind).await;
    let (one, two) = (ready(&stand).await, ready(&stand).await);
    for session in [one, two] {
        soon(stand.agent.pause(session, FENCE)).await.unwrap();
    }
    soon(stand.agent.stop(one, std::time::Duration::from_secs(1), FENCE)).await.unwrap();
    let listed = stand.agent.list().await.unwrap();
    assert!(
        listed.contains(&OwnedSession {
            session: one,
            running: false,
            paused: Some(false)
        }),
        "{listed:?}"
    );
    // What has ended can't be paused, and is not said to be.
    assert!(matches!(soon(stand.agent.pause(one, FENCE)).await, Err(AgentError::Engine { .. })));
    for session in [one, two] {
        soon(stand.agent.destroy(session, FENCE)).await.unwrap();
    }
    stand.nothing_is_left().await;
}

async fn what_a_session_wrote_is_told_newest_lines_only(kind: Kind) {
    let stand = Stand::new(kind).await;
    let agent = &stand.agent;
    let session = ready(&stand).await;
    let written =
        "printf 'first \\000 line\\n' > /proc/1/fd/1; seq 1 300 > /proc/1/fd/1; echo wrong > /proc/1/fd/2; echo last > /proc/1/fd/1";
    assert_eq!(stand.inside(session, written).await, "");
    let text = |pieces: &[gatewright_ports::agent_control::OutputPiece], of: OutputStream| -> String {
        let of = pieces.iter().filter(|piece| piece.to == of);
        of.map(|piece| String::from_utf8_lossy(&piece.bytes.0).into_owned()).collect()
    };
    until("the log's last line", async || {
        let pieces = soon(agent.logs(session, 10_000)).await.unwrap();
        text(&pieces, OutputStream::Stdout).ends_with("last\n") && text(&pieces, OutputStream::Stderr).contains("wrong\n")
    })
    .await;
    let all = soon(agent.logs(session, 10_000)).await.unwrap();
    assert!(text(&all, OutputStream::Stdout).contains("first \0 line\n1\n2\n"));
    let few = soon(agent.logs(session, 10)).await.unwrap();
    let lines: usize = few
        .iter()
        .map(|piece| piece.bytes.0.iter().filter(|byte| **byte == b'\n').count())
        .sum();
    assert_eq!(lines, 10);
    // Far more than is told: the newest of it.
    let much = "i=0; while [ $i -lt 40 ]; do head -c 9000 /dev/zero | tr '\\0' 'x' > /proc/1/fd/1; echo > /proc/1/fd/1; i=$((i+1)); done; echo end > /proc/1/fd/1";
    assert_eq!(stand.inside(session, much).await, "");
    until("the much", async || {
        let pieces = soon(agent.logs(session, 10_000)).await.unwrap();
        text(&pieces, OutputStream::Stdout).ends_with("\nend\n")
    })
    .await;
    let pieces = soon(agent.logs(session, 10_000)).await.unwrap();
    assert_eq!(pieces.iter().map(|piece| piece.bytes.0.len()).sum::<usize>(), 256 << 10);
    for lines in [0, 10_001] {
        assert!(matches!(soon(agent.logs(session, lines)).await, Err(AgentError::Refused { .. })));
    }
    soon(agent.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
}

/// A driver that stalled before it told the agent, while another took over and undid everything.
async fn who_was_overtaken_leaves_nothing(kind: Kind) {
    let stand = Stand::new(kind).await;
    let (agent, session) = (&stand.agent, session());
    let newer = Fence(FENCE.0 + 1);
    // The newer one found nothing here, and destroyed that.
    soon(agent.destroy(session, newer)).await.unwrap();
    assert_eq!(soon(agent.create(spec(session), FENCE)).await, Err(AgentError::Fenced));
    assert_eq!(soon(stand.restarted().create(spec(session), FENCE)).await, Err(AgentError::Fenced));
    stand.nothing_is_left().await;

    // Nor does it disturb what the newer one made.
    soon(agent.create(spec(session), newer)).await.unwrap();
    let late = stand.restarted();
    assert_eq!(soon(late.start(session, FENCE)).await, Err(AgentError::Fenced));
    assert_eq!(soon(late.pause(session, FENCE)).await, Err(AgentError::Fenced));
    assert_eq!(soon(late.resume(session, FENCE)).await, Err(AgentError::Fenced));
    assert_eq!(
        soon(late.stop(session, std::time::Duration::ZERO, FENCE)).await,
        Err(AgentError::Fenced)
    );
    assert_eq!(soon(late.destroy(session, FENCE)).await, Err(AgentError::Fenced));
    assert_eq!(soon(late.destroy(session, Fence::NONE)).await, Err(AgentError::Fenced));
    assert_eq!(agent.list().await.unwrap().len(), 1);

    // Once it is over nobody comes back.
    soon(agent.destroy(session, Fence::OVER)).await.unwrap();
    assert_eq!(soon(agent.create(spec(session), newer)).await, Err(AgentError::Fenced));
    stand.nothing_is_left().await;
}
