//! The engine that all plugins of a process share, and its clock.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use wasmtime::{Cache, CacheConfig, Config, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::limits;

/// How often a running guest gives way to other work, and its time is checked.
const TICK: Duration = Duration::from_millis(5);
/// Compiled plugins on disk, before the oldest go.
const CACHE_BYTES: u64 = 512 << 20;

/// What decides how code is compiled.
///
/// INVARIANT: the child that compiles and the process that runs use this same function, or the cache would never hit.
pub(crate) fn compile_config(cache: Option<Cache>) -> Config {
    let mut config = Config::new();
    config
        .cache(cache)
        .epoch_interruption(true)
        .max_wasm_stack(limits::MAX_STACK_BYTES)
        .async_stack_size(limits::MAX_STACK_BYTES + (512 << 10))
        .concurrency_support(false)
        .shared_memory(false)
        .wasm_memory64(false);
    config
}

/// wasmtime's cache of compiled code in `directory`.
pub(crate) fn open_cache(directory: &Path) -> wasmtime::Result<Cache> {
    let mut config = CacheConfig::new();
    config.with_directory(directory).with_files_total_size_soft_limit(CACHE_BYTES);
    Cache::new(config)
}

/// An engine that runs guests. Instances come from a pool; where its address space can't be reserved, on demand.
pub(crate) fn running_engine(cache: &Cache) -> wasmtime::Result<Engine> {
    let mut config = compile_config(Some(cache.clone()));
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    match Engine::new(&config) {
        Ok(engine) => Ok(engine),
        Err(error) => {
            tracing::warn!(error = %format!("{error:#}"), "Instance pool can't be reserved, plugins run without it");
            Engine::new(&compile_config(Some(cache.clone())))
        }
    }
}

/// Address space for as many instances as all kinds may have together. Idle slots keep no memory.
fn pool() -> PoolingAllocationConfig {
    let total = u32::try_from(limits::total_instances()).unwrap_or(64);
    let per_component = |count: usize| u32::try_from(count).unwrap_or(16);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(total)
        .total_stacks(total)
        // Rust plugins have one memory and some three core instances; Python's have dozens of the latter.
        .total_memories(total * 2)
        .total_tables(total * 4)
        .total_core_instances(total * 16)
        .max_core_instances_per_component(per_component(limits::MAX_CORE_INSTANCES))
        .max_memories_per_component(per_component(limits::MAX_MEMORIES))
        .max_tables_per_component(per_component(limits::MAX_MEMORIES))
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .max_memory_size(usize::try_from(limits::MAX_MEMORY_BYTES).unwrap_or(usize::MAX))
        .table_elements(limits::MAX_TABLE_ELEMENTS)
        .max_unused_warm_slots(8)
        .linear_memory_keep_resident(0)
        .table_keep_resident(0)
        .async_stack_keep_resident(0);
    pool
}

/// The thread that advances the engine's epoch while calls run. Without it a looping guest would hold a thread for good, so it
/// exists as long as the host does; between calls it sleeps, so that an idle host costs nothing.
pub(crate) struct Ticker {
    clock: Arc<Clock>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Clock {
    stop: AtomicBool,
    /// Calls that are being timed.
    calls: AtomicUsize,
}

/// Keeps the ticker going until it is dropped.
pub(crate) struct Ticking<'a>(&'a Clock);

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let clock = Arc::new(Clock::default());
        let thread = std::thread::Builder::new()
            .name("plugin-epochs".into())
            .stack_size(128 << 10)
            .spawn({
                let clock = Arc::clone(&clock);
                let engine = engine.weak();
                move || tick(&engine, &clock)
            })?;
        Ok(Self {
            clock,
            thread: Some(thread),
        })
    }

    /// Ticks for a call that begins now.
    pub(crate) fn time_a_call(&self) -> Ticking<'_> {
        // SeqCst, and the count before the wake-up: the thread either sees the call or finds the wake-up when it parks.
        if self.clock.calls.fetch_add(1, SeqCst) == 0 {
            self.wake();
        }
        Ticking(&self.clock)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, SeqCst);
    }
}

fn tick(engine: &EngineWeak, clock: &Clock) {
    while !clock.stop.load(SeqCst) {
        if clock.calls.load(SeqCst) == 0 {
            std::thread::park();
            continue;
        }
        std::thread::park_timeout(TICK);
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.clock.stop.store(true, SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // A ticker that panicked has nothing left to say.
            drop(thread.join());
        }
    }
}
