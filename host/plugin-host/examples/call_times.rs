//! What a call costs on this machine: `cargo run --release -p gatewright-plugin-host --example call_times [PLUGIN.wasm]`.
//!
//! Without a file it measures the quiet guests of `tests/guests`. The compiler is this program itself.
#![expect(clippy::print_stdout, reason = "its purpose")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use gatewright_plugin_host::{
    Approved, CallContext, Candidate, ClipboardOffer, Direction, HostConfig, PlacementRequest, PluginHost, Subject, compile_child_main,
};

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("compile-component") {
        return compile_child_main();
    }
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn measure() -> anyhow::Result<()> {
    println!("RSS before the host {:>34} MiB", rss_mib()?);
    let cache = tempfile::tempdir()?;
    let host = PluginHost::new(HostConfig {
        compiler: vec![std::env::current_exe()?.into(), "compile-component".into()],
        cache_dir: cache.path().join("plugins"),
    })?;
    println!("RSS with the host {:>36} MiB", rss_mib()?);
    let clipboard = match std::env::args().nth(1) {
        Some(file) => std::fs::read(&file).with_context(|| format!("read {file}"))?,
        None => gatewright_hostile_guests::clipboard("1.0.0", 1 << 20)?,
    };
    let nothing = Approved::nothing();
    let started = Instant::now();
    let plugin = host.load(&clipboard, &nothing).await?;
    println!("load, compiled in the child {:>26?}", started.elapsed());
    drop(plugin);
    let started = Instant::now();
    let plugin = host.load(&clipboard, &nothing).await?;
    println!("load, from the cache {:>33?}", started.elapsed());
    for (what, bytes) in [("5 bytes", 5), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20)] {
        let mut times = Vec::new();
        for _ in 0..2000 {
            let offer = offer("x".repeat(bytes));
            let started = Instant::now();
            plugin.clipboard(&CallContext::of_host(), offer).await?;
            times.push(started.elapsed());
        }
        print(&format!("clipboard, {what}, fresh instance"), times);
    }
    let placement = host.load(&gatewright_hostile_guests::placement()?, &nothing).await?;
    let mut times = Vec::new();
    for _ in 0..500 {
        let candidates = (0..1000).map(candidate).collect();
        let started = Instant::now();
        placement.rank(&CallContext::of_host(), request(), candidates).await?;
        times.push(started.elapsed());
    }
    print("placement, 1,000 candidates", times);
    println!("RSS after all that {:>35} MiB", rss_mib()?);
    println!("{:?}", host.counts());
    Ok(())
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    println!("{what:40} p50 {:>12?} p99 {:>12?}", at(50), at(99));
}

fn rss_mib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib >> 10)
}

fn offer(text: String) -> ClipboardOffer {
    ClipboardOffer {
        direction: Direction::CopyOut,
        subject: Subject {
            user: "demo".into(),
            groups: vec!["all-users".into(), "Sales".into()],
            workspace: "Desktop".into(),
            zone: "here".into(),
            session: "00000000-0000-7000-8000-000000000001".into(),
        },
        text,
    }
}

fn request() -> PlacementRequest {
    PlacementRequest {
        session: "00000000-0000-7000-8000-000000000001".into(),
        user: "demo".into(),
        groups: vec!["all-users".into()],
        workspace: "Desktop".into(),
        zone: "here".into(),
        image: "desktop".into(),
        cpu_millicores: 1000,
        memory_bytes: 1 << 30,
    }
}

fn candidate(n: usize) -> Candidate {
    Candidate {
        name: format!("node-{n}"),
        zone: "here".into(),
        engine: "docker 20.10.24".into(),
        cpu_millicores_allocatable: 8000,
        cpu_millicores_free: 4000,
        memory_bytes_allocatable: 16 << 30,
        memory_bytes_free: 8 << 30,
        sessions_allocatable: 20,
        sessions_free: 10,
        has_image: n.is_multiple_of(2),
        labels: vec![("rack".into(), "a".into())],
    }
}
