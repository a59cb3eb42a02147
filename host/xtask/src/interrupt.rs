//! Ctrl-C and SIGTERM: the running child is asked to end, and the command returns through its own clean-up.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static CHILD: Mutex<Option<Child>> = Mutex::new(None);

/// The child that signals are handed to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Child {
    /// Its process id.
    pub(crate) pid: u32,
    /// Whether it is in the terminal's foreground group, and so gets Ctrl-C from the terminal itself.
    pub(crate) in_our_group: bool,
}

/// Starts to watch for signals, for the rest of the process.
///
/// # Errors
/// The handlers cannot be installed.
pub(crate) fn watch() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("start the signal watcher")?;
    let (mut interrupt, mut terminate) = {
        let _guard = runtime.enter();
        (
            signal(SignalKind::interrupt()).context("watch for Ctrl-C")?,
            signal(SignalKind::terminate()).context("watch for SIGTERM")?,
        )
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                let sent = tokio::select! {
                    _ = interrupt.recv() => Signal::INT,
                    _ = terminate.recv() => Signal::TERM,
                };
                hand_on(sent);
            }
        });
    });
    Ok(())
}

fn hand_on(sent: Signal) {
    INTERRUPTED.store(true, Ordering::SeqCst);
    let child = *CHILD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(child) = child {
        if sent == Signal::INT && child.in_our_group {
            return;
        }
        if let Some(pid) = i32::try_from(child.pid).ok().and_then(Pid::from_raw) {
            // It may have ended a moment ago; then there is nothing to hand on.
            let _ended = kill_process(pid, sent);
        }
    }
}

/// Names the child that signals go to, or that there is none.
pub(crate) fn set_child(child: Option<Child>) {
    *CHILD.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = child;
}

/// Whether a signal came.
pub(crate) fn happened() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Ends the current step when a signal came.
///
/// # Errors
/// A signal came.
pub(crate) fn check() -> Result<()> {
    if happened() {
        bail!("interrupted");
    }
    Ok(())
}
