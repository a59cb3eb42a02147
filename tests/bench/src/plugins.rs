//! Calls of plugins, beside the same decision by the plugin's own code in this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use gatewright_plugin_host::{
    Approved, CallContext, Candidate, ClipboardOffer, ClipboardVerdict, Direction, HostConfig, PlacementRequest, PluginHost, Subject,
};
use gatewright_sdk::dlp::{self, ClipboardRule as _};
use gatewright_sdk::placement::{self, Strategy as _};

use crate::figures::{Figures, percentile};

/// Calls of each.
const CALLS: usize = 600;
/// Calls before them that do not count.
const WARM: usize = 50;
const NODES: usize = 1_000;
const TEXT_BYTES: usize = 64 * 1024;
/// The rule of the seeded group Sales.
const RULE: &str = r#"{"copy_out":{"allow":true,"max_bytes":65536,"checks":[{"check":"card-number","action":"redact"}]}}"#;
const CARD: &str = " 4111 1111 1111 1111 ";

/// A plugin host whose compiler is this program, and the folder that goes with it.
pub(crate) fn host() -> anyhow::Result<(Arc<PluginHost>, tempfile::TempDir)> {
    let cache = tempfile::tempdir()?;
    let compiler = vec![std::env::current_exe()?.into_os_string(), "compile-component".into()];
    let host = PluginHost::new(HostConfig {
        compiler,
        cache_dir: cache.path().join("plugins"),
    })?;
    Ok((Arc::new(host), cache))
}

/// Where a plugin that is built from this tree is.
pub(crate) fn path(name: &str) -> PathBuf {
    let dir = std::env::var_os("GATEWRIGHT_GUESTS_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests"), PathBuf::from);
    dir.join(name)
}

/// Its bytes.
pub(crate) fn file(name: &str) -> anyhow::Result<Vec<u8>> {
    let path = path(name);
    std::fs::read(&path).with_context(|| format!("{}: build the plugins first: cargo xtask guests", path.display()))
}

pub(crate) async fn measure(figures: &mut Figures) -> anyhow::Result<()> {
    let (host, _cache) = host()?;
    placement(figures, &host).await?;
    clipboard(figures, &host).await
}

async fn placement(figures: &mut Figures, host: &PluginHost) -> anyhow::Result<()> {
    let plugin = host.load(&file("placement-spread.wasm")?, &Approved::nothing()).await?;
    let (mut calls, mut native) = (Vec::new(), Vec::new());
    for round in 0..WARM + CALLS {
        let candidates: Vec<_> = (0..NODES).map(candidate).collect();
        let same: Vec<_> = candidates.iter().map(native_candidate).collect();
        let began = Instant::now();
        let ranked = plugin.rank(&CallContext::of_host(), request(), candidates).await?;
        let took = began.elapsed();
        let began = Instant::now();
        let bare = placement_spread::Spread::rank(native_request(), same)
            .ok()
            .context("the plugin's own code failed")?;
        let bare_took = began.elapsed();
        ensure!(
            ranked.value.order.len() == bare.order.len() && !bare.rejected.is_empty() && !bare.order.is_empty(),
            "the plugin and its own code decide differently"
        );
        if round >= WARM {
            calls.push(took);
            native.push(bare_took);
        }
    }
    let beside = format!("p50 {:.3} ms; natively {}", percentile(&mut calls, 50), both(&mut native));
    figures.add("placement_1000_p99_ms", percentile(&mut calls, 99), beside, "< 5");
    Ok(())
}

async fn clipboard(figures: &mut Figures, host: &PluginHost) -> anyhow::Result<()> {
    let plugin = host.load(&file("dlp-clipboard.wasm")?, &Approved::nothing()).await?;
    let context = CallContext {
        config: RULE.into(),
        ..CallContext::of_host()
    };
    gatewright_sdk::testing::set_config(RULE);
    let (mut passed, mut redacted, mut native) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..WARM + CALLS {
        // Every second text holds a card number, and comes back without it.
        let holds_card = round % 2 == 1;
        let text = text(holds_card);
        let same = native_offer(text.clone());
        let offer = offer(text);
        let began = Instant::now();
        let verdict = plugin.clipboard(&context, offer).await?.value;
        let took = began.elapsed();
        ensure!(
            matches!(verdict, ClipboardVerdict::Redact { .. }) == holds_card,
            "a wrong verdict: {verdict:?}"
        );
        // The configuration that the plugin's own code reads belongs to the thread, and a task may change threads.
        gatewright_sdk::testing::set_config(RULE);
        let began = Instant::now();
        let bare = dlp_clipboard::Clipboard::decide(same)
            .ok()
            .context("the plugin's own code failed")?;
        let bare_took = began.elapsed();
        ensure!(
            matches!(bare, dlp::Verdict::Redact(_)) == holds_card,
            "a wrong verdict of the plugin's own code"
        );
        if round >= WARM {
            if holds_card { &mut redacted } else { &mut passed }.push(took);
            native.push(bare_took);
        }
    }
    let mut all = [passed.as_slice(), &redacted].concat();
    let beside = format!(
        "p50 {:.3} ms passing, {:.3} ms redacted; natively {}",
        percentile(&mut passed, 50),
        percentile(&mut redacted, 50),
        both(&mut native)
    );
    figures.add("clipboard_64k_p99_ms", percentile(&mut all, 99), beside, "< 1");
    Ok(())
}

