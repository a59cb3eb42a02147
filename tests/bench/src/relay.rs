//! What the relay costs beside a desktop that a client speaks to directly.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::{join_all, try_join_all};

use crate::bare::{self, Bare, Yard};
use crate::client::Client;
use crate::figures::{Figures, percentile};
use crate::ground::Ground;
use crate::{process, workload};

/// How long processor time is measured, relayed; half of it directly.
const CPU: Duration = Duration::from_secs(20);
/// How long a session that nobody looks at is measured.
const UNWATCHED: Duration = Duration::from_secs(5);
/// Keys on each side.
const KEYS: usize = 160;
/// No frame for this long: what the last key has drawn has come.
const STILL: Duration = Duration::from_millis(40);
/// Desktops at once.
const DESKTOPS: usize = 20;
/// How long frames are counted.
const COUNTED: Duration = Duration::from_secs(10);
/// Between two clients that connect one after the other.
const APART: Duration = Duration::from_millis(200);
/// After its start the product is left alone for this long.
const IDLE: Duration = Duration::from_secs(10);
const BACKSPACE: u32 = 0xff08;

pub(crate) async fn measure(figures: &mut Figures) -> anyhow::Result<()> {
    Ground::with(async |ground| {
        let product = ground.product.pid().context("the product has ended")?;
        tokio::time::sleep(IDLE).await;
        let idle = process::rss_mib(product)?;
        figures.add(
            "idle_rss_mib",
            idle,
            format!("all five roles, {} s after the start", IDLE.as_secs()),
            "< 100",
        );

        let session = ground.launch().await?;
        let yard = Yard::like(ground.product.engine(), &session).await?;
        let outcome = async {
            one(figures, ground, &yard, &session, product).await?;
            ground.end(&session).await?;
            many(figures, ground, &yard, product).await
        }
        .await;
        yard.clear().await?;
        outcome
    })
    .await
}

/// Processor time and key echo, with one desktop on each side.
async fn one(figures: &mut Figures, ground: &Ground, yard: &Yard, session: &str, product: u32) -> anyhow::Result<()> {
    let engine = ground.product.engine();
    let container = bare::container_of(engine, session).await?;
    let display = bare::display_of(engine.docker(), &container).await?;

    let before = process::cpu(product)?;
    tokio::time::sleep(UNWATCHED).await;
    let unwatched = (process::cpu(product)? - before).as_secs_f64() / UNWATCHED.as_secs_f64();

    let mut relayed = Client::relayed(&ground.product, &ground.person, session).await?;
    workload::start(engine.docker(), &container).await?;
    relayed.frames(Duration::from_secs(1)).await?;
    let (bytes, began) = (relayed.bytes, Instant::now());
    let before = (process::cpu(product)?, process::cpu(display)?);
    let frames = relayed.frames(CPU).await?;
    let (relay_cpu, display_cpu) = (process::cpu(product)? - before.0, process::cpu(display)? - before.1);
    let rate = per_second(frames, began.elapsed());
    let bytes = relayed.bytes - bytes;
    workload::stop(engine.docker(), &container).await?;

    let desktop = yard.start().await?;
    let bare_display = yard.display(&desktop).await?;
    let mut direct = Client::direct(&desktop.socket(), &desktop.password).await?;
    workload::start(engine.docker(), &desktop.id).await?;
    direct.frames(Duration::from_secs(1)).await?;
    let (before, began) = (process::cpu(bare_display)?, Instant::now());
    let direct_frames = direct.frames(CPU / 2).await?;
    let direct_cpu = process::cpu(bare_display)? - before;
    let direct_rate = per_second(direct_frames, began.elapsed());
    workload::stop(engine.docker(), &desktop.id).await?;

    let each = |time: Duration, frames: u64| time.as_secs_f64() * 1e3 / f64::from(u32::try_from(frames.max(1)).unwrap_or(u32::MAX));
    let beside = format!(
        "product {:.3} s ({:.1} % of a core when nobody looks), its Xvnc {:.3} s in {} s; a frame: product {:.3} ms, Xvnc {:.3} ms, Xvnc direct {:.3} ms; {rate:.1} and {direct_rate:.1} frames/s, {:.1} kB each",
        relay_cpu.as_secs_f64(),
        unwatched * 100.0,
        display_cpu.as_secs_f64(),
        CPU.as_secs(),
        each(relay_cpu, frames),
        each(display_cpu, frames),
        each(direct_cpu, direct_frames),
        bytes as f64 / 1e3 / frames.max(1) as f64
    );
    figures.add(
        "relay_cpu_ratio",
        relay_cpu.as_secs_f64() / display_cpu.as_secs_f64(),
        beside,
        "<= 0.1",
    );

    // The shells' prompts are on the last line of a screen that no longer scrolls.
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for key in 0..KEYS {
        let keysym = if key % 2 == 0 { u32::from(b'a') } else { BACKSPACE };
        relayed.still(STILL).await?;
        ours.push(relayed.echo(keysym).await?);
        direct.still(STILL).await?;
        bare.push(direct.echo(keysym).await?);
    }
    let (ours_50, bare_50) = (percentile(&mut ours, 50), percentile(&mut bare, 50));
    let beside = format!(
        "{KEYS} keys each, alternating; relayed p50 {ours_50:.2}, p95 {:.2} ms; direct p50 {bare_50:.2}, p95 {:.2} ms",
        percentile(&mut ours, 95),
        percentile(&mut bare, 95)
    );
    figures.add("relay_echo_added_ms", ours_50 - bare_50, beside, "< 1");
    yard.remove(desktop).await
}

