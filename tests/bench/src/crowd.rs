//! Many desktops at once: whether the relay keeps their pace, and what each of them takes in memory.

use std::time::{Duration, Instant};

use anyhow::ensure;
use futures_util::future::{join_all, try_join_all};

use crate::bare::{self, Bare, Yard};
use crate::client::Client;
use crate::figures::{Figures, per_second};
use crate::ground::Ground;
use crate::process;
use crate::workload::{self, Picture};

/// Desktops at once.
const DESKTOPS: u32 = 20;
/// How long frames are counted.
const COUNTED: Duration = Duration::from_secs(10);
/// Between two clients that connect one after the other.
const APART: Duration = Duration::from_millis(200);

/// Frame rates and memory, with many desktops on each side. Relayed and direct take turns, while the other side's stand still.
pub(crate) async fn measure(figures: &mut Figures, ground: &Ground, yard: &Yard, product: u32) -> anyhow::Result<()> {
    let before = process::rss_mib(product)?;
    let (mut sessions, mut desktops) = (Vec::new(), Vec::new());
    for _ in 0..DESKTOPS {
        sessions.push(ground.launch().await?);
        desktops.push(yard.start().await?);
    }
    let unwatched = process::rss_mib(product)?;
    let containers = containers(ground, &sessions).await?;
    let docker = ground.product.engine().docker();
    let crowd = Crowd {
        ground,
        product,
        displays: try_join_all(containers.iter().map(|id| bare::display_of(docker, id))).await?,
        containers,
        sessions,
        desktops,
    };

    let used = Processor::read(product, &crowd.displays)?;
    let (burst, streaming) = crowd.relayed(Duration::ZERO).await?;
    let used = Processor::read(product, &crowd.displays)?.since(&used);
    let direct_burst = crowd.direct(Duration::ZERO).await?;
    let (burst_again, _) = crowd.relayed(Duration::ZERO).await?;
    let direct_burst_again = crowd.direct(Duration::ZERO).await?;
    let (staggered, _) = crowd.relayed(APART).await?;
    let direct_staggered = crowd.direct(APART).await?;

    let ratio = (burst.mean + burst_again.mean) / (direct_burst.mean + direct_burst_again.mean);
    let beside = format!(
        "{DESKTOPS} at once: relayed {burst}; again {burst_again}; direct {direct_burst}; again {direct_burst_again}; \
         {} ms apart: relayed {staggered}; direct {direct_staggered}",
        APART.as_millis()
    );
    let beside_processor = format!(
        "{DESKTOPS} desktops that scroll at once: product {:.2} s, all Xvnc together {:.2} s",
        used.product.as_secs_f64(),
        used.displays.as_secs_f64()
    );
    figures.add(
        "relay_cpu_20_ratio",
        used.product.as_secs_f64() / used.displays.as_secs_f64(),
        beside_processor,
        "<= 0.1",
    );
    figures.add("relay_burst20_fps_ratio", ratio, beside, ">= 0.9");
    let beside =
        format!("{before:.1} MiB before {DESKTOPS} launches, {unwatched:.1} with them unwatched, {streaming:.1} with all streaming");
    figures.add(
        "relay_rss_mib_per_session",
        (streaming - before) / f64::from(DESKTOPS),
        beside,
        "<= 1",
    );

    let Crowd { sessions, desktops, .. } = crowd;
    join_all(sessions.iter().map(|session| ground.end(session)))
        .await
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    for desktop in desktops {
        yard.remove(desktop).await?;
    }
    Ok(())
}

async fn containers(ground: &Ground, sessions: &[String]) -> anyhow::Result<Vec<String>> {
    let engine = ground.product.engine();
    try_join_all(sessions.iter().map(|session| bare::container_of(engine, session))).await
}

/// Processor time of the product, and of all display servers of its sessions.
struct Processor {
    product: Duration,
    displays: Duration,
}

impl Processor {
    fn read(product: u32, displays: &[u32]) -> anyhow::Result<Self> {
        Ok(Self {
            product: process::cpu(product)?,
            displays: displays.iter().map(|pid| process::cpu(*pid)).sum::<anyhow::Result<_>>()?,
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            product: self.product.saturating_sub(before.product),
            displays: self.displays.saturating_sub(before.displays),
        }
    }
}

struct Crowd<'a> {
    ground: &'a Ground,
    /// The product's process.
    product: u32,
    /// The sessions' display servers.
    displays: Vec<u32>,
    sessions: Vec<String>,
    /// The sessions' containers.
    containers: Vec<String>,
    desktops: Vec<Bare>,
}

impl Crowd<'_> {
    /// Frame rates through the product, and its memory in MiB while all stream.
    async fn relayed(&self, apart: Duration) -> anyhow::Result<(Rates, f64)> {
        let connect = async |session: &String| Client::relayed(&self.ground.product, &self.ground.person, session).await;
        self.watched(&self.containers, &self.sessions, apart, connect).await
    }

    /// Frame rates at the desktops' own sockets.
    async fn direct(&self, apart: Duration) -> anyhow::Result<Rates> {
        let containers: Vec<_> = self.desktops.iter().map(|desktop| desktop.id.clone()).collect();
        let connect = async |desktop: &Bare| Client::direct(&desktop.socket(), &desktop.password).await;
        Ok(self.watched(&containers, &self.desktops, apart, connect).await?.0)
    }

    /// Starts the workload everywhere, connects a client to each, and counts from each client's own first frame.
    async fn watched<'d, D>(
        &self,
        containers: &[String],
        desktops: &'d [D],
        apart: Duration,
        connect: impl AsyncFn(&'d D) -> anyhow::Result<Client>,
    ) -> anyhow::Result<(Rates, f64)> {
        let docker = self.ground.product.engine().docker();
        try_join_all(containers.iter().map(|id| workload::start(docker, id, Picture::Scrolls))).await?;
        let runs = desktops.iter().zip(0..).map(async |(desktop, turn)| {
            tokio::time::sleep(apart * turn).await;
            let began = Instant::now();
            let mut client = connect(desktop).await?;
            let connected = began.elapsed();
            let counting = Instant::now();
            let frames = client.frames(COUNTED).await?;
            ensure!(frames > 0, "nothing scrolls");
            let rate = per_second(frames, counting.elapsed());
            // The client stays connected until all are done: the first to get here sees all of them streaming.
            anyhow::Ok((
                Run {
                    rate,
                    connected,
                    memory: process::rss_mib(self.product)?,
                },
                client,
            ))
        });
        let runs = try_join_all(runs).await?;
        try_join_all(containers.iter().map(|id| workload::stop(docker, id))).await?;
        let memory = runs.iter().map(|(run, _)| run.memory).fold(0.0, f64::max);
        Ok((Rates::of(runs.iter().map(|(run, _)| run)), memory))
    }
}

/// What one client saw.
struct Run {
    /// Frames a second.
    rate: f64,
    /// From the connection's beginning to the first frame.
    connected: Duration,
    /// The product's memory after it, in MiB.
    memory: f64,
}

/// Frames a second of several clients.
struct Rates {
    mean: f64,
    least: f64,
    /// The longest wait for a first frame.
    connected: Duration,
}

impl Rates {
    fn of<'a>(runs: impl Iterator<Item = &'a Run>) -> Self {
        let (mut count, mut sum, mut least, mut connected) = (0.0, 0.0, f64::INFINITY, Duration::ZERO);
        for run in runs {
            count += 1.0;
            sum += run.rate;
            least = run.rate.min(least);
            connected = run.connected.max(connected);
        }
        Self {
            mean: sum / count,
            least,
            connected,
        }
    }
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
