//! Files through rules: the gate with its record, the real plugins, bytes from memory to nowhere.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use gatewright_control::{ActivityQuery, Actor, ControlConfig, ControlPlane, HostEngine};
use gatewright_core::RuleId;
use gatewright_core::gate::Gate as GateName;
use gatewright_core::plugin::Digest as FileDigest;
use gatewright_core::record::{Rule, RuleEffect, RuleTarget};
use gatewright_database::Store;
use gatewright_gate::{EventLog, FileItem, FileOutcome, FileSink, FileSource, Gate, PolicyWatch, SinkFailed, SourceEnded, Spool};
use gatewright_plugin_host::PluginHost;
use gatewright_ports::Control;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::figures::Figures;
use crate::plugins;
use crate::process;
use crate::swap::subject;

/// The size of a file.
const FILE_BYTES: u64 = 256 << 20;
/// What a sender gives at once.
const PIECE: usize = 256 << 10;
/// Transfers of each. Processor time is that of all of them: the kernel counts a running thread's only at its ticks. By the
/// clock the best counts, as others use the machine.
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn measure(figures: &mut Figures) -> anyhow::Result<()> {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let folder = tempfile::tempdir()?;
    let (host, _cache) = plugins::host()?;
    let control = open(folder.path(), &host).await?;
    let port: Arc<dyn Control> = Arc::new(control.clone());
    let policy = PolicyWatch::new(Arc::clone(&port), host);
    tasks.spawn(Arc::clone(&policy).run(stop.clone()));
    tokio::time::timeout(PATIENCE, policy.changes().wait_for(|applied| *applied > 0)).await??;
    let gate = Gate::new(policy, EventLog::start(Arc::clone(&port), &tasks, stop.clone()));
    let spool = Spool::open(folder.path().join("spool"), 1 << 30)?;
    let outcome = async {
        let pass = transfers(&gate, &port, &spool, GateName::Download).await?;
        let content = transfers(&gate, &port, &spool, GateName::Upload).await?;
        let (hash, digest) = hash_alone()?;
        recorded(&control, &digest).await?;
        anyhow::Ok((pass, content, hash))
    }
    .await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    control.shutdown().await;
    let (pass, content, hash) = outcome?;
    let beside = format!(
        "a core; SHA-256 of the same bytes alone {:.0}; {:.0} and {:.0} by the clock",
        hash.by_core, pass.by_clock, hash.by_clock
    );
    figures.add("file_stream_pass_mib_s", pass.by_core, beside, ">= 1024");
    let beside = format!("a core, read, held on disk and encrypted; {:.0} by the clock", content.by_clock);
    figures.add("file_stream_content_mib_s", content.by_core, beside, ">= 300");
    Ok(())
}

/// Every transfer has its record, with the hash of the whole file: nothing was fast by leaving it out.
async fn recorded(control: &ControlPlane, digest: &FileDigest) -> anyhow::Result<()> {
    for gate in [GateName::Download, GateName::Upload] {
        let query = ActivityQuery {
            gate: Some(gate),
            limit: 200,
            ..ActivityQuery::default()
        };
        let page = control.activity(&query).await?;
        let whole = page
            .items
            .iter()
            .filter(|event| event.item.as_ref().is_some_and(|item| item.sha256.as_ref() == Some(digest)))
            .count();
        ensure!(
            whole == ROUNDS,
            "{whole} of {ROUNDS} transfers have the file's hash in their record"
        );
    }
    Ok(())
}

/// MiB a second.
#[derive(Clone, Copy, Default)]
struct Speed {
    /// Of processor time, all threads together.
    by_core: f64,
    by_clock: f64,
}

async fn transfers(gate: &Gate, control: &Arc<dyn Control>, spool: &Spool, way: GateName) -> anyhow::Result<Speed> {
    let subject = subject(control.as_ref(), 1).await?;
    let item = FileItem {
        name: "report.txt".into(),
        size: FILE_BYTES,
    };
    let mut meter = Meter::default();
    for _ in 0..ROUNDS {
        let source = Box::new(Memory {
            piece: Bytes::from(text()),
            left: FILE_BYTES,
        });
        let mut sink = Nowhere::default();
        let began = Began::now()?;
        let outcome = gate.file(&subject, way, &item, source, &mut sink, spool).await;
        meter.add(&began)?;
        ensure!(matches!(outcome, FileOutcome::Released(_)), "not released: {outcome:?}");
        ensure!(sink.bytes == FILE_BYTES, "{} bytes came", sink.bytes);
    }
    Ok(meter.speed())
}

/// When something began, by the clock and by the processor.
struct Began(Instant, Duration);

impl Began {
    fn now() -> anyhow::Result<Self> {
        Ok(Self(Instant::now(), process::cpu(std::process::id())?))
    }
}

