//! Homes that outlive their sessions.

use std::os::unix::fs::MetadataExt as _;

use gatewright_core::{HomeId, SessionId};
use gatewright_ports::agent_control::{KeptHome, SessionSpec};
use gatewright_ports::{AgentControl as _, AgentError};
use uuid::Uuid;

use crate::stand::{FENCE, Stand, session, soon, spec};
use crate::witness::{Kind, on_each_engine};

on_each_engine!(
    a_home_is_there_in_the_next_session_and_goes_only_when_it_is_told_to,
    a_home_that_is_missing_is_not_made_anew,
);

fn with_home(session: SessionId, id: HomeId, new: bool) -> SessionSpec {
    SessionSpec {
        home: Some(KeptHome { id, new }),
        ..spec(session)
    }
}

fn home() -> HomeId {
    HomeId::from_uuid(Uuid::now_v7())
}

async fn ready(stand: &Stand, spec: SessionSpec) {
    let session = spec.session;
    soon(stand.agent.create(spec, FENCE)).await.unwrap();
    soon(stand.agent.start(session, FENCE)).await.unwrap();
    soon(stand.agent.wait_ready(session)).await.unwrap();
}

async fn a_home_is_there_in_the_next_session_and_goes_only_when_it_is_told_to(kind: Kind) {
    let stand = Stand::new(kind).await;
    let (one, two, home) = (session(), session(), home());
    ready(&stand, with_home(one, home, true)).await;
    let said = stand
        .inside(
            one,
            "cd && pwd && id -u && touch Transfer/in && ls /run/session/transfer && ln -s / root && echo kept > note && echo done",
        )
        .await;
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["/home/user", "1000", "in", "done"]);
    let mounts = stand.inside(one, "grep ' /home/user ' /proc/mounts").await;
    assert!(!mounts.is_empty(), "no mount");
    if kind == Kind::Podman {
        assert!(mounts.contains("nosuid") && mounts.contains("nodev"), "{mounts}");
    }
    let path = stand.dir.path().join("homes").join(home.to_string());
    let note = std::fs::metadata(path.join("note")).unwrap();
    assert_eq!((note.uid(), std::fs::metadata(&path).unwrap().uid()), (1000, 1000));
    let parent = std::fs::metadata(path.parent().unwrap()).unwrap();
    assert_eq!((parent.mode() & 0o777, parent.uid()), (0o700, rustix::process::geteuid().as_raw()));
    assert!(matches!(stand.agent.remove_home(home).await, Err(AgentError::Refused { .. })));

    soon(stand.agent.destroy(one, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
    // Also for an agent that was started meanwhile, and for a caller who does not know yet that it was made.
    let again = stand.restarted();
    soon(again.create(with_home(two, home, true), FENCE)).await.unwrap();
    soon(again.create(with_home(two, home, false), FENCE)).await.unwrap();
    soon(again.start(two, FENCE)).await.unwrap();
    soon(again.wait_ready(two)).await.unwrap();
    assert_eq!(stand.inside(two, "cat ~/note; ls ~/Transfer/").await.trim(), "kept");
    assert!(matches!(again.remove_home(home).await, Err(AgentError::Refused { .. })));
    soon(again.destroy(two, FENCE)).await.unwrap();
    stand.nothing_is_left().await;
    assert_eq!(std::fs::read_to_string(path.join("note")).unwrap(), "kept\n");

    let outside = stand.dir.path().join("sessions");
    soon(again.remove_home(home)).await.unwrap();
    assert!(!path.exists() && outside.exists());
    soon(again.remove_home(home)).await.unwrap();
}

async fn a_home_that_is_missing_is_not_made_anew(kind: Kind) {
    let stand = Stand::new(kind).await;
    let (id, home) = (session(), home());
    let failed = soon(stand.agent.create(with_home(id, home, false), FENCE)).await;
    assert_eq!(failed, Err(AgentError::HomeMissing { home }));
    stand.nothing_is_left().await;
    let homes = stand.dir.path().join("homes");
    assert_eq!(std::fs::read_dir(&homes).unwrap().count(), 0);

    // One that was made for a container that was not is no home of anybody.
    let mut spec = with_home(id, home, true);
    spec.image = "gatewright/none:dev".into();
    let failed = soon(stand.agent.create(spec, FENCE)).await;
    assert!(matches!(failed, Err(AgentError::ImageMissing { .. })), "{failed:?}");
    assert_eq!(std::fs::read_dir(&homes).unwrap().count(), 0);

    // A link in its place is not followed.
    std::os::unix::fs::symlink("/", homes.join(home.to_string())).unwrap();
    for new in [true, false] {
        let failed = soon(stand.agent.create(with_home(id, home, new), FENCE)).await;
        assert!(matches!(failed, Err(AgentError::Node { .. })), "{failed:?}");
    }
    stand.nothing_is_left().await;
}
