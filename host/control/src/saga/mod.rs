//! A session from its request to its end. Every state is in the database before the step that follows it runs, and the
//! undo of every step is one idempotent `destroy`.
//!
//! `launch` asks for a session, `drive` takes it through its states, `steps` are those of the launch, `check` looks at an image in their place, `pause` freezes it and lets it go on, `limits` end what is over, `teardown` is the
//! undo, `recover` and `reconcile` mend what a crash or a lost container left.

pub(crate) mod check;
pub(crate) mod drive;
pub(crate) mod hooks;
pub(crate) mod launch;
pub(crate) mod limits;
pub(crate) mod pause;
pub(crate) mod reconcile;
pub(crate) mod recover;
pub(crate) mod steps;
pub(crate) mod teardown;
pub(crate) mod watch;
