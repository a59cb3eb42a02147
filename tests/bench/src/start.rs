//! What a session's start takes beside the engine's own start of the same container.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use http::Method;
use serde_json::Value;

use crate::bare::Yard;
use crate::figures::{Figures, percentile};
use crate::ground::Ground;

/// Starts on each side.
const PAIRS: usize = 16;

pub(crate) async fn measure(figures: &mut Figures) -> anyhow::Result<()> {
    let (mut product, mut engine) = Ground::with(async |ground| {
        // The first of each side is not counted; what the engine is told is learned from it.
        let warm = ground.launch().await?;
        let yard = Yard::like(ground, &warm).await?;
        ground.end(&warm).await?;
        pairs(ground, &yard).await
    })
    .await?;
    let (ours, bare) = (percentile(&mut product, 50), percentile(&mut engine, 50));
    let (ours_90, bare_90) = (percentile(&mut product, 90), percentile(&mut engine, 90));
    let beside = format!("{PAIRS} alternating pairs; p50 product {ours:.0} ms, engine {bare:.0} ms; p90 {ours_90:.0} and {bare_90:.0} ms");
    figures.add("session_start_ratio", ours / bare, beside, "<= 1.1, or:");
    figures.add("session_start_added_ms", ours - bare, "the same pairs".into(), "<= 100");
    Ok(())
}

async fn pairs(ground: &Ground, yard: &Yard) -> anyhow::Result<(Vec<Duration>, Vec<Duration>)> {
    let workspace = ground.workspace().await?;
    let (mut product, mut engine) = (Vec::new(), Vec::new());
    let warm = yard.start().await?;
    yard.remove(warm).await?;
    for _ in 0..PAIRS {
        let began = Instant::now();
        let session = ground.request(&workspace).await?;
        ready(ground, &session).await?;
        product.push(began.elapsed());
        ground.end(&session).await?;
        let bare = yard.start().await?;
        engine.push(bare.took);
        yard.remove(bare).await?;
    }
    Ok((product, engine))
}

/// Follows a session's events, as a page does, until it is ready.
async fn ready(ground: &Ground, session: &str) -> anyhow::Result<()> {
    let path = format!("/api/v1/sessions/{session}/events");
    let mut answer = ground.person.request(Method::GET, &path).send().await?.error_for_status()?;
    let mut text = String::new();
    let follow = async {
        while let Some(chunk) = answer.chunk().await? {
            text.push_str(std::str::from_utf8(&chunk).context("an event is no text")?);
            while let Some((line, rest)) = text.split_once('\n') {
                let state = line.strip_prefix("data:").map(serde_json::from_str::<Value>).transpose()?;
                let state = state.and_then(|session| Some(session.get("state")?.as_str()?.to_owned()));
                match state.as_deref() {
                    Some("ready") => return Ok(()),
                    Some("failed" | "ended") => bail!("the launch failed: {line}"),
                    _ => {}
                }
                text = rest.to_owned();
            }
        }
        bail!("the events ended")
    };
    tokio::time::timeout(Duration::from_secs(60), follow)
        .await
        .context("the session is not ready in time")?
}
