//! One call of a plugin: a fresh store under limits, and what can go wrong with it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gatewright_core::SessionId;
use gatewright_core::reason::UndeclaredReason;
use tracing::Instrument;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};

use crate::credential::OfferedSecret;
use crate::imports::http::HttpAccess;
use crate::imports::log::LogBudget;
use crate::imports::progress::ProgressSink;
use crate::limits::{self, Budget, Limits};
use crate::meter::{Meter, Metered};
use crate::plugin::{Plugin, World};
use crate::store::{CallState, GuestTimeSpent, MemoryLimit, MemoryLimitReached};
use crate::text::bounded;

/// For whom a plugin is called, and with which configuration.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The session whose budget of instances the call counts against. None for calls of the host itself.
    pub session: Option<SessionId>,
    /// The administrator's configuration, a JSON object.
    pub config: Arc<str>,
    /// Wall-clock time for this call, if shorter than the manifest's. The call fails closed when it is over.
    pub deadline: Option<Duration>,
}

impl CallContext {
    /// A call without a session, with configuration `{}` and the manifest's deadline.
    #[must_use]
    pub fn of_host() -> Self {
        Self {
            session: None,
            config: "{}".into(),
            deadline: None,
        }
    }
}

/// What a plugin answered, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The checked answer.
    pub value: T,
    /// Microseconds from the call to the answer, waiting for an instance included.
    pub micros: u64,
}

/// Why there is no answer. Texts are for administrators; who gets one decides what it means (a gate denies).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The plugin broke: a panic, a bad access, recursion without end.
    #[error("plugin stopped: {message}")]
    Trap {
        /// What happened, with the plugin's own last error line where it wrote one.
        message: String,
    },
    /// The call as a whole took too long; mostly the plugin waited for something.
    #[error("plugin did not answer within {} ms", limit.as_millis())]
    Timeout {
        /// The deadline.
        limit: Duration,
    },
    /// The plugin computed for too long.
    #[error("plugin used up its {} ms of processor time", limit.as_millis())]
    OutOfTime {
        /// The budget.
        limit: Duration,
    },
    /// The plugin wanted more memory than it may have.
    #[error("plugin wanted more than its {} MiB of memory", limit_bytes >> 20)]
    OutOfMemory {
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// The plugin answered with more than it may.
    #[error("plugin handed over more than {} MiB at once", limits::MAX_OUTPUT_BYTES >> 20)]
    TooMuchOutput,
    /// The plugin gave a reason that its manifest does not cover.
    #[error("plugin gave a reason that its manifest does not declare")]
    UndeclaredReason(#[source] UndeclaredReason),
    /// The plugin's answer makes no sense.
    #[error("plugin gave an answer that makes no sense: {detail}")]
    BadAnswer {
        /// What about it.
        detail: String,
    },
    /// All instances that it may have were in use until the deadline.
    #[error("plugin is busy: no instance came free in time")]
    Busy,
    /// The plugin can't read its configuration.
    #[error("plugin can't use its configuration: {detail}")]
    Config {
        /// The field or place that is wrong, in the plugin's words.
        detail: String,
    },
    /// Not a plugin of this kind.
    #[error("plugin is of another kind")]
    WrongKind,
}

impl CallError {
    pub(crate) fn config(detail: &str) -> Self {
        Self::Config {
            detail: bounded(detail, limits::MAX_ERROR_TEXT_BYTES),
        }
    }

    pub(crate) fn bad_answer(detail: impl Into<String>) -> Self {
        Self::BadAnswer { detail: detail.into() }
    }

    /// A short word for metrics and records: `trap`, `timeout`, ...
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::Timeout { .. } => "timeout",
            Self::OutOfTime { .. } => "out-of-time",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::TooMuchOutput => "too-much-output",
            Self::UndeclaredReason(_) => "undeclared-reason",
            Self::BadAnswer { .. } => "bad-answer",
            Self::Busy => "busy",
            Self::Config { .. } => "config",
            Self::WrongKind => "wrong-kind",
        }
    }
}

/// What a call gets beside its configuration.
#[derive(Default)]
pub(crate) struct Granted {
    pub(crate) secrets: Vec<OfferedSecret>,
    pub(crate) http: Option<HttpAccess>,
    /// The call is a pull, which may take long: who listens to how far it is.
    pub(crate) pull: Option<ProgressSink>,
}

