//! Called around each step, so that tests can fail or stop the saga anywhere.

use async_trait::async_trait;
use gatewright_core::SessionId;

/// The steps of a session's life, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Choosing nodes.
    Place,
    /// Taking a node's room and making the secret.
    Reserve,
    /// The agent makes the container.
    Create,
    /// The agent starts it.
    Start,
    /// The desktop answers.
    WaitReady,
    /// It is declared ready.
    Ready,
    /// Closing the streams that people have open.
    Disconnect,
    /// The agent removes everything.
    Destroy,
    /// It is declared gone.
    Finish,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 9] = [
        Self::Place,
        Self::Reserve,
        Self::Create,
        Self::Start,
        Self::WaitReady,
        Self::Ready,
        Self::Disconnect,
        Self::Destroy,
        Self::Finish,
    ];
}

/// A hook wants the step to fail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step was failed by a hook")]
pub struct HookFailure;

/// Looks at each step. The product's own does nothing.
#[async_trait]
pub trait SagaHooks: Send + Sync {
    /// Before the step does anything.
    ///
    /// # Errors
    /// [`HookFailure`] fails the step.
    async fn before(&self, step: Step, session: SessionId) -> Result<(), HookFailure>;

    /// After the step did all of it.
    ///
    /// # Errors
    /// [`HookFailure`] fails the step, though it was done.
    async fn after(&self, step: Step, session: SessionId) -> Result<(), HookFailure>;
}

/// Does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHooks;

#[async_trait]
impl SagaHooks for NoHooks {
    async fn before(&self, _: Step, _: SessionId) -> Result<(), HookFailure> {
        Ok(())
    }

    async fn after(&self, _: Step, _: SessionId) -> Result<(), HookFailure> {
        Ok(())
    }
}
