//! What the relay costs beside a desktop that a client speaks to directly.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bollard::Docker;

use crate::bare::{self, Yard};
use crate::client::Client;
use crate::figures::{Figures, per_second, percentile};
use crate::ground::Ground;
use crate::workload::{self, Picture};
use crate::{crowd, process};

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
        let yard = Yard::like(ground, &session).await?;
        one(figures, ground, &yard, &session, product).await?;
        ground.end(&session).await?;
        crowd::measure(figures, ground, &yard, product).await
    })
    .await
}

/// Processor time and key echo, with one desktop on each side.
async fn one(figures: &mut Figures, ground: &Ground, yard: &Yard, session: &str, product: u32) -> anyhow::Result<()> {
    let docker = ground.product.engine().docker();
    let container = bare::container_of(ground.product.engine(), session).await?;
    let display = bare::display_of(docker, &container).await?;

    let unwatched = Used::measure(&[product], UNWATCHED, async || {
        tokio::time::sleep(UNWATCHED).await;
        Ok(())
    })
    .await?;
    let mut relayed = Client::relayed(&ground.product, &ground.person, session).await?;
    let watched = [product, display];
    let through = watch(&mut relayed, docker, &container, Picture::Scrolls, &watched, CPU).await?;
    let through_all = watch(&mut relayed, docker, &container, Picture::Repaints, &watched, CPU / 2).await?;

    let desktop = yard.start().await?;
    let bare_display = yard.display(&desktop).await?;
    let mut direct = Client::direct(&desktop.socket(), &desktop.password).await?;
    let watched = [bare_display];
    let straight = watch(&mut direct, docker, &desktop.id, Picture::Scrolls, &watched, CPU / 2).await?;
    let straight_all = watch(&mut direct, docker, &desktop.id, Picture::Repaints, &watched, CPU / 2).await?;
    processor(figures, "relay_cpu_ratio", &unwatched, &through, &straight);
    processor(figures, "relay_cpu_repaint_ratio", &unwatched, &through_all, &straight_all);

    echo(figures, &mut relayed, &mut direct).await?;
    yard.remove(desktop).await
}

/// What processes used of the processor while a client watched.
struct Used {
    /// By process, in cores.
    cores: Vec<f64>,
    frames_a_second: f64,
    bytes_a_frame: f64,
}

impl Used {
    async fn measure(pids: &[u32], time: Duration, meanwhile: impl AsyncFnOnce() -> anyhow::Result<()>) -> anyhow::Result<Vec<f64>> {
        let read = || pids.iter().map(|pid| process::cpu(*pid)).collect::<anyhow::Result<Vec<_>>>();
        let before = read()?;
        meanwhile().await?;
        let used = read()?.into_iter().zip(before).map(|(after, before)| after.saturating_sub(before));
        Ok(used.map(|used| used.as_secs_f64() / time.as_secs_f64()).collect())
    }

    /// Cores of the process of this number.
    fn cores(&self, number: usize) -> f64 {
        self.cores.get(number).copied().unwrap_or(f64::NAN)
    }

    /// Milliseconds a frame of the process of this number.
    fn millis(&self, number: usize) -> f64 {
        self.cores(number) * 1e3 / self.frames_a_second
    }
}

/// Lets a container draw under a client's eyes.
async fn watch(
    client: &mut Client,
    docker: &Docker,
    container: &str,
    picture: Picture,
    pids: &[u32],
    time: Duration,
) -> anyhow::Result<Used> {
    workload::start(docker, container, picture).await?;
    client.frames(Duration::from_secs(2)).await?;
    let (bytes, mut frames) = (client.bytes, 0);
    let cores = Used::measure(pids, time, async || {
        frames = client.frames(time).await?;
        Ok(())
    })
    .await?;
    let bytes = client.bytes - bytes;
    workload::stop(docker, container).await?;
    ensure!(frames > 0, "nothing is drawn");
    let frames_a_second = per_second(frames, time);
    Ok(Used {
        cores,
        frames_a_second,
        bytes_a_frame: per_second(bytes, time) / frames_a_second,
    })
}

fn processor(figures: &mut Figures, name: &'static str, unwatched: &[f64], through: &Used, straight: &Used) {
    let idle = unwatched.first().copied().unwrap_or(f64::NAN);
    let (product, display) = (through.cores(0), through.cores(1));
    let beside = format!(
        "of a core: product {:.2} % ({:.2} % unwatched), its Xvnc {:.2} %; a frame: product {:.3} ms, Xvnc {:.3} ms, Xvnc watched directly {:.3} ms; \
         {:.1} and {:.1} frames/s of {:.1} and {:.1} kB",
        product * 100.0,
        idle * 100.0,
        display * 100.0,
        through.millis(0),
        through.millis(1),
        straight.millis(0),
        through.frames_a_second,
        straight.frames_a_second,
        through.bytes_a_frame / 1e3,
        straight.bytes_a_frame / 1e3
    );
    figures.add(name, product / display, beside, "<= 0.1");
}

async fn echo(figures: &mut Figures, relayed: &mut Client, direct: &mut Client) -> anyhow::Result<()> {
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
    Ok(())
}
