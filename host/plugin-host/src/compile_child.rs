//! The child process that compiles a plugin: it reads the component, limits itself, and leaves the result in the cache.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, nice, setrlimit};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine::{compile_config, open_cache};
use crate::inspect::MAX_COMPONENT_BYTES;
use crate::text::bounded;

/// The environment variable that names the cache's folder to the child.
pub const COMPILE_CACHE_ENV: &str = "GATEWRIGHT_COMPILE_CACHE";

/// Address space of the child, in bytes.
const MAX_ADDRESS_SPACE: u64 = 3 << 29;
/// Processor time of the child, in seconds.
pub(crate) const MAX_CPU_SECS: u64 = 30;
const MAX_FILES: u64 = 64;
/// Behind everything that serves a session.
const NICENESS: i32 = 15;

/// The child refused the component; why is on its standard output.
pub(crate) const EXIT_REFUSED: u8 = 3;
/// The child could not work at all; why is on its standard output.
pub(crate) const EXIT_BROKEN: u8 = 4;

/// What a host's compiler process does: reads a component from standard input, compiles it under limits of its own and
/// leaves the code in the cache that [`COMPILE_CACHE_ENV`] names. To be called first thing in `main`, before
/// other threads exist, when the program was started with the arguments of `HostConfig::compiler`.
#[must_use]
pub fn compile_child_main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, why)) => {
            // The parent reads the text; where it is gone, the exit code has to do.
            drop(std::io::stdout().write_all(bounded(&why, 2000).as_bytes()));
            ExitCode::from(code)
        }
    }
}

fn run() -> Result<(), (u8, String)> {
    let broken = |what: &str, why: &dyn std::fmt::Display| (EXIT_BROKEN, format!("{what}: {why}"));
    let cache = std::env::var_os(COMPILE_CACHE_ENV)
        .map(PathBuf::from)
        .ok_or_else(|| broken("environment", &COMPILE_CACHE_ENV))?;
    limit_self().map_err(|error| broken("limits can't be set", &error))?;
    let mut component = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_COMPONENT_BYTES as u64 + 1)
        .read_to_end(&mut component)
        .map_err(|error| broken("component can't be read", &error))?;
    let cache = open_cache(&cache).map_err(|error| broken("cache can't be opened", &error))?;
    let engine = Engine::new(&compile_config(Some(cache.clone()))).map_err(|error| broken("engine can't be made", &error))?;
    Component::new(&engine, &component).map_err(|error| (EXIT_REFUSED, format!("{error:#}")))?;
    if cache.cache_hits() + cache.cache_misses() == 0 {
        return Err(broken("cache", &"compiled code could not be stored"));
    }
    Ok(())
}

fn limit_self() -> std::io::Result<()> {
    let limit = |resource, soft, hard| {
        setrlimit(
            resource,
            Rlimit {
                current: Some(soft),
                maximum: Some(hard),
            },
        )
    };
    limit(Resource::As, MAX_ADDRESS_SPACE, MAX_ADDRESS_SPACE)?;
    // The soft limit ends it with SIGXCPU, which tells the parent why; SIGKILL may also be the machine out of memory.
    limit(Resource::Cpu, MAX_CPU_SECS, MAX_CPU_SECS + 5)?;
    limit(Resource::Nofile, MAX_FILES, MAX_FILES)?;
    limit(Resource::Core, 0, 0)?;
    nice(NICENESS)?;
    Ok(())
}