fn both(durations: &mut [Duration]) -> String {
    format!("p50 {:.3} ms, p99 {:.3} ms", percentile(durations, 50), percentile(durations, 99))
}

/// Text of the full size: words and figures, as in a report.
fn text(holds_card: bool) -> String {
    let line = "On 2026-11-23 order 88-1204 of 14 boxes left for Porto, 1,250.00 EUR; the next one leaves in 7 days.\n";
    let mut text = line.repeat(TEXT_BYTES / line.len() + 1);
    text.truncate(TEXT_BYTES);
    if holds_card {
        let middle = TEXT_BYTES / 2;
        text.replace_range(middle..middle + CARD.len(), CARD);
    }
    text
}

fn offer(text: String) -> ClipboardOffer {
    ClipboardOffer {
        direction: Direction::CopyOut,
        subject: Subject {
            user: "demo".into(),
            groups: vec!["all-users".into(), "Sales".into()],
            workspace: "Desktop".into(),
            zone: "here".into(),
            session: uuid::Uuid::nil().to_string(),
        },
        text,
    }
}

fn native_offer(text: String) -> dlp::Offer {
    dlp::Offer {
        direction: dlp::Direction::CopyOut,
        subject: dlp::Subject {
            user: "demo".into(),
            groups: vec!["all-users".into(), "Sales".into()],
            workspace: "Desktop".into(),
            zone: "here".into(),
            session: uuid::Uuid::nil().to_string(),
        },
        text,
    }
}

fn request() -> PlacementRequest {
    PlacementRequest {
        session: uuid::Uuid::nil().to_string(),
        user: "demo".into(),
        groups: vec!["all-users".into()],
        workspace: "Desktop".into(),
        zone: "here".into(),
        image: "desktop".into(),
        cpu_millicores: 1_000,
        memory_bytes: 1 << 30,
    }
}

fn native_request() -> placement::Request {
    let PlacementRequest {
        session,
        user,
        groups,
        workspace,
        zone,
        image,
        cpu_millicores,
        memory_bytes,
    } = request();
    placement::Request {
        session,
        user,
        groups,
        workspace,
        zone,
        image,
        cpu_millicores,
        memory_bytes,
    }
}

/// Nodes of all degrees of use; one in four has no room, one in ten lacks the image.
fn candidate(n: usize) -> Candidate {
    let used = u64::try_from(n * 37 % 100).unwrap_or(0);
    let full = n.is_multiple_of(4);
    Candidate {
        name: format!("node-{n}"),
        zone: "here".into(),
        engine: "docker 20.10.24".into(),
        cpu_millicores_allocatable: 32_000,
        cpu_millicores_free: if full { 500 } else { 32_000 - used * 300 },
        memory_bytes_allocatable: 64 << 30,
        memory_bytes_free: (64 << 30) - used * (1 << 29),
        sessions_allocatable: 64,
        sessions_free: 32,
        has_image: !n.is_multiple_of(10),
        labels: vec![("room".into(), "b".into()), ("rack".into(), (n % 20).to_string())],
    }
}

fn native_candidate(candidate: &Candidate) -> placement::Candidate {
    let same = candidate.clone();
    placement::Candidate {
        name: same.name,
        zone: same.zone,
        engine: same.engine,
        cpu_millicores_allocatable: same.cpu_millicores_allocatable,
        cpu_millicores_free: same.cpu_millicores_free,
        memory_bytes_allocatable: same.memory_bytes_allocatable,
        memory_bytes_free: same.memory_bytes_free,
        sessions_allocatable: same.sessions_allocatable,
        sessions_free: same.sessions_free,
        has_image: same.has_image,
        labels: same.labels,
    }
}
