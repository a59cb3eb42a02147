//! Hooks that fail a step or hold the saga still in it.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender};

use async_trait::async_trait;
use gatewright_control::{HookFailure, SagaHooks, Step};
use gatewright_core::SessionId;

use crate::agent::When;

/// Fails each of the steps that it holds once.
#[derive(Default)]
pub(crate) struct FailSteps(Mutex<Vec<(Step, When)>>);

impl FailSteps {
    pub(crate) fn at(steps: &[(Step, When)]) -> Self {
        Self(Mutex::new(steps.to_vec()))
    }

    pub(crate) fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn check(&self, step: Step, when: When) -> Result<(), HookFailure> {
        let mut steps = self.0.lock().unwrap();
        match steps.iter().position(|one| *one == (step, when)) {
            Some(index) => {
                steps.remove(index);
                Err(HookFailure)
            }
            None => Ok(()),
        }
    }
}

#[async_trait]
impl SagaHooks for FailSteps {
    async fn before(&self, step: Step, _: SessionId) -> Result<(), HookFailure> {
        self.check(step, When::Before)
    }

    async fn after(&self, step: Step, _: SessionId) -> Result<(), HookFailure> {
        self.check(step, When::After)
    }
}

/// Says when a step is reached, and never lets it go on.
pub(crate) struct Freeze {
    step: (Step, When),
    reached: Mutex<Sender<()>>,
}

impl Freeze {
    pub(crate) fn at(step: (Step, When), reached: Sender<()>) -> Self {
        Self {
            step,
            reached: Mutex::new(reached),
        }
    }

    async fn check(&self, step: Step, when: When) -> Result<(), HookFailure> {
        if self.step == (step, when) {
            self.reached.lock().unwrap().send(()).unwrap();
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

#[async_trait]
impl SagaHooks for Freeze {
    async fn before(&self, step: Step, _: SessionId) -> Result<(), HookFailure> {
        self.check(step, When::Before).await
    }

    async fn after(&self, step: Step, _: SessionId) -> Result<(), HookFailure> {
        self.check(step, When::After).await
    }
}

/// Says when a step is reached, and holds the whole thread there until it is let go: a process that gets no time.
pub(crate) struct Stall {
    step: (Step, When),
    reached: Mutex<Sender<()>>,
    go: Mutex<Receiver<()>>,
}

impl Stall {
    pub(crate) fn at(step: (Step, When), reached: Sender<()>, go: Receiver<()>) -> Self {
        Self {
            step,
            reached: Mutex::new(reached),
            go: Mutex::new(go),
        }
    }

    fn check(&self, step: Step, when: When) {
        if self.step == (step, when) {
            self.reached.lock().unwrap().send(()).unwrap();
            self.go.lock().unwrap().recv().unwrap();
        }
    }
}

#[async_trait]
impl SagaHooks for Stall {
    async fn before(&self, step: Step, _: SessionId) -> Result<(), HookFailure> {
        self.check(step, When::Before);
        Ok(())
    }

    async fn after(&self, step: Step, _: SessionId) -> Result<(), HookFailure> {
        self.check(step, When::After);
        Ok(())
    }
}
