//! What the relay costs beside a desktop that a client speaks to directly.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::bare::{self, Yard};
use crate::client::Client;
use crate::figures::{Figures, per_second, percentile};
use crate::ground::Ground;
use crate::{crowd, process, workload};

/// How long processor time is measured, relayed; half of it directly.
const CPU: Duration = Duration::from_secs(20);
/// How long a session that nobody looks at is measured.
const UNWATCHED: Duration = Duration::from_secs(5);
/// Keys on each side.
const KEYS: usize = 160;
/// No frame for this long: what the last key has drawn has come.
const STILL: Duration = Duration::from_millis(40);
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
            crowd::measure(figures, ground, &yard, product).await
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
