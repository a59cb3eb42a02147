//! The containers that this agent made. Nothing else can be addressed.

use std::collections::HashMap;
use std::fmt;

use gatewright_core::SessionId;

use super::exec::{Cut, Exec, ExecId};

/// An engine's id for a container. Of the engines whose language is read: 64 lower-case hexadecimal digits; names and
/// shortened ids are not ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContainerId(String);

impl ContainerId {
    /// Reads exactly the full form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 64 && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// Reads a word of letters, digits, `-`, `_` and `.`, at most 256: what an engine of another language may use.
    #[must_use]
    pub fn parse_unread(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        (first && text.len() <= 256 && text.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which container is whose, as learnt from the engine's own answers: to a creation that the guard built, or to a list
/// where the engine's labels name this deployment.
#[derive(Debug, Default)]
pub struct Known(HashMap<ContainerId, SessionId>, HashMap<ExecId, Exec>);

impl Known {
    /// Remembers a container.
    pub fn learn(&mut self, id: ContainerId, session: SessionId) {
        self.0.insert(id, session);
    }

    /// Forgets a container that is gone.
    pub fn forget(&mut self, id: &ContainerId) {
        self.0.remove(id);
    }

    /// What is known of a session is exactly this, as a full list of its containers said.
    pub fn relearn(&mut self, session: SessionId, ids: impl IntoIterator<Item = ContainerId>) {
        self.0.retain(|_, owner| *owner != session);
        self.0.extend(ids.into_iter().map(|id| (id, session)));
    }

    /// The containers of a session.
    #[must_use]
    pub fn of_session(&self, session: SessionId) -> Vec<ContainerId> {
        let mut ids: Vec<ContainerId> = self
            .0
            .iter()
            .filter(|(_, owner)| **owner == session)
            .map(|(id, _)| id.clone())
            .collect();
        ids.sort_by(|a, b| a.0.cmp(&b.0));
        ids
    }

    /// Remembers a program that was made ready to run.
    pub(super) fn learn_exec(&mut self, exec: Exec) {
        self.1.insert(exec.id.clone(), exec);
    }

    /// A program that a call runs.
    #[must_use]
    pub fn exec(&self, id: &ExecId) -> Option<&Exec> {
        self.1.get(id)
    }

    pub(super) fn exec_mut(&mut self, id: &ExecId) -> Option<&mut Exec> {
        self.1.get_mut(id)
    }

    /// Not all that a program writes is read.
    pub fn cut_exec(&mut self, id: &ExecId, cut: Cut) {
        if let Some(exec) = self.1.get_mut(id) {
            exec.cut = Some(cut);
        }
    }

    /// The programs of a call.
    #[must_use]
    pub fn execs_of(&self, call: u64) -> Vec<Exec> {
        self.1.values().filter(|exec| exec.call == call).cloned().collect()
    }

    /// Forgets the programs of a call that is over.
    pub fn forget_execs_of(&mut self, call: u64) {
        self.1.retain(|_, exec| exec.call != call);
    }

    /// The session of a container, where it is one of ours.
    #[must_use]
    pub fn session_of(&self, id: &ContainerId) -> Option<SessionId> {
        self.0.get(id).copied()
    }
}
