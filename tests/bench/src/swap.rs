//! A rule's version is swapped under load: how soon it is in effect, and whether any verdict fails.
//!
//! The real parts in one process, as the product wires them: control plane with its database, policy watch, gate, events.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use gatewright_control::{Actor, ControlConfig, ControlPlane, HostEngine};
use gatewright_core::gate::Gate as GateName;
use gatewright_core::plugin::PluginName;
use gatewright_core::session::SessionState;
use gatewright_core::{NodeId, SessionId, UserId, WorkspaceId, ZoneId};
use gatewright_gate::{Decision, EventLog, Gate, PolicyWatch, Subject, Verdict};
use gatewright_ports::Control;
use gatewright_ports::control::{Membership, SessionContext};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::figures::{Figures, percentile};
use crate::plugins;

/// Sessions that copy without a pause.
const CALLERS: usize = 8;
/// Swaps: one in two activates, the other rolls back.
const SWAPS: usize = 20;
/// Calls go on for this long after each swap.
const BETWEEN: Duration = Duration::from_millis(200);
/// How long the callers are measured without swaps.
const CALM: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(30);
const PLUGIN: &str = "dlp-clipboard";
const TEXT: &str = "Please charge 4111 1111 1111 1111, thank you.";

/// When each version gave its last verdict.
#[derive(Clone, Copy, Default)]
struct Seen {
    redacting: Option<Instant>,
    denying: Option<Instant>,
}

/// What the callers saw.
struct Observed {
    seen: watch::Sender<Seen>,
    failed: AtomicU64,
    times: Mutex<Vec<Duration>>,
}

impl Observed {
    fn note(&self, decision: &Decision, took: Duration) {
        let now = Some(Instant::now());
        let says = |words: &str| decision.notice.as_ref().is_some_and(|notice| notice.text.contains(words));
        match &decision.verdict {
            Verdict::Replace(text) if !text.contains("4111") => self.seen.send_modify(|seen| seen.redacting = now),
            Verdict::Deny if says("holds a card number") => self.seen.send_modify(|seen| seen.denying = now),
            _ => {
                if self.failed.fetch_add(1, Ordering::Relaxed) == 0 {
                    eprintln!("bench: a verdict failed: {decision:?}");
                }
            }
        }
        self.times.lock().unwrap_or_else(PoisonError::into_inner).push(took);
    }