/// Rounds of `FILE_BYTES` each.
#[derive(Default)]
struct Meter {
    rounds: u32,
    processor: Duration,
    shortest: Option<Duration>,
}

impl Meter {
    fn add(&mut self, began: &Began) -> anyhow::Result<()> {
        let took = began.0.elapsed();
        self.rounds += 1;
        self.processor += process::cpu(std::process::id())?.saturating_sub(began.1);
        self.shortest = Some(self.shortest.map_or(took, |least| least.min(took)));
        Ok(())
    }

    fn speed(&self) -> Speed {
        Speed {
            by_core: mib() * f64::from(self.rounds) / self.processor.as_secs_f64(),
            by_clock: self.shortest.map_or(f64::NAN, |took| mib() / took.as_secs_f64()),
        }
    }
}

fn mib() -> f64 {
    f64::from(u32::try_from(FILE_BYTES >> 20).unwrap_or(u32::MAX))
}

/// What no transfer can be faster than, with its record. Gives the file's hash, too.
fn hash_alone() -> anyhow::Result<(Speed, FileDigest)> {
    let piece = text();
    let mut meter = Meter::default();
    let mut digest = [0; 32];
    for _ in 0..ROUNDS {
        let began = Began::now()?;
        let mut hash = Sha256::new();
        for _ in 0..FILE_BYTES / PIECE as u64 {
            hash.update(&piece);
        }
        digest = hash.finalize().into();
        meter.add(&began)?;
    }
    Ok((meter.speed(), FileDigest::from_bytes(digest)))
}

/// Text as in a report, with figures in it.
fn text() -> Vec<u8> {
    let line = b"On 2026-11-23 order 88-1204 of 14 boxes left for Porto, 1,250.00 EUR; the next one leaves in 7 days.\n";
    let mut text = line.repeat(PIECE / line.len() + 1);
    text.truncate(PIECE);
    text
}

struct Memory {
    piece: Bytes,
    left: u64,
}

#[async_trait]
impl FileSource for Memory {
    async fn next(&mut self) -> Result<Option<Bytes>, SourceEnded> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= self.piece.len() as u64;
        // As a network would: others get their turn.
        tokio::task::yield_now().await;
        Ok(Some(self.piece.clone()))
    }
}

#[derive(Default)]
struct Nowhere {
    bytes: u64,
}

#[async_trait]
impl FileSink for Nowhere {
    async fn write(&mut self, piece: Bytes) -> Result<(), SinkFailed> {
        self.bytes += piece.len() as u64;
        Ok(())
    }

    async fn finish(&mut self, last: Bytes) -> Result<String, SinkFailed> {
        self.bytes += last.len() as u64;
        Ok("report.txt".into())
    }
}

/// A control plane with a rule on types for downloads and one on contents for uploads.
async fn open(folder: &Path, host: &Arc<PluginHost>) -> anyhow::Result<ControlPlane> {
    let engine = || Arc::new(HostEngine::new(Arc::clone(host), std::collections::BTreeMap::default()));
    let (seeded, _) = ControlPlane::open(ControlConfig::in_folder(folder), engine()).await?;
    seeded.shutdown().await;
    drop(seeded);
    let store = Store::open(&folder.join("gatewright.db")).await?;
    let old = store.rules().await?;
    let mut write = store.begin().await?;
    for rule in old {
        write.delete_rule(rule.id).await?;
    }
    let rules = [
        (GateName::Download, "dlp-filetype", json!({ "extensions": ["txt"] })),
        (
            GateName::Upload,
            "dlp-content",
            json!({ "checks": ["card-number"], "patterns": [{ "name": "project", "pattern": "(?i)operation nightfall" }] }),
        ),
    ];
    for (gate, plugin, config) in rules {
        let rule = Rule {
            id: RuleId::from_uuid(Uuid::now_v7()),
            name: plugin.into(),
            gate,
            target: RuleTarget::Everything,
            position: 0,
            effect: RuleEffect::Ask {
                plugin: plugin.parse()?,
                config,
            },
            config_revision: 1,
            enabled: true,
            example: false,
        };
        write.insert_rule(&rule).await?;
    }
    write.commit().await?;
    drop(store);
    let (control, _) = ControlPlane::open(ControlConfig::in_folder(folder), engine()).await?;
    let by = Actor::system();
    for plugin in ["dlp-filetype", "dlp-content"] {
        let uploaded = control.upload_plugin(plugins::file(&format!("{plugin}.wasm"))?.into(), &by).await?;
        let name = plugin.parse().context("a plugin's name")?;
        control.activate_plugin(&name, &uploaded.version, &by).await?;
    }
    Ok(control)
}