/// Frame rates and memory, with many desktops on each side.
async fn many(figures: &mut Figures, ground: &Ground, yard: &Yard, product: u32) -> anyhow::Result<()> {
    let docker = ground.product.engine().docker();
    let before = process::rss_mib(product)?;
    let mut sessions = Vec::new();
    for _ in 0..DESKTOPS {
        sessions.push(ground.launch().await?);
    }
    let containers = try_join_all(sessions.iter().map(|id| bare::container_of(ground.product.engine(), id))).await?;
    let unwatched = process::rss_mib(product)?;
    let relayed = async |wait: Duration| {
        try_join_all(containers.iter().map(|id| workload::start(docker, id))).await?;
        let clients = sessions.iter().enumerate().map(async |(number, session)| {
            tokio::time::sleep(wait * u32::try_from(number)?).await;
            Client::relayed(&ground.product, &ground.person, session).await
        });
        let (seen, mut streaming) = watched(clients, product).await?;
        try_join_all(containers.iter().map(|id| workload::stop(docker, id))).await?;
        streaming -= before;
        anyhow::Ok((seen, streaming))
    };
    let (burst, growth) = relayed(Duration::ZERO).await?;
    let (staggered, _) = relayed(APART).await?;
    join_all(sessions.iter().map(|session| ground.end(session)))
        .await
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;

    let mut desktops = Vec::new();
    for _ in 0..DESKTOPS {
        desktops.push(yard.start().await?);
    }
    let direct = async |wait: Duration| {
        try_join_all(desktops.iter().map(|bare: &Bare| workload::start(docker, &bare.id))).await?;
        let clients = desktops.iter().enumerate().map(async |(number, bare)| {
            tokio::time::sleep(wait * u32::try_from(number)?).await;
            Client::direct(&bare.socket(), &bare.password).await
        });
        let (seen, _) = watched(clients, product).await?;
        try_join_all(desktops.iter().map(|bare: &Bare| workload::stop(docker, &bare.id))).await?;
        anyhow::Ok(seen)
    };
    let bare_burst = direct(Duration::ZERO).await?;
    let bare_staggered = direct(APART).await?;

    let beside = format!(
        "{DESKTOPS} at once: relayed {burst}, direct {bare_burst}; {} ms apart: relayed {staggered}, direct {bare_staggered} (ratio {:.3})",
        APART.as_millis(),
        staggered.mean / bare_staggered.mean
    );
    figures.add("relay_burst20_fps_ratio", burst.mean / bare_burst.mean, beside, ">= 0.9");
    let count = f64::from(u32::try_from(DESKTOPS)?);
    let beside = format!(
        "{before:.1} MiB before {DESKTOPS} launches, {unwatched:.1} with them unwatched, {:.1} with all streaming",
        before + growth
    );
    figures.add("relay_rss_mib_per_session", growth / count, beside, "<= 1");
    Ok(())
}

/// Frames a second of several clients.
struct Rates {
    mean: f64,
    least: f64,
    /// Until the last had its first frame, from its own start.
    connected: Duration,
}

impl std::fmt::Display for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let connected = self.connected.as_millis();
        write!(
            f,
            "{:.1} (least {:.1}) frames/s, first frame within {connected} ms",
            self.mean, self.least
        )
    }
}

/// Connects clients, each counting from its own first frame. Their rates, and the product's memory while all stream.
async fn watched(
    clients: impl Iterator<Item = impl Future<Output = anyhow::Result<Client>>>,
    product: u32,
) -> anyhow::Result<(Rates, f64)> {
    let runs = clients.map(async |connecting| {
        let began = Instant::now();
        let mut client = connecting.await?;
        let connected = began.elapsed();
        let counting = Instant::now();
        let frames = client.frames(COUNTED).await?;
        let rate = per_second(frames, counting.elapsed());
        // Read while this client, and all that came later, still stream.
        anyhow::Ok((rate, connected, process::rss_mib(product)?, client))
    });
    let runs = try_join_all(runs).await?;
    let rates = || runs.iter().map(|(rate, ..)| *rate);
    let rates_seen = Rates {
        mean: rates().sum::<f64>() / f64::from(u32::try_from(runs.len())?),
        least: rates().fold(f64::INFINITY, f64::min),
        connected: runs.iter().map(|(_, connected, ..)| *connected).max().unwrap_or_default(),
    };
    let memory = runs.iter().map(|(_, _, memory, _)| *memory).fold(0.0, f64::max);
    Ok((rates_seen, memory))
}

fn per_second(count: u64, time: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / time.as_secs_f64()
}