    fn take_times(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

pub(crate) async fn measure(figures: &mut Figures) -> anyhow::Result<()> {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let folder = tempfile::tempdir()?;
    let (host, _cache) = plugins::host()?;
    let control = open(folder.path(), Arc::clone(&host)).await?;
    let port: Arc<dyn Control> = Arc::new(control.clone());
    let policy = PolicyWatch::new(Arc::clone(&port), host);
    tasks.spawn(Arc::clone(&policy).run(stop.clone()));
    tokio::time::timeout(PATIENCE, policy.changes().wait_for(|applied| *applied > 0)).await??;
    let gate = Arc::new(Gate::new(policy, EventLog::start(Arc::clone(&port), &tasks, stop.clone())));
    let observed = Arc::new(Observed {
        seen: watch::Sender::default(),
        failed: AtomicU64::new(0),
        times: Mutex::default(),
    });
    let calls_end = CancellationToken::new();
    let callers = TaskTracker::new();
    for caller in 0..CALLERS {
        let subject = subject(port.as_ref(), caller).await?;
        let (gate, observed, end) = (Arc::clone(&gate), Arc::clone(&observed), calls_end.clone());
        callers.spawn(async move {
            while !end.is_cancelled() {
                let began = Instant::now();
                let decision = gate.clipboard(&subject, GateName::CopyOut, TEXT).await;
                observed.note(&decision, began.elapsed());
            }
        });
    }
    callers.close();
    let outcome = swaps(&control, &observed).await;
    calls_end.cancel();
    callers.wait().await;
    let failed = observed.failed();
    let recorded = control.plugin(&name()?).await?.context("the plugin is gone")?.verdicts;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    control.shutdown().await;

    let (mut swaps, mut calm, mut busy) = outcome?;
    ensure!(
        recorded.failed == failed,
        "Activity has {} failed verdicts, the callers saw {failed}",
        recorded.failed
    );
    let worst = swaps.iter().max().copied().unwrap_or_default();
    let beside = format!(
        "{} swaps, median {:.1} ms; a verdict takes p50 {:.2}, p99 {:.2} ms without swaps, p50 {:.2}, p99 {:.2} ms with",
        swaps.len(),
        percentile(&mut swaps, 50),
        percentile(&mut calm, 50),
        percentile(&mut calm, 99),
        percentile(&mut busy, 50),
        percentile(&mut busy, 99)
    );
    figures.add("swap_s", worst.as_secs_f64(), beside, "< 1");
    let beside = format!("of {} verdicts of {CALLERS} callers; Activity has as many", calm.len() + busy.len());
    let count = f64::from(u32::try_from(failed).unwrap_or(u32::MAX));
    figures.add("swap_failed_calls", count, beside, "0");
    Ok(())
}

type Times = (Vec<Duration>, Vec<Duration>, Vec<Duration>);

/// How long each swap took to be in effect; verdicts without swaps; verdicts with.
async fn swaps(control: &ControlPlane, observed: &Observed) -> anyhow::Result<Times> {
    let (plugin, by) = (name()?, Actor::system());
    tokio::time::sleep(CALM / 4).await;
    let _warming = observed.take_times();
    tokio::time::sleep(CALM).await;
    let calm = observed.take_times();
    // Uploaded while the callers call: what the first activation finds is as new as an administrator's upload.
    let uploaded = control
        .upload_plugin(plugins::file("dlp-clipboard@0.2.0.wasm")?.into(), &by)
        .await?;
    ensure!(uploaded.version == "0.2.0", "the stricter version is {}", uploaded.version);
    let mut took = Vec::new();
    for round in 0..SWAPS {
        let mut seen = observed.seen.subscribe();
        let began = Instant::now();
        let stricter = round % 2 == 0;
        if stricter {
            control.activate_plugin(&plugin, &uploaded.version, &by).await?;
        } else {
            control.roll_back_plugin(&plugin, &by).await?;
        }
        let effect = |seen: &Seen| if stricter { seen.denying } else { seen.redacting }.filter(|at| *at > began);
        let waited = tokio::time::timeout(PATIENCE, seen.wait_for(|seen| effect(seen).is_some()));
        let first = effect(&*waited.await.context("a swap is not in effect in time")??).context("no verdict")?;
        took.push(first.duration_since(began));
        tokio::time::sleep(BETWEEN).await;
    }
    Ok((took, calm, observed.take_times()))
}

fn name() -> anyhow::Result<PluginName> {
    Ok(PLUGIN.parse()?)
}

/// A control plane with the seeded rules and the first version in force.
async fn open(folder: &Path, host: Arc<gatewright_plugin_host::PluginHost>) -> anyhow::Result<ControlPlane> {
    let engine = Arc::new(HostEngine::new(host, std::collections::BTreeMap::default()));
    let (control, _) = ControlPlane::open(ControlConfig::in_folder(folder), engine).await?;
    let by = Actor::system();
    let first = control
        .upload_plugin(plugins::file("dlp-clipboard@0.1.0.wasm")?.into(), &by)
        .await?;
    control.activate_plugin(&name()?, &first.version, &by).await?;
    Ok(control)
}

/// A session of somebody in Sales, whose rule looks for card numbers.
pub(crate) async fn subject(control: &dyn Control, number: usize) -> anyhow::Result<Subject> {
    let policy = control.policy().await?;
    let group = policy.groups.iter().find(|(_, name)| name.as_str() == "Sales");
    let (id, name) = group.context("the seed has no group Sales")?;
    let uuid = |offset: u128| Uuid::from_u128(0x1000 * offset + u128::try_from(number).unwrap_or(0));
    let context = SessionContext {
        session: SessionId::from_uuid(uuid(1)),
        user: UserId::from_uuid(uuid(2)),
        user_name: "demo".into(),
        groups: vec![Membership {
            id: *id,
            name: name.clone(),
            priority: 100,
        }],
        workspace: WorkspaceId::from_uuid(uuid(3)),
        workspace_name: "Terminal".into(),
        zone: ZoneId::from_uuid(uuid(4)),
        node: NodeId::from_uuid(uuid(5)),
        state: SessionState::Ready,
        paused: false,
        end: None,
    };
    Ok(Subject {
        context,
        client: "127.0.0.1".into(),
    })
}
