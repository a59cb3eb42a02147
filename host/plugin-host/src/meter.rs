//! Measures the guest's own processor time.
//!
//! A guest runs only while the future of its call is polled, and a poll stays on one thread, so the thread's processor
//! time over all polls is the guest's, whatever else the machine does meanwhile. What the host does within a poll
//! (an import that talks to an engine) is taken out again by [`Unmetered`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A call's clock, shared by its future, its imports and the epoch callback. One thread uses it at a time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    used_nanos: AtomicU64,
    /// When the running stretch began, on this thread's clock; 0 while none runs.
    since_nanos: AtomicU64,
    /// What the guest may use beyond its limit, for content that it was given.
    allowed_nanos: AtomicU64,
}

impl Meter {
    fn enter(&self) {
        self.since_nanos.store(thread_nanos().max(1), Relaxed);
    }

    fn leave(&self) {
        let since = self.since_nanos.swap(0, Relaxed);
        if since != 0 {
            let ran = thread_nanos().saturating_sub(since);
            self.used_nanos.fetch_add(ran, Relaxed);
        }
    }

    /// Lets the guest use more time than its limit says.
    pub(crate) fn allow(&self, more: Duration) {
        let nanos = u64::try_from(more.as_nanos()).unwrap_or(u64::MAX);
        self.allowed_nanos.fetch_add(nanos, Relaxed);
    }

    /// What was allowed beyond the limit.
    pub(crate) fn allowed(&self) -> Duration {
        Duration::from_nanos(self.allowed_nanos.load(Relaxed))
    }

    /// The guest's time so far, the running stretch included when asked from within it.
    pub(crate) fn used(&self) -> Duration {
        let since = self.since_nanos.load(Relaxed);
        let running = if since == 0 { 0 } else { thread_nanos().saturating_sub(since) };
        Duration::from_nanos(self.used_nanos.load(Relaxed).saturating_add(running))
    }
}

fn thread_nanos() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(now.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// Runs the clock while the future is polled.
pub(crate) struct Metered<F> {
    future: Pin<Box<F>>,
    meter: Arc<Meter>,
}

impl<F> Metered<F> {
    pub(crate) fn new(meter: Arc<Meter>, future: F) -> Self {
        Self {
            future: Box::pin(future),
            meter,
        }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.enter();
        let poll = self.future.as_mut().poll(cx);
        self.meter.leave();
        poll
    }
}

/// Stops the clock while the future is polled: for work of the host within a guest's call.
pub(crate) struct Unmetered<F> {
    future: Pin<Box<F>>,
    meter: Arc<Meter>,
}

impl<F> Unmetered<F> {
    pub(crate) fn new(meter: Arc<Meter>, future: F) -> Self {
        Self {
            future: Box::pin(future),
            meter,
        }
    }
}

impl<F: Future> Future for Unmetered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.leave();
        let poll = self.future.as_mut().poll(cx);
        self.meter.enter();
        poll
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burn(time: Duration) {
        let end = thread_nanos() + u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        while thread_nanos() < end {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn only_the_guests_own_stretches_count() {
        let meter = Arc::new(Meter::default());
        let inner = Arc::clone(&meter);
        let call = Metered::new(Arc::clone(&meter), async move {
            burn(Duration::from_millis(5));
            Unmetered::new(Arc::clone(&inner), async { burn(Duration::from_millis(60)) }).await;
            assert!(inner.used() < Duration::from_millis(30), "host work counted");
        });
        let mut call = std::pin::pin!(call);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_ready());
        burn(Duration::from_millis(60));
        assert!(meter.used() >= Duration::from_millis(5));
        assert!(meter.used() < Duration::from_millis(30), "time outside counted");
    }
}
