//! The product, with hooks in its saga: `GATEWRIGHT_SUITE_HOOK` names a step and what happens there.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use gatewright_control::{HookFailure, NoHooks, SagaHooks, Step};
use gatewright_core::SessionId;

fn main() -> ExitCode {
    let hooks: Arc<dyn SagaHooks> = match std::env::var("GATEWRIGHT_SUITE_HOOK") {
        Ok(text) => match Hook::parse(&text) {
            Some(hook) => Arc::new(hook),
            None => {
                eprintln!("GATEWRIGHT_SUITE_HOOK {text:?} is none that is known");
                return ExitCode::FAILURE;
            }
        },
        Err(_) => Arc::new(NoHooks),
    };
    gatewright_app::run(hooks)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Fail,
    KillBefore,
    KillAfter,
}

struct Hook {
    what: What,
    step: Step,
    done: AtomicBool,
}

impl Hook {
    fn parse(text: &str) -> Option<Self> {
        let (what, step) = text.split_once(':')?;
        let what = match what {
            "fail" => What::Fail,
            "kill-before" => What::KillBefore,
            "kill-after" => What::KillAfter,
            _ => return None,
        };
        let step = Step::ALL.into_iter().find(|known| name(*known) == step)?;
        Some(Self {
            what,
            step,
            done: AtomicBool::new(false),
        })
    }

    fn is_due(&self, step: Step, what: What) -> bool {
        self.step == step && self.what == what && !self.done.swap(true, Ordering::SeqCst)
    }
}

fn name(step: Step) -> &'static str {
    match step {
        Step::Place => "place",
        Step::Reserve => "reserve",
        Step::Create => "create",
        Step::Start => "start",
        Step::WaitReady => "wait-ready",
        Step::Ready => "ready",
        Step::Disconnect => "disconnect",
        Step::Destroy => "destroy",
        Step::Finish => "finish",
    }
}

#[async_trait]
impl SagaHooks for Hook {
    async fn before(&self, step: Step, _: SessionId) -> Result<(), HookFailure> {
        if self.is_due(step, What::KillBefore) {
            std::process::abort();
        }
        Ok(())
    }

    async fn after(&self, step: Step, _: SessionId) -> Result<(), HookFailure> {
        if self.is_due(step, What::KillAfter) {
            std::process::abort();
        }
        if self.is_due(step, What::Fail) { Err(HookFailure) } else { Ok(()) }
    }
}
