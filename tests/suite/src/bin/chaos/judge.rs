//! What has to hold once it is over: no orphan, no phantom, nothing lost, every event in its chain.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::ensure;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use gatewright_database::{EventFilter, Store};
use gatewright_suite::{Engine, EngineKind, Product};
use http::Method;

use crate::people::World;

/// How long the product may take to put everything in order.
const ORDER: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(500);
const SESSION_LABEL: &str = "gatewright.session";
const QUARANTINED: &str = "session.quarantined";

/// Looks at everything, and writes down what is not as it has to be.
///
/// # Errors
/// It could not be looked at.
pub(crate) async fn judge(product: &Product, world: &World) -> anyhow::Result<()> {
    let tally = &world.tally;
    let admin = product.login("admin").await?;
    let store = product.home().store().await?;

    // Whoever asked and was never answered has a session that nobody works in.
    for record in store.open_sessions().await? {
        let path = format!("/api/v1/sessions/{}", record.session.id);
        let answer = admin.request(Method::DELETE, &path).send().await?;
        ensure!(answer.status().is_success(), "{path} can't be ended: {}", answer.text().await?);
        tally.count("sessions that nobody knew of, ended afterwards");
    }
    let mut engines = Vec::new();
    for kind in [EngineKind::Docker, EngineKind::Podman] {
        engines.push(Engine::connect_to(kind).await?);
    }
    let forgotten = world.forgotten();
    let unfinished = world.unfinished();
    let kept: BTreeSet<String> = forgotten.union(&unfinished).cloned().collect();
    let began = Instant::now();
    let (phantoms, left, folders) = loop {
        let phantoms: Vec<String> = store.open_sessions().await?.iter().map(|one| one.session.id.to_string()).collect();
        let left = containers(&engines).await?;
        let folders = folders(product);
        let orphans = left.iter().chain(&folders).any(|session| !kept.contains(session));
        if (phantoms.is_empty() && !orphans) || began.elapsed() > ORDER {
            break (phantoms, left, folders);
        }
        tokio::time::sleep(LOOK).await;
    };
    for session in phantoms {
        tally.finding(format!("session {session} is a phantom: it is in the database and does not end"));
    }
    for session in left.difference(&kept) {
        tally.finding(format!("session {session} is an orphan: its container is left"));
    }
    for session in folders.difference(&kept) {
        tally.finding(format!("session {session} is an orphan: its folder is left"));
    }
    for session in &kept {
        if !left.contains(session) {
            if unfinished.contains(session) {
                continue;
            }
            tally.finding(format!("session {session} was forgotten by the restored database, and destroyed"));
        } else if !is_reported(&store, session).await? {
            tally.finding(format!(
                "session {session} was forgotten by the restored database, and not reported"
            ));
        } else {
            tally.count("workspaces kept and reported that the restored database does not know");
        }
    }
    for line in world.diaries.lost(product.home()) {
        tally.finding(format!("{line} was written at home, and no home has it"));
    }
    println!("chaos: {} lines were written at home", world.diaries.count());
    let chain = store.verify_events(u32::MAX).await?;
    tally.count("chains of events checked");
    if let Some(broken) = chain.broken_at {
        tally.finding(format!("the chain of events is broken at {broken}"));
    }
    // What is kept for the operator is this test's to remove.
    for engine in &engines {
        remove_all(engine).await?;
    }
    Ok(())
}

/// Sessions that have a container on an engine.
async fn containers(engines: &[Engine]) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for engine in engines {
        for container in all(engine).await? {
            found.extend(container.labels.and_then(|mut labels| labels.remove(SESSION_LABEL)));
        }
    }
    Ok(found)
}

async fn all(engine: &Engine) -> anyhow::Result<Vec<bollard::models::ContainerSummary>> {
    let filters = [("label".to_owned(), vec![SESSION_LABEL.to_owned()])].into();
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    Ok(engine.docker().list_containers(Some(options)).await?)
}

async fn remove_all(engine: &Engine) -> anyhow::Result<()> {
    for container in all(engine).await? {
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        let id = container.id.unwrap_or_default();
        engine.docker().remove_container(&id, Some(options)).await?;
    }
    Ok(())
}

/// Sessions that have a folder on an agent.
fn folders(product: &Product) -> BTreeSet<String> {
    let all = product.home().session_folders();
    all.iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect()
}

/// Whether administrators are told of a workspace that nobody knows.
async fn is_reported(store: &Store, session: &str) -> anyhow::Result<bool> {
    let filter = EventFilter {
        action: Some(QUARANTINED.into()),
        session: Some(session.parse()?),
        ..EventFilter::default()
    };
    let began = Instant::now();
    while began.elapsed() < ORDER {
        if store.newest_event(&filter).await?.is_some() {
            return Ok(true);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(false)
}