impl Plugin {
    /// Runs `body` with a fresh store under this plugin's limits, then `finish` on what it gave.
    ///
    /// Cancel-safe: dropping the future ends the guest.
    pub(crate) async fn run<R, T, F>(
        &self,
        function: &'static str,
        context: &CallContext,
        granted: Granted,
        body: impl FnOnce(Store<CallState>) -> F + Send,
        finish: impl FnOnce(R) -> Result<T, CallError> + Send,
    ) -> Result<Answer<T>, CallError>
    where
        F: Future<Output = (Store<CallState>, wasmtime::Result<R>)> + Send,
        R: Send,
        T: Send,
    {
        let started = Instant::now();
        let span = tracing::debug_span!(
            "plugin_call",
            plugin = %self.name(),
            version = %self.version,
            function,
            session_id = context.session.map(tracing::field::display),
        );
        let result = self
            .run_limited(context, granted, body)
            .instrument(span.clone())
            .await
            .and_then(finish);
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counters.add(result.as_ref().err(), micros);
        let _entered = span.enter();
        match &result {
            Ok(_) => tracing::debug!(outcome = "ok", micros, "Plugin answered"),
            Err(error) => {
                tracing::warn!(outcome = error.kind(), micros, %error, "Plugin call failed");
            }
        }
        result.map(|value| Answer { value, micros })
    }

    /// The part of [`Self::run`] that is under limits; not counted.
    pub(crate) async fn run_limited<R, F>(
        &self,
        context: &CallContext,
        granted: Granted,
        body: impl FnOnce(Store<CallState>) -> F,
    ) -> Result<R, CallError>
    where
        F: Future<Output = (Store<CallState>, wasmtime::Result<R>)>,
    {
        let limits = self.manifest().limits;
        // A file takes as long as its sender. A rule can wait for nothing but its content, whose source gives up by itself;
        // all else that it does is its own time.
        let is_file = matches!(self.world, World::File(_));
        let is_pull = granted.pull.is_some();
        let wall = if is_file {
            limits::FILE_INSTANCE_WAIT
        } else if is_pull {
            context.deadline.unwrap_or(limits::PULL_DEADLINE).min(limits::PULL_DEADLINE)
        } else {
            context.deadline.unwrap_or(limits.deadline).min(limits.deadline)
        };
        let budget = if is_file {
            Budget::Files
        } else if is_pull {
            Budget::Pulls
        } else {
            Budget::Kind(self.kind())
        };
        let deadline = tokio::time::Instant::now() + wall;
        let permit = self.shared.permits.acquire(budget, context.session);
        let _permit = tokio::time::timeout_at(deadline, permit)
            .await
            .ok()
            .flatten()
            .ok_or(CallError::Busy)?;
        if tokio::time::Instant::now() >= deadline {
            return Err(CallError::Busy);
        }
        let _ticking = self.shared.ticker.time_a_call();
        let store = self.store(context, granted, limits);
        let meter = Arc::clone(&store.data().meter);
        if is_pull {
            meter.allow(limits::PULL_GUEST_TIME);
        }
        let call = Metered::new(meter, body(store));
        let (store, result) = if is_file {
            call.await
        } else {
            tokio::time::timeout_at(deadline, call)
                .await
                .map_err(|_| CallError::Timeout { limit: wall })?
        };
        let log = &store.data().log;
        if log.dropped > 0 {
            tracing::warn!(lines = log.dropped, "Plugin logged too much, lines were dropped");
        }
        result.map_err(|error| explain(&error, limits, log))
    }

    fn store(&self, context: &CallContext, granted: Granted, limits: Limits) -> Store<CallState> {
        let meter = Arc::new(Meter::default());
        let mut store = Store::new(
            &self.shared.engine,
            CallState {
                plugin: self.name().clone(),
                version: Arc::clone(&self.version),
                config: Arc::clone(&context.config),
                memory: MemoryLimit::new(limits.memory_bytes),
                log: LogBudget::default(),
                secrets: granted.secrets,
                http: granted.http,
                progress: granted.pull,
                table: wasmtime::component::ResourceTable::new(),
                meter: Arc::clone(&meter),
            },
        );
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(limits::MAX_OUTPUT_BYTES);
        // Give way at each tick; stop when the guest's own time is spent, however little the machine gave it.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            if meter.used() > limits.guest_time + meter.allowed() {
                Err(wasmtime::Error::new(GuestTimeSpent))
            } else {
                Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
            }
        });
        store
    }
}

/// wasmtime's own words when a guest hands over more than the store's hostcall fuel; the error has no public type.
const FUEL_TEXT: &str = "fuel allocated for hostcalls has been exhausted";

fn explain(error: &wasmtime::Error, limits: Limits, log: &LogBudget) -> CallError {
    if error.is::<GuestTimeSpent>() {
        return CallError::OutOfTime { limit: limits.guest_time };
    }
    if error.is::<MemoryLimitReached>() {
        return CallError::OutOfMemory {
            limit_bytes: limits.memory_bytes,
        };
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return CallError::Busy;
    }
    let cause = error.root_cause().to_string();
    if cause.contains(FUEL_TEXT) {
        return CallError::TooMuchOutput;
    }
    let what = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => "recursion too deep, its stack is exhausted".to_owned(),
        Some(trap) => trap.to_string(),
        None => cause,
    };
    let message = match &log.last_error {
        Some(line) => format!("{what} ({line})"),
        None => what,
    };
    CallError::Trap {
        message: bounded(&message, limits::MAX_ERROR_TEXT_BYTES),
    }
}
