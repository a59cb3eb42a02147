//! What can be done with a session beside making and removing it; and who may.

use gatewright_ports::agent_control::{ExecOutcome, ExecProgram, Fence, OutputStream, OwnedSession};
use gatewright_ports::{AgentControl as _, AgentError, SessionStreams as _};
use tokio::io::AsyncReadExt as _;

use crate::stand::{FENCE, Stand, session, soon, spec, until};
use crate::witness::{Kind, on_each_engine};

on_each_engine!(
    a_paused_session_is_frozen_and_goes_on_where_it_stood,
    a_paused_session_can_be_stopped_and_destroyed,
    what_a_session_wrote_is_told_newest_lines_only,
    who_was_overtaken_leaves_nothing,
    a_program_says_how_it_ended_and_what_it_wrote,
    what_runs_or_writes_too_long_is_ended_with_its_group,
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

fn program(argv: &[&str], max_bytes: u32, time_secs: u32) -> ExecProgram {
    ExecProgram {
        argv: argv.iter().map(|argument| (*argument).to_owned()).collect(),
        max_bytes,
        time_secs,
    }
}

async fn a_program_says_how_it_ended_and_what_it_wrote(kind: Kind) {
    let stand = Stand::new(kind).await;
    let session = ready(&stand).await;
    let run = async |argv: &[&str], max_bytes| soon(stand.agent.exec(session, program(argv, max_bytes, 20))).await;
    let said = run(&["sh", "-c", "id -u; pwd; echo wrong >&2; exit 7"], 1000).await.unwrap();
    assert_eq!((said.exit_code, said.truncated, said.timed_out), (Some(7), false, false));
    assert!(said.stdout.0.starts_with(b"1000\n"), "{said:?}");
    assert_eq!(said.stderr.0, b"wrong\n");
    let quiet = run(&["true"], 0).await.unwrap();
    let expected = ExecOutcome {
        exit_code: Some(0),
        ..quiet.clone()
    };
    assert_eq!((&quiet, quiet.truncated), (&expected, false));
    assert_eq!(run(&["sh", "-c", "no-such-program"], 1000).await.unwrap().exit_code, Some(127));
    // Arguments are arguments, whatever is in them, and the environment is the image's.
    let odd = run(&["printf", "%s|%s", "a b;$(id)", "\u{1f600}\""], 1000).await.unwrap();
    assert_eq!(odd.stdout.0, "a b;$(id)|\u{1f600}\"".as_bytes());
    let status = run(&["cat", "/proc/self/status"], 10_000).await.unwrap();
    let status = String::from_utf8(status.stdout.0).unwrap();
    for line in [
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(line), "{line} in {status}");
    }
    // Any bytes, and no more of them than is kept.
    let bytes = run(&["printf", "\\000\\377\\n\\001"], 1000).await.unwrap();
    assert_eq!(bytes.stdout.0, [0, 255, 10, 1]);
    let cut = run(&["seq", "1", "100"], 100).await.unwrap();
    assert_eq!((cut.exit_code, cut.stdout.0.len(), cut.truncated), (Some(0), 100, true));
    assert!(cut.stdout.0.starts_with(b"1\n2\n3\n"));
    // Nothing of it is in the engine's log of the session, and a program that is not there is no failure of the session.
    let missing = run(&["/no/such/program"], 1000).await;
    assert!(!matches!(&missing, Ok(outcome) if outcome.exit_code == Some(0)), "{missing:?}");

    for refused in [
        program(&[], 1, 1),
        program(&["true"], (256 << 10) + 1, 1),
        program(&["true"], 1, 31),
        program(&["true"], 1, 0),
        program(&["a\0b"], 1, 1),
    ] {
        assert!(matches!(stand.agent.exec(session, refused).await, Err(AgentError::Refused { .. })));
    }
    soon(stand.agent.pause(session, FENCE)).await.unwrap();
    assert!(matches!(run(&["true"], 10).await, Err(AgentError::Engine { .. })));
    soon(stand.agent.destroy(session, FENCE)).await.unwrap();
    assert_eq!(run(&["true"], 10).await, Err(AgentError::NotFound));
    stand.nothing_is_left().await;
}

async fn what_runs_or_writes_too_long_is_ended_with_its_group(kind: Kind) {
    let stand = Stand::new(kind).await;
    let session = ready(&stand).await;
    let running = async |word: &str| stand.inside(session, &format!("ps -o args | grep {word} | grep -v grep")).await;
    // With a child that would go on by itself, and both deaf to being asked.
    let script = "trap '' TERM HUP; sleep 4711 & echo begun; sleep 4711";
    let late = soon(stand.agent.exec(session, program(&["sh", "-c", script], 1000, 1)))
        .await
        .unwrap();
    assert_eq!((late.exit_code, late.timed_out), (None, true));
    assert_eq!(late.stdout.0, b"begun\n");
    assert_eq!(running("471[1]").await, "");

    let endless = soon(stand.agent.exec(session, program(&["yes", "endless"], 1000, 30)))
        .await
        .unwrap();
    assert_eq!((endless.exit_code, endless.truncated, endless.timed_out), (None, true, false));
    assert_eq!(endless.stdout.0.len(), 1000);
    assert_eq!(running("endles[s]").await, "");

    // A caller that goes away changes nothing about that.
    let left = program(&["sh", "-c", "sleep 4712"], 1000, 2);
    let patience = std::time::Duration::from_millis(500);
    drop(tokio::time::timeout(patience, stand.agent.exec(session, left)).await);
    until("the end of what nobody waits for", async || running("471[2]").await.is_empty()).await;
    // The session itself did not notice.
    soon(stand.agent.wait_ready(session)).await.unwrap();
    soon(stand.agent.destroy(session, FENCE)).await.unwrap();
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
