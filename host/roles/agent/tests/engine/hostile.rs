//! A container whose user works against its host.

use gatewright_ports::{AgentControl as _, SessionStreams as _, StreamError};

use crate::stand::{FENCE, Stand, session, soon, spec};
use crate::witness::{Kind, on_each_engine};

on_each_engine!(what_a_container_plants_leads_nowhere, a_fork_bomb_ends_at_its_limit,);

async fn what_a_container_plants_leads_nowhere(kind: Kind) {
    let stand = Stand::new(kind).await;
    let agent = &stand.agent;
    let session = session();
    soon(agent.create(spec(session), FENCE)).await.unwrap();
    soon(agent.start(session, FENCE)).await.unwrap();
    soon(agent.wait_ready(session)).await.unwrap();
    let precious = stand.dir.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();

    let plant = format!(
        "cd /run/session && mv vnc.sock moved.sock && ln -s {engine} vnc.sock && ln -s {precious} transfer/file \
         && ln -s / transfer/root && ln -s /etc/passwd passwd && mkdir -p 'odd \n name' && chmod 000 'odd \n name' \
         && d=transfer; for i in $(seq 1 200); do d=$d/deep; mkdir $d || break; done; \
         i=0; while [ $i -lt 2000 ]; do : > transfer/$i; i=$((i+1)); done; mkfifo pipe; chmod 000 transfer; echo planted",
        engine = kind.socket().display(),
        precious = precious.display(),
    );
    let said = stand.inside(session, &plant).await;
    assert!(said.ends_with("planted\n"), "{said}");
    assert!(matches!(agent.open(session, "vnc").await, Err(StreamError::Tampered)));
    // A link that stays inside is a link as well.
    stand
        .inside(session, "cd /run/session && rm vnc.sock && ln -s moved.sock vnc.sock")
        .await;
    assert!(matches!(agent.open(session, "vnc").await, Err(StreamError::Tampered)));
    // Put back, it is its own socket again.
    stand.inside(session, "cd /run/session && mv moved.sock vnc.sock").await;
    assert!(agent.open(session, "vnc").await.is_ok());

    soon(agent.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
    assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
    assert!(std::fs::metadata("/etc/passwd").unwrap().len() > 0);
}

/// Within its limits a container may do what it likes: the limit on processes is the engine's, and it holds.
async fn a_fork_bomb_ends_at_its_limit(kind: Kind) {
    let stand = Stand::new(kind).await;
    let agent = &stand.agent;
    let session = session();
    soon(agent.create(spec(session), FENCE)).await.unwrap();
    soon(agent.start(session, FENCE)).await.unwrap();
    soon(agent.wait_ready(session)).await.unwrap();
    let said = stand
        .inside(session, "i=0; while [ $i -lt 400 ]; do sleep 30 & i=$((i+1)); done 2>&1; echo end")
        .await;
    assert!(said.contains("fork"), "{said}");
    soon(agent.destroy(session, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
}
