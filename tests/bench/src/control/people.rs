//! People who launch, wait for their desktop, end it, and launch again.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::future::try_join_all;
use gatewright_control::{Actor, ControlPlane, Identity, LaunchRequest};
use gatewright_core::WorkspaceId;
use gatewright_core::session::{EndReason, SessionState};
use uuid::Uuid;

/// How many there are.
const PEOPLE: u32 = 64;
/// How long any one session may take.
const PATIENCE: Duration = Duration::from_secs(60);
const CLIENT: &str = "192.0.2.7";

/// What came of it.
pub(crate) struct Launched {
    /// Sessions a second, each from its request to its end.
    pub(crate) rate: f64,
    /// From the request to a desktop that answers.
    pub(crate) ready_after: Vec<Duration>,
}

/// Makes the people, and logs them in.
pub(crate) async fn enter(control: &ControlPlane) -> anyhow::Result<Vec<Identity>> {
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let (name, password) = (format!("person-{number}"), "correct horse battery");
        control.create_user(&name, password.into(), "user", &Actor::system()).await?;
        people.push(control.login(&name, password.into(), CLIENT).await?.identity);
    }
    Ok(people)
}

/// All of them at once, for so long.
pub(crate) async fn launch(control: &ControlPlane, people: &[Identity], time: Duration) -> anyhow::Result<Launched> {
    let all = control.workspaces().await?;
    let workspace = all.iter().find(|one| one.name == "Terminal").context("no workspace Terminal")?.id;
    let began = Instant::now();
    let each = try_join_all(people.iter().map(async |person| {
        let mut ready_after = Vec::new();
        while began.elapsed() < time {
            ready_after.push(one(control, person, workspace).await?);
        }
        anyhow::Ok(ready_after)
    }))
    .await?;
    let took = began.elapsed();
    let ready_after: Vec<Duration> = each.into_iter().flatten().collect();
    Ok(Launched {
        rate: f64::from(u32::try_from(ready_after.len())?) / took.as_secs_f64(),
        ready_after,
    })
}

/// One session, followed as a page does. The time until it was ready.
async fn one(control: &ControlPlane, person: &Identity, workspace: WorkspaceId) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let request = LaunchRequest {
        workspace,
        key: Some(Uuid::now_v7()),
        client: CLIENT.into(),
        zone: None,
    };
    let session = control.launch(person, request).await?.id;
    let mut following = control.subscribe(session).await?.context("the session is gone")?;
    let ready = following.wait_for(|view| view.state >= SessionState::Ready);
    let view = tokio::time::timeout(PATIENCE, ready)
        .await
        .context("a session is not ready in time")??
        .clone();
    if view.state != SessionState::Ready {
        bail!("a launch failed: {:?}", view.message);
    }
    let ready_after = began.elapsed();
    control.end(session, EndReason::User, &person.actor(CLIENT)).await?;
    let ended = following.wait_for(|view| view.state.is_final());
    tokio::time::timeout(PATIENCE, ended)
        .await
        .context("a session has not ended in time")??;
    Ok(ready_after)
}
